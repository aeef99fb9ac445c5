#include "cli/redis_access.hpp"

#include <fmt/format.h>

#include "cli/default_directory.hpp"
#include "cli/server_options.hpp"
#include "embedded/socket_place.hpp"

namespace inkwell::cli {

Result<RedisAccess> RedisAccess::find(const config::Loaded& loaded, const std::vector<std::string>& environment) {
  auto options = redis_options(loaded);
  if (!options) return std::unexpected(options.error());
  options->client_name = "inkwell-cli";
  if (!loaded.config.redis.url.empty()) return RedisAccess(std::move(*options), false);
  std::filesystem::path directory = loaded.config.data_dir;
  if (directory.empty()) directory = default_data_directory(environment).value_or("");
  const auto socket = embedded::find_socket(directory);
  if (!socket)
    return fail(ErrorKind::unavailable, "redis_not_running",
                fmt::format("No Redis is configured, and no `inkwell serve` runs on {}.",
                            directory.empty() ? "a data directory" : directory.string()),
                "Name your Redis with --redis, or the data directory of a running server with --data-dir.");
  options->endpoint.unix_path = socket->string();
  return RedisAccess(std::move(*options), true);
}

}  // namespace inkwell::cli
