// The floor under a hub's cost: an epoll loop that sends each posted body to every connection with one send() each, and
// does nothing else a hub must do (no log, no ids that last, no history, no slow readers). One thread.
// usage: events_floor PORT [batched]
// With "batched" it hands its sends to the kernel through io_uring, kBatch of them a system call, where liburing was
// there at build time: what a hub could gain from io_uring at most.
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>
#if __has_include(<liburing.h>) && defined(FLOOR_IO_URING)
#include <liburing.h>
#endif

namespace {

constexpr std::string_view kStreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\n";
constexpr std::string_view kPosted = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

class Sender {
 public:
  virtual ~Sender() = default;
  virtual void send_to_all(const std::vector<int>& sockets, const std::string& text) {
    for (const int socket : sockets) {
      if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) < 0 && errno == EPIPE) continue;
    }
  }
};

#if __has_include(<liburing.h>) && defined(FLOOR_IO_URING)
class UringSender final : public Sender {
 public:
  UringSender() {
    if (::io_uring_queue_init(kBatch, &ring_, 0) < 0) {
      std::perror("io_uring_queue_init");
      std::exit(1);
    }
  }
  ~UringSender() override { ::io_uring_queue_exit(&ring_); }
  void send_to_all(const std::vector<int>& sockets, const std::string& text) override {
    unsigned queued = 0;
    for (const int socket : sockets) {
      ::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_send(entry, socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (++queued == kBatch) reap(std::exchange(queued, 0));
    }
    if (queued > 0) reap(queued);
  }

 private:
  static constexpr unsigned kBatch = 256;
  void reap(unsigned count) {
    ::io_uring_submit_and_wait(&ring_, count);
    ::io_uring_cqe* done = nullptr;
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring_, head, done)++ seen;
    ::io_uring_cq_advance(&ring_, seen);
  }
  ::io_uring ring_{};
};
#endif

class Floor {
 public:
  Floor(int port, Sender& sender) : sender_(sender), epoll_(::epoll_create1(0)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<::sockaddr*>(&address), sizeof address) < 0) {
      std::perror("bind");
      std::exit(1);
    }
    ::listen(listener_, 4096);
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<::epoll_event, 512> ready{};
    for (;;) {
      const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int socket = ready[static_cast<std::size_t>(i)].data.fd;
        socket == listener_ ? accept_all() : readable(socket);
      }
    }
  }

 private:
  void watch(int socket) const {
    ::epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }

  void accept_all() {
    const int on = 1;
    for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      input_[socket];
      watch(socket);
    }
  }

  void readable(int socket) {
    std::array<char, 65536> block;
    const auto n = ::recv(socket, block.data(), block.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return drop(socket);
    std::string& input = input_[socket];
    input.append(block.data(), static_cast<std::size_t>(n));
    const auto end = input.find("\r\n\r\n");
    if (end == std::string::npos) return;
    if (input.front() == 'G') {
      ::send(socket, kStreamHead.data(), kStreamHead.size(), MSG_NOSIGNAL);
      std::string().swap(input);
      subscribers_.push_back(socket);
      return;
    }
    const auto length = std::strtoul(input.c_str() + input.find("Content-Length: ") + 16, nullptr, 10);
    if (input.size() < end + 4 + length) return;
    const std::string event = "id: " + std::to_string(++id_) + "\ndata: " + input.substr(end + 4, length) + "\n\n";
    input.erase(0, end + 4 + length);
    sender_.send_to_all(subscribers_, event);
    ::send(socket, kPosted.data(), kPosted.size(), MSG_NOSIGNAL);
  }

  void drop(int socket) {
    std::erase(subscribers_, socket);
    input_.erase(socket);
    ::close(socket);
  }

  Sender& sender_;
  int epoll_;
  int listener_ = -1;
  unsigned long id_ = 0;
  std::unordered_map<int, std::string> input_;
  std::vector<int> subscribers_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: events_floor PORT [batched]\n");
    return 2;
  }
  ::rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  int port = 0;
  std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port);
  if (argc == 2) {
    Sender plain;
    Floor(port, plain).run();
  }
#if __has_include(<liburing.h>) && defined(FLOOR_IO_URING)
  UringSender batched;
  Floor(port, batched).run();
#else
  std::fprintf(stderr, "events_floor was built without liburing\n");
  return 2;
#endif
}
