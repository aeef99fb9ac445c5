#include "embedded/program.hpp"

#include <fmt/format.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace inkwell::embedded {
namespace {

constexpr std::string_view kInstall =
    "Install it (Debian and Ubuntu: sudo apt-get install redis-server), or use a Redis of your own with --redis URL.";

bool is_executable(const std::filesystem::path& file) {
  struct stat about{};
  return ::stat(file.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<std::filesystem::path> look_in(std::string_view path, std::string_view name) {
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    path.remove_prefix(colon == std::string_view::npos ? path.size() : colon + 1);
    // An empty folder in PATH means the working directory: not where a server's program is taken from.
    if (folder.empty()) continue;
    auto file = std::filesystem::path(folder) / name;
    if (is_executable(file)) return file;
  }
  return std::nullopt;
}

}  // namespace

Result<std::filesystem::path> find_program(const std::string& wanted, std::string_view path) {
  if (wanted.find('/') != std::string::npos) {
    if (is_executable(wanted)) return std::filesystem::path(wanted);
    return fail(ErrorKind::invalid_argument, "redis_server_missing",
                fmt::format("redis.program names {}, which is not an executable file.", wanted), std::string(kInstall));
  }
  if (!wanted.empty()) {
    if (auto found = look_in(path, wanted)) return *found;
    return fail(ErrorKind::invalid_argument, "redis_server_missing",
                fmt::format("redis.program names {}, which is in no folder of PATH.", wanted), std::string(kInstall));
  }
  for (const std::string_view name : {"redis-server", "valkey-server"})
    if (auto found = look_in(path, name)) return *found;
  return fail(ErrorKind::unavailable, "redis_server_missing",
              "Neither redis-server nor valkey-server is in any folder of PATH.", std::string(kInstall));
}

}  // namespace inkwell::embedded
