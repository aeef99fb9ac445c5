#include "embedded/probe.hpp"

#include <array>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "embedded/descriptor.hpp"

namespace inkwell::embedded {
namespace {

// Sends an inline command and returns what comes back up to `enough`; empty when nothing does.
std::string ask(const std::filesystem::path& socket, std::string_view command, std::string_view enough) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const Descriptor link(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{1, 0};
  ::setsockopt(link.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(link.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (!link || ::connect(link.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  if (::send(link.get(), command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()))
    return {};
  std::string answer;
  std::array<char, 4096> block;
  while (answer.find(enough) == std::string::npos && answer.size() < 64 * 1024) {
    const ssize_t size = ::recv(link.get(), block.data(), block.size(), 0);
    if (size <= 0) break;
    answer.append(block.data(), static_cast<std::size_t>(size));
  }
  return answer;
}

}  // namespace

Health probe(const std::filesystem::path& socket) {
  const std::string answer = ask(socket, "PING\r\n", "\r\n");
  if (answer.starts_with("+PONG")) return Health::ready;
  return answer.starts_with("-LOADING") ? Health::loading : Health::silent;
}

std::optional<std::string> redis_version(const std::filesystem::path& socket) {
  constexpr std::string_view kField = "redis_version:";
  const std::string answer = ask(socket, "INFO server\r\n", "run_id:");
  const std::size_t at = answer.find(kField);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t start = at + kField.size();
  return answer.substr(start, answer.find('\r', start) - start);
}

}  // namespace inkwell::embedded
