#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/assignment.hpp"
#include "config/quote.hpp"

namespace inkwell::config {
namespace {

std::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
  return fail(ErrorKind::invalid_argument, "unreadable_file", fmt::format("{} cannot be read: {}.", quote(path), why),
              "Check the path and its permissions.");
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<FileText> read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  struct stat about{};
  if (file.fd < 0 || ::fstat(file.fd, &about) != 0) return unreadable(path, std::strerror(errno));
  if (S_ISDIR(about.st_mode)) return unreadable(path, "it is a directory");
  FileText out;
  out.world_readable = S_ISREG(about.st_mode) && (about.st_mode & S_IROTH) != 0;
  out.text.resize(max_bytes + 1);
  std::size_t size = 0;
  while (size < out.text.size()) {
    const ssize_t n = ::read(file.fd, out.text.data() + size, out.text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(path, std::strerror(errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > max_bytes) return unreadable(path, fmt::format("it is larger than {} bytes", max_bytes));
  out.text.resize(size);
  return out;
}

}  // namespace inkwell::config
