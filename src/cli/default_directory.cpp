#include "cli/default_directory.hpp"

#include <pwd.h>
#include <string_view>
#include <unistd.h>

namespace inkwell::cli {
namespace {

// The variable's value when it is an absolute path, else empty.
std::string absolute(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& variable : environment)
    if (variable.starts_with(name) && variable.substr(name.size()).starts_with("=/"))
      return variable.substr(name.size() + 1);
  return {};
}

}  // namespace

std::optional<std::filesystem::path> default_data_directory(const std::vector<std::string>& environment) {
  if (const std::string data = absolute(environment, "XDG_DATA_HOME"); !data.empty())
    return std::filesystem::path(data) / "inkwell";
  std::string home = absolute(environment, "HOME");
  if (home.empty()) {
    const passwd* user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): before any other thread runs
    if (user != nullptr && user->pw_dir != nullptr) home = user->pw_dir;
  }
  if (home.empty()) return std::nullopt;
  return std::filesystem::path(home) / ".local/share/inkwell";
}

}  // namespace inkwell::cli
