// A load generator for conversations: one thread, N connections of HTTP/1.1, each with one request under way. Prints
// one line of NAME=VALUE: requests a second, latencies, and the CPU time that the processes named took for each
// request. usage: conversations_load --port P --kind append|read|list [--connections 64] [--requests 50000] [--pid
// PID]...
//        [--conversations 256]
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netinet/tcp.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::uint16_t port = 0;
  std::string kind = "append";
  std::size_t connections = 64;
  std::size_t requests = 50'000;
  std::size_t conversations = 256;
  std::vector<int> pids;
};

std::size_t number_of(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--port") settings.port = static_cast<std::uint16_t>(number_of(value));
    if (name == "--kind") settings.kind = value;
    if (name == "--connections") settings.connections = number_of(value);
    if (name == "--requests") settings.requests = number_of(value);
    if (name == "--conversations") settings.conversations = number_of(value);
    if (name == "--pid") settings.pids.push_back(static_cast<int>(number_of(value)));
  }
  return settings;
}

int connected(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// User and system time of a process, in seconds.
double cpu_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Where the first whole answer in `bytes` ends; 0 when it isn't whole.
std::size_t answer_end(std::string_view bytes) {
  const auto head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  for (std::size_t at = 0; at < head;) {
    const auto line = bytes.substr(at, bytes.find("\r\n", at) - at);
    constexpr std::string_view kName = "content-length:";
    if (line.size() > kName.size() && ::strncasecmp(line.data(), kName.data(), kName.size()) == 0) {
      std::size_t length = 0;
      const auto from = line.find_first_not_of(' ', kName.size());
      std::from_chars(line.data() + from, line.data() + line.size(), length);
      return bytes.size() >= head + 4 + length ? head + 4 + length : 0;
    }
    at += line.size() + 2;
  }
  throw std::runtime_error("an answer without a length");
}

std::string request(std::string_view method, std::string_view path, std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

std::string exchange(int fd, std::string_view text) {
  if (::send(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) throw std::runtime_error("send");
  std::string bytes;
  for (char piece[65536]; answer_end(bytes) == 0;) {
    const auto n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) throw std::runtime_error("recv");
    bytes.append(piece, static_cast<std::size_t>(n));
  }
  return bytes;
}

/// An item whose JSON, as it is sent, has 500 bytes.
std::string item() {
  std::string text;
  while (text.size() < 500 - 34) text += "It was a dark and stormy night. ";
  text.resize(500 - 34);
  return R"({"role":"user","content":")" + text + R"("})";
}

class Load {
 public:
  explicit Load(Settings settings) : settings_(std::move(settings)), body_(R"({"items":[)" + item() + "]}") {}

  void run() {
    prepare();
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<Connection> connections(settings_.connections);
    for (std::size_t i = 0; i < connections.size(); ++i) {
      connections[i].fd = connected(settings_.port);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    std::vector<double> before;
    for (const int pid : settings_.pids) before.push_back(cpu_of(pid));
    const auto began = Clock::now();
    for (auto& connection : connections) next(connection);
    while (taken_.size() < settings_.requests) {
      epoll_event events[64];
      const int count = ::epoll_wait(poll, events, 64, 10'000);
      if (count <= 0) throw std::runtime_error("no answer within 10 s");
      for (int i = 0; i < count; ++i) receive(connections[events[i].data.u64]);
    }
    report(std::chrono::duration<double>(Clock::now() - began).count(), before);
  }

 private:
  struct Connection {
    int fd = -1;
    std::string bytes;
    Clock::time_point sent;
  };

  void prepare() {
    const int fd = connected(settings_.port);
    for (std::size_t i = 0; i < settings_.conversations; ++i) {
      const auto answer = exchange(fd, request("POST", "/v1/conversations", "{}"));
      const auto at = answer.find(R"("id":")") + 6;
      const std::string id = answer.substr(at, answer.find('"', at) - at);
      const std::string items = "/v1/conversations/" + id + "/items";
      if (settings_.kind == "append") requests_.push_back(request("POST", items, body_));
      if (settings_.kind == "list") requests_.push_back(request("GET", "/v1/conversations?limit=20", ""));
      if (settings_.kind != "read") continue;
      for (int n = 0; n < 30; ++n) exchange(fd, request("POST", items, body_));
      requests_.push_back(request("GET", items + "?limit=20", ""));
    }
    ::close(fd);
  }

  void next(Connection& connection) {
    if (sent_ == settings_.requests) return;
    const std::string& text = requests_[sent_++ % requests_.size()];
    connection.sent = Clock::now();
    if (::send(connection.fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("send");
  }

  void receive(Connection& connection) {
    char piece[65536];
    const auto n = ::recv(connection.fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n <= 0) throw std::runtime_error("the server closed a connection");
    connection.bytes.append(piece, static_cast<std::size_t>(n));
    if (answer_end(connection.bytes) == 0) return;
    if (!connection.bytes.starts_with("HTTP/1.1 200")) throw std::runtime_error(connection.bytes.substr(0, 500));
    connection.bytes.clear();
    taken_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - connection.sent).count());
    next(connection);
  }

  void report(double seconds, const std::vector<double>& before) {
    std::ranges::sort(taken_);
    const auto at = [&](double part) {
      return taken_[static_cast<std::size_t>(static_cast<double>(taken_.size() - 1) * part)];
    };
    const auto count = static_cast<double>(taken_.size());
    std::printf("requests_s=%.0f p50_ms=%.2f p99_ms=%.2f", count / seconds, at(0.5), at(0.99));
    for (std::size_t i = 0; i < before.size(); ++i)
      std::printf(" cpu%zu_us=%.1f", i, (cpu_of(settings_.pids[i]) - before[i]) * 1e6 / count);
    std::printf("\n");
  }

  Settings settings_;
  std::string body_;
  std::vector<std::string> requests_;
  std::size_t sent_ = 0;
  std::vector<double> taken_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Load(settings_of(argc, argv)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conversations_load: %s\n", error.what());
    return 1;
  }
}
