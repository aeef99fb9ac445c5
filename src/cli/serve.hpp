// `inkwell serve`: log, Redis, server, in this order, and back.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "server/options.hpp"

namespace inkwell::cli {

/// Serves until SIGINT or SIGTERM: the first drains, the second ends what still runs, the third leaves at once. Prints
/// "inkwell listening on http://HOST:PORT" to `out` once connections are accepted. Returns an exit code.
int serve(const config::Loaded& loaded, server::Options options, const std::vector<std::string>& environment,
          std::ostream& out, std::ostream& err);

}  // namespace inkwell::cli
