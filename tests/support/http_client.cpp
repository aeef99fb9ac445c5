#include "support/http_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace inkwell::test {
namespace {

/// Waits until `fd` can be read or written; throws at the deadline.
void wait_for(int fd, short what, std::chrono::milliseconds deadline) {
  pollfd entry{fd, what, 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(deadline.count()));
  if (ready == 0) throw std::runtime_error("the HTTP client's deadline passed");
  if (ready < 0 && errno != EINTR) throw std::runtime_error(std::strerror(errno));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(" \t"));
  return text;
}

}  // namespace

std::string HttpAnswer::header(const std::string& lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? std::string() : it->second;
}

HttpClient::HttpClient(std::uint16_t port, Wait deadline) : deadline_(deadline) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = std::strerror(errno);
    close();
    throw std::runtime_error("cannot connect: " + why);
  }
}

HttpClient::~HttpClient() { close(); }

void HttpClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void HttpClient::shut_down_sending() { ::shutdown(fd_, SHUT_WR); }

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    wait_for(fd_, POLLOUT, deadline_);
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool HttpClient::fill() {
  std::array<char, 16384> block;
  for (;;) {
    wait_for(fd_, POLLIN, deadline_);
    const ssize_t n = ::recv(fd_, block.data(), block.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return false;
    buffer_.append(block.data(), static_cast<std::size_t>(n));
    return true;
  }
}

std::string HttpClient::take(std::size_t size) {
  while (buffer_.size() < size) {
    if (!fill()) throw std::runtime_error("the connection ended inside an answer's body");
  }
  std::string out = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return out;
}

std::optional<std::string> HttpClient::read_line() {
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  std::string line = take(end + 1);
  line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

HttpAnswer HttpClient::receive_header() {
  HttpAnswer answer;
  const auto first = read_line();
  if (!first) throw std::runtime_error("the connection ended before an answer");
  if (first->size() < 12 || !first->starts_with("HTTP/1.")) throw std::runtime_error("not an HTTP answer: " + *first);
  answer.status = std::stoi(first->substr(9, 3));
  for (;;) {
    const auto line = read_line();
    if (!line) throw std::runtime_error("the connection ended inside an answer's header");
    if (line->empty()) return answer;
    const auto colon = line->find(':');
    if (colon == std::string::npos) throw std::runtime_error("not a header line: " + *line);
    answer.headers.emplace(lower(line->substr(0, colon)), trimmed(line->substr(colon + 1)));
  }
}

HttpAnswer HttpClient::receive(bool to_head) {
  HttpAnswer answer = receive_header();
  const auto length = answer.header("content-length");
  if (!to_head && !length.empty()) answer.body = take(std::stoul(length));
  return answer;
}

HttpAnswer HttpClient::exchange(std::string_view bytes, bool to_head) {
  send(bytes);  // an answer may come although not everything could be sent
  return receive(to_head);
}

HttpAnswer HttpClient::request(std::string_view method, std::string_view target, std::string_view body,
                               std::string_view extra) {
  std::string bytes(method);
  bytes.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(extra);
  if (!body.empty()) {
    bytes += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  bytes.append("\r\n").append(body);
  return exchange(bytes, method == "HEAD");
}

bool HttpClient::closed_by_peer() {
  try {
    while (fill()) buffer_.clear();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

HttpAnswer http_request(std::uint16_t port, std::string_view method, std::string_view target, std::string_view body,
                        std::string_view extra) {
  HttpClient client(port);
  return client.request(method, target, body, extra);
}

}  // namespace inkwell::test
