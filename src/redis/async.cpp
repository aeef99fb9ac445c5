#include <inkwell/redis/async.hpp>

namespace inkwell::redis::detail {

Error cancelled_call() {
  return Error(ErrorKind::cancelled, "redis_cancelled", "The call was cancelled.").with_unknown_outcome();
}

}  // namespace inkwell::redis::detail
