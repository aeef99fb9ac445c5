#include "server/router.hpp"
#include "server/routes/routes.hpp"

namespace inkwell::server {

void add_embedding_routes(Router&) {}

}  // namespace inkwell::server
