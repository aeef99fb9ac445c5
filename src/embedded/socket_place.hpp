// SocketPlace: where the embedded Redis puts its Unix socket. In the data directory, unless that path is longer than a
// socket's may be (107 bytes, unix(7)): then in a private directory of its own under $XDG_RUNTIME_DIR or the directory
// for temporary files. That one is noted in the data directory, so that the next start can remove it if this process is
// killed. Removes socket and private directory when destroyed.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::embedded {

class SocketPlace {
 public:
  /// `directory` is the redis directory, whose lock the caller holds: any socket in it is an orphan and is removed.
  /// `runtime_directories` are tried in turn when its path is too long.
  static Result<SocketPlace> choose(const std::filesystem::path& directory,
                                    const std::vector<std::filesystem::path>& runtime_directories);
  SocketPlace(SocketPlace&& other) noexcept;
  SocketPlace& operator=(SocketPlace&&) = delete;
  ~SocketPlace();

  const std::filesystem::path& socket() const noexcept { return socket_; }

 private:
  SocketPlace(std::filesystem::path socket, std::filesystem::path note)
      : socket_(std::move(socket)), note_(std::move(note)) {}

  std::filesystem::path socket_;  ///< empty once moved from
  std::filesystem::path note_;    ///< where the private directory is noted; empty: there is none
};

/// Where the redis-server of whoever serves from `data_directory` now listens; nothing when there is no socket. Looks
/// only, and takes no lock.
std::optional<std::filesystem::path> find_socket(const std::filesystem::path& data_directory);

/// $XDG_RUNTIME_DIR when it is set and absolute, then the directory for temporary files, then /tmp.
std::vector<std::filesystem::path> runtime_directories();

}  // namespace inkwell::embedded
