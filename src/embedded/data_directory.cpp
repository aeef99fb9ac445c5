#include "embedded/data_directory.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

namespace inkwell::embedded {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::milliseconds kLook{20};

std::unexpected<Error> unusable(const fs::path& path, std::string_view why) {
  return fail(ErrorKind::invalid_argument, "data_directory_unusable",
              fmt::format("The data directory cannot be used: {}: {}.", path.string(), why),
              "Name a directory you may write to with --data-dir.");
}

Result<void> make_private_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return unusable(path, std::strerror(errno));
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return unusable(path, std::strerror(errno));
  if (!S_ISDIR(about.st_mode)) return unusable(path, "it is not a directory");
  return {};
}

void write_pid(int fd, pid_t pid) {
  const std::string text = fmt::format("{}\n", pid);
  // The file only informs: a newcomer that reads it half-written, or not at all, says less and does the same.
  if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, text.data(), text.size(), 0);
}

std::string written_pid(int fd) {
  std::array<char, 24> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  std::string digits;
  for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' && text[static_cast<std::size_t>(i)] <= '9';
       ++i)
    digits += text[static_cast<std::size_t>(i)];
  return digits.empty() ? "unknown" : digits;
}

Result<Descriptor> open_lock(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return unusable(path, std::strerror(errno));
  return file;
}

Result<bool> try_lock(const Descriptor& file, const fs::path& path) {
  int done = 0;
  do done = ::flock(file.get(), LOCK_EX | LOCK_NB);
  while (done != 0 && errno == EINTR);
  if (done == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return unusable(path, fmt::format("it cannot be locked: {}", std::strerror(errno)));
}

Result<void> take_redis_lock(const Descriptor& file, const fs::path& path, const fs::path& directory,
                             std::chrono::milliseconds patience, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto locked = try_lock(file, path);
    if (!locked) return std::unexpected(locked.error());
    if (*locked) return {};
    if (stop.stop_requested())
      return fail(ErrorKind::cancelled, "cancelled", "Told to stop while waiting for the data directory.");
    if (std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(kLook);  // tidy: at start-up, before there is a loop to wait on
  }
  return fail(ErrorKind::conflict, "data_directory_in_use",
              fmt::format("The redis-server (process {}) of an earlier run still works in the data directory {}.",
                          written_pid(file.get()), directory.string()),
              fmt::format("Wait until it has written its data, or end it: kill {}.", written_pid(file.get())));
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const fs::path& path, std::chrono::milliseconds patience,
                                          std::stop_token stop) {
  std::error_code failed;
  DataDirectory out;
  out.path_ = fs::absolute(path, failed).lexically_normal();
  if (out.path_.filename().empty()) out.path_ = out.path_.parent_path();
  if (path.empty() || failed) return unusable(path, "it is not a path");
  fs::create_directories(out.path_.parent_path(), failed);  // where it fails, the next line says why
  if (auto made = make_private_directory(out.path_); !made) return std::unexpected(made.error());

  auto lock = open_lock(out.path_ / "lock");
  if (!lock) return std::unexpected(lock.error());
  const auto locked = try_lock(*lock, out.path_ / "lock");
  if (!locked) return std::unexpected(locked.error());
  if (!*locked)
    return fail(ErrorKind::conflict, "data_directory_in_use",
                fmt::format("The data directory {} is in use by another inkwell (process {}).", out.path_.string(),
                            written_pid(lock->get())),
                "Stop that one, or give this one a directory of its own with --data-dir.");
  write_pid(lock->get(), ::getpid());
  out.lock_ = std::move(*lock);

  if (auto made = make_private_directory(out.redis()); !made) return std::unexpected(made.error());
  if (::chmod(out.redis().c_str(), 0700) != 0) return unusable(out.redis(), std::strerror(errno));
  auto redis_lock = open_lock(out.redis() / "lock");
  if (!redis_lock) return std::unexpected(redis_lock.error());
  if (auto taken = take_redis_lock(*redis_lock, out.redis() / "lock", out.path_, patience, stop); !taken)
    return std::unexpected(taken.error());
  out.redis_lock_ = std::move(*redis_lock);
  return out;
}

void DataDirectory::note_redis_pid(pid_t pid) const { write_pid(redis_lock_.get(), pid); }

}  // namespace inkwell::embedded
