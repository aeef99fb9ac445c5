// Load for a server of embeddings (POST /v1/embeddings), or of files (GET): keeps `connections` requests under way on
// kept connections for `seconds`, checks that every answer is a 200 of the right kind, and prints one line of
// name=value pairs: requests_s, p50_us, p99_us, cpu_us (of the server's process, a request), bytes (of an answer).
//
// Inputs come from a pool of `pool` hot texts, which are asked for once before the clock starts, and `misses` percent
// of them are texts that were never asked for before.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  int port = 0;
  std::string get;  // a path: a server of files is asked
  std::string model = "bench";
  std::string format = "base64";
  int inputs = 1;
  int misses = 0;  // percent
  int pool = 1;
  int connections = 16;
  double seconds = 5;
  int pid = 0;
} options;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "embeddings_load: %s (%s)\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

double cpu_seconds(int pid) {
  if (pid == 0) return 0;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE* const file = std::fopen(path, "r");
  if (!file) die("the server is gone");
  char text[1024] = {};
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const char* at = std::strrchr(text, ')');
  if (size == 0 || !at) die("no stat");
  unsigned long user = 0;
  unsigned long system = 0;
  std::sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// What is asked, as bytes on the wire.
class Requests {
 public:
  Requests() : random_(std::random_device{}()), run_(random_()) {}
  std::string next() {
    if (!options.get.empty()) return "GET " + options.get + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    std::vector<std::string> texts;
    for (int i = 0; i < options.inputs; ++i) {
      const bool miss = static_cast<int>(random_() % 100) < options.misses;
      texts.push_back(miss ? "fresh text " + std::to_string(run_) + "-" + std::to_string(++fresh_)
                           : hot(static_cast<int>(random_() % static_cast<unsigned>(options.pool))));
    }
    return post(texts);
  }
  /// All hot texts, in requests of at most 96.
  std::vector<std::string> warm_up() const {
    std::vector<std::string> all;
    for (int start = 0; start < options.pool; start += 96) {
      std::vector<std::string> texts;
      for (int i = start; i < std::min(start + 96, options.pool); ++i) texts.push_back(hot(i));
      all.push_back(post(texts));
    }
    return all;
  }

 private:
  static std::string hot(int number) {
    return "the hot text number " + std::to_string(number) + ", about as long as a question that somebody asks";
  }
  static std::string post(const std::vector<std::string>& texts) {
    std::string body = R"({"model":")" + options.model + R"(","encoding_format":")" + options.format + R"(","input":)";
    if (texts.size() > 1) body += '[';
    for (std::size_t i = 0; i < texts.size(); ++i) body += (i == 0 ? "\"" : ",\"") + texts[i] + '"';
    if (texts.size() > 1) body += ']';
    body += '}';
    return "POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::mt19937_64 random_;
  std::uint64_t run_;
  std::uint64_t fresh_ = 0;
};

class Connection {
 public:
  Connection() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("cannot connect");
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    block_.resize(1 << 20);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }
  int fd() const { return fd_; }
  Clock::time_point since() const { return since_; }
  std::size_t answer_bytes() const { return answer_bytes_; }

  void send_request(const std::string& bytes) {
    since_ = Clock::now();
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) die("cannot send");
      sent += static_cast<std::size_t>(n);
    }
  }
  /// Reads what there is; true when the answer is whole.
  bool read_some() {
    const auto n = recv(fd_, block_.data(), block_.size(), 0);
    if (n <= 0) die("the server hung up");
    std::string_view got(block_.data(), static_cast<std::size_t>(n));
    if (body_left_ == 0) {
      head_.append(got);
      const auto end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      body_left_ = length();
      got = std::string_view(head_).substr(end + 4);
      answer_bytes_ = body_left_;
      if (got.size() > body_left_) die("more than an answer");
      body_left_ -= got.size();
      head_.clear();
    } else {
      body_left_ -= std::min(body_left_, got.size());
    }
    return body_left_ == 0;
  }

 private:
  std::size_t length() {
    if (!head_.starts_with("HTTP/1.1 200")) die("not a 200: " + head_.substr(0, 600));
    std::string lower = head_;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto at = lower.find("\r\ncontent-length: ");
    if (at == std::string::npos) die("no content-length: " + head_.substr(0, 600));
    return std::stoul(lower.substr(at + 18));
  }
  int fd_;
  std::string block_;
  std::string head_;
  std::size_t body_left_ = 0;
  std::size_t answer_bytes_ = 0;
  Clock::time_point since_;
};

void read_options(int count, char** words) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = words[i];
    const std::string value = words[i + 1];
    if (name == "--port")
      options.port = std::stoi(value);
    else if (name == "--get")
      options.get = value;
    else if (name == "--model")
      options.model = value;
    else if (name == "--format")
      options.format = value;
    else if (name == "--inputs")
      options.inputs = std::stoi(value);
    else if (name == "--misses")
      options.misses = std::stoi(value);
    else if (name == "--pool")
      options.pool = std::stoi(value);
    else if (name == "--connections")
      options.connections = std::stoi(value);
    else if (name == "--seconds")
      options.seconds = std::stod(value);
    else if (name == "--pid")
      options.pid = std::stoi(value);
    else
      die("no option " + std::string(name));
  }
}

}  // namespace

int main(int count, char** words) {
  read_options(count, words);
  Requests requests;
  if (options.get.empty()) {
    Connection first;
    for (const auto& request : requests.warm_up()) {
      first.send_request(request);
      while (!first.read_some()) {
      }
    }
  }
  const int poll = epoll_create1(0);
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < options.connections; ++i) {
    connections.push_back(std::make_unique<Connection>());
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connections.back().get()}};
    epoll_ctl(poll, EPOLL_CTL_ADD, connections.back()->fd(), &event);
  }
  const double cpu_before = cpu_seconds(options.pid);
  const auto start = Clock::now();
  const auto until =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  for (auto& connection : connections) connection->send_request(requests.next());
  std::vector<double> latencies;
  std::size_t bytes = 0;
  std::size_t under_way = connections.size();
  epoll_event events[64];
  while (under_way > 0) {
    const int ready = epoll_wait(poll, events, 64, 10'000);
    if (ready <= 0) die("no answer in 10 s");
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (!connection.read_some()) continue;
      const auto now = Clock::now();
      latencies.push_back(std::chrono::duration<double, std::micro>(now - connection.since()).count());
      bytes = connection.answer_bytes();
      --under_way;
      if (now >= until) continue;
      connection.send_request(requests.next());
      ++under_way;
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = cpu_seconds(options.pid) - cpu_before;
  const auto answers = static_cast<double>(latencies.size());
  std::ranges::sort(latencies);
  const auto at = [&](double part) { return latencies[static_cast<std::size_t>(part * (answers - 1))]; };
  std::printf("requests_s=%.0f p50_us=%.0f p99_us=%.0f cpu_us=%.2f bytes=%zu\n", answers / took, at(0.5), at(0.99),
              cpu / answers * 1e6, bytes);
  return 0;
}
