#include "embedded/socket_place.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <sys/un.h>
#include <unistd.h>

namespace inkwell::embedded {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kSocket = "redis.sock";
constexpr std::string_view kNote = "socket-directory";

bool fits(const fs::path& socket) { return socket.native().size() < sizeof(sockaddr_un::sun_path); }

// Only ever a socket of that name and a directory that is empty then: a note that was tampered with can do no harm.
void remove_private_directory(const fs::path& directory) {
  ::unlink((directory / kSocket).c_str());
  ::rmdir(directory.c_str());
}

std::optional<fs::path> noted_directory(const fs::path& note) {
  std::ifstream file(note);
  std::string line;
  if (!std::getline(file, line) || !line.starts_with('/')) return std::nullopt;
  return line;
}

void remove_orphans(const fs::path& directory, const fs::path& note) {
  ::unlink((directory / kSocket).c_str());
  if (const auto orphan = noted_directory(note)) remove_private_directory(*orphan);
  ::unlink(note.c_str());
}

}  // namespace

Result<SocketPlace> SocketPlace::choose(const fs::path& directory, const std::vector<fs::path>& runtime_directories) {
  const fs::path note = directory / kNote;
  remove_orphans(directory, note);
  if (fits(directory / kSocket)) return SocketPlace(directory / kSocket, {});
  std::string why = "there is none";
  for (const fs::path& parent : runtime_directories) {
    std::string pattern = (parent / "inkwell-XXXXXX").string();
    if (!fits(fs::path(pattern) / kSocket)) {
      why = fmt::format("{} is too long as well", parent.string());
    } else if (::mkdtemp(pattern.data()) == nullptr) {  // mode 0700
      why = fmt::format("{}: {}", parent.string(), std::strerror(errno));
    } else {
      std::ofstream(note) << pattern << '\n';
      return SocketPlace(fs::path(pattern) / kSocket, note);
    }
  }
  return fail(ErrorKind::invalid_argument, "data_directory_unusable",
              fmt::format("The path {} is too long for a Unix socket, and no other place for one was found: {}.",
                          directory.string(), why),
              "Name a data directory with a shorter path with --data-dir.");
}

SocketPlace::SocketPlace(SocketPlace&& other) noexcept
    : socket_(std::exchange(other.socket_, {})), note_(std::exchange(other.note_, {})) {}

SocketPlace::~SocketPlace() {
  if (socket_.empty()) return;
  ::unlink(socket_.c_str());
  if (note_.empty()) return;
  remove_private_directory(socket_.parent_path());
  ::unlink(note_.c_str());
}

std::optional<fs::path> find_socket(const fs::path& data_directory) {
  const fs::path directory = data_directory / "redis";
  std::error_code failed;
  fs::path here = directory / kSocket;
  if (fs::is_socket(here, failed)) return here;
  const auto noted = noted_directory(directory / kNote);
  if (noted && fs::is_socket(*noted / kSocket, failed)) return *noted / kSocket;
  return std::nullopt;
}

std::vector<fs::path> runtime_directories() {
  std::vector<fs::path> all;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && runtime[0] == '/')
    all.emplace_back(runtime);
  std::error_code failed;
  if (const fs::path temporary = fs::temp_directory_path(failed); !failed) all.push_back(temporary);
  all.emplace_back("/tmp");
  return all;
}

}  // namespace inkwell::embedded
