// From the configuration to what the parts are made from: they know nothing of settings, files or flags.
#pragma once

#include <inkwell/error.hpp>

#include "config/load.hpp"
#include "server/options.hpp"

namespace inkwell::cli {

/// All but the log and, where no Redis is configured, its address. Refuses a redis.url that cannot be understood,
/// naming where it came from.
Result<server::Options> server_options(const config::Loaded& loaded);

/// The link's part of it. Without a redis.url the endpoint is that of its default, not the embedded server's.
Result<redis::Options> redis_options(const config::Loaded& loaded);

}  // namespace inkwell::cli
