// Load for any hub of server-sent events: opens subscribers, publishes to them over HTTP, and counts what arrives, in
// order and once. Prints one line of name=value pairs. `events_load --help` lists its options.
//
// A message carries the time it was sent and its number: "SB.<16 hex ns>.<8 hex number>.<8 hex run>." and padding. The
// marker is looked for in the raw bytes: hubs that answer in chunks write an event a chunk and don't cut it.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <dirent.h>
#include <memory>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

struct Options {
  int port = 0;
  std::string path = "/";  // {ch}: the channel's number
  std::string post_path;   // the same as path when empty
  std::string post_type = "text/plain";
  std::string post_body = "{msg}";
  std::string header;  // one more header line of the subscribers
  int subscribers = 1000;
  int channels = 1;
  int messages = 100;
  int size = 200;
  int window = 2;      // messages not delivered to all yet
  int publishers = 1;  // connections; beyond one the window is theirs: one request each
  int backlog = 0;     // events each subscriber gets before anything is published (a replay)
  double rate = 0;     // messages a second; 0: as fast as the window allows
  double timeout = 60;
  int pid = 0;
  int redis_pid = 0;  // of a Redis that is not the server's child
} options;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "events_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::uint64_t now_ns() {
  ::timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

void pause_ms(int wait) { ::poll(nullptr, 0, wait); }

template <class Number>
Number number_in(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

int connected(int flags) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (socket < 0) die("socket");
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<::sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS) {
    die("connect");
  }
  return socket;
}

// ---- what the server costs, from /proc: the process and its children

struct Usage {
  double cpu = 0;
  double resident_kib = 0;
};

void add_usage(int pid, Usage& usage) {
  char path[64];
  char line[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE* file = std::fopen(path, "r");
  if (!file) return;
  unsigned long user = 0;
  unsigned long system = 0;
  if (std::fgets(line, sizeof line, file)) {
    const char* rest = std::strrchr(line, ')');
    if (rest && std::sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2) {
      usage.cpu += static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
  }
  std::fclose(file);
  std::snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  file = std::fopen(path, "r");
  if (!file) return;
  unsigned long kib = 0;
  while (std::fgets(line, sizeof line, file)) {
    if (std::sscanf(line, "Pss: %lu", &kib) == 1) usage.resident_kib += static_cast<double>(kib);
  }
  std::fclose(file);
}

int parent_of(int pid) {
  char path[64];
  char line[1024];
  int parent = 0;
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  std::FILE* file = std::fopen(path, "r");
  if (!file) return 0;
  if (std::fgets(line, sizeof line, file)) {
    const char* rest = std::strrchr(line, ')');
    if (rest) std::sscanf(rest + 2, "%*c %d", &parent);
  }
  std::fclose(file);
  return parent;
}

/// Of the server itself and of its children that are programs of their own (an embedded redis-server, nginx's workers).
Usage usage() {
  Usage all;
  if (options.pid == 0) return all;
  add_usage(options.pid, all);
  if (options.redis_pid > 0) add_usage(options.redis_pid, all);
  ::DIR* directory = ::opendir("/proc");
  if (!directory) return all;
  while (const ::dirent* entry = ::readdir(directory)) {
    const int pid = number_in<int>(entry->d_name);
    if (pid > 0 && parent_of(pid) == options.pid) add_usage(pid, all);
  }
  ::closedir(directory);
  return all;
}

// ---- latencies: buckets of 1/64 of a power of two, in microseconds

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[index(value)];
    ++total_;
  }
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  double quantile_ms(double share) const {
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank) return static_cast<double>(value(i)) / 1000.0;
    }
    return 0;
  }

 private:
  static std::size_t index(std::uint64_t value) {
    if (value < 64) return value;
    const auto power = static_cast<std::size_t>(63 - std::countl_zero(value));
    return (power - 5) * 64 + ((value >> (power - 6)) & 63U);
  }
  static std::uint64_t value(std::size_t index) {
    if (index < 64) return index;
    const std::size_t power = index / 64 + 5;
    return (std::uint64_t{1} << power) + (static_cast<std::uint64_t>(index % 64) << (power - 6));
  }
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(64 * 60);
  std::uint64_t total_ = 0;
};

// ---- messages

constexpr std::size_t kMarker = 38;
std::uint32_t run_id;
std::atomic<std::uint32_t> first_measured{0};

std::string message(std::uint32_t number) {
  char head[64];
  std::snprintf(head, sizeof head, "SB.%016llx.%08x.%08x.", static_cast<unsigned long long>(now_ns()), number, run_id);
  std::string text = head;
  while (text.size() < static_cast<std::size_t>(options.size)) text += static_cast<char>('a' + text.size() % 26);
  return text;
}

std::uint64_t hex(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) value = value * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  return value;
}

// ---- subscribers: one thread, one epoll

struct Subscriber {
  int socket = -1;
  std::uint32_t channel = 0;
  std::uint32_t next = 0;  // the number, within its channel, that must come
  bool head_seen = false;
  std::string carry;  // the head, or a marker that a read has cut
};

struct Tally {
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<int> open{0};
  std::atomic<int> failed{0};
  std::atomic<std::uint64_t> replayed{0};
  std::atomic<std::uint64_t> last_ns{0};
  std::uint64_t duplicates = 0;
  std::uint64_t gaps = 0;
  Histogram latency;
};

class Readers {
 public:
  Readers() : epoll_(::epoll_create1(0)), subscribers_(static_cast<std::size_t>(options.subscribers)) {}

  void run(const std::atomic<bool>& stop) {
    std::array<::epoll_event, 1024> ready{};
    std::size_t started = 0;
    while (!stop) {
      constexpr int kOpening = 200;
      while (started < subscribers_.size() && static_cast<int>(started) - tally.open - tally.failed < kOpening) {
        start(started++);
      }
      const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), 20);
      for (int i = 0; i < count; ++i) {
        const auto& event = ready[static_cast<std::size_t>(i)];
        on_event(subscribers_[event.data.u64], event);
      }
    }
    for (const auto& subscriber : subscribers_) {
      if (subscriber.socket < 0) continue;
      const ::linger reset{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(subscriber.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      ::close(subscriber.socket);
    }
  }

  Tally tally;

 private:
  void start(std::size_t index) {
    Subscriber& subscriber = subscribers_[index];
    subscriber.channel = static_cast<std::uint32_t>(index) % static_cast<std::uint32_t>(options.channels);
    subscriber.socket = connected(SOCK_NONBLOCK);
    ::epoll_event event{};
    event.events = EPOLLOUT;
    event.data.u64 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, subscriber.socket, &event);
  }

  void on_event(Subscriber& subscriber, ::epoll_event event) {
    if (subscriber.socket < 0) return;
    if ((event.events & EPOLLOUT) != 0) return ask(subscriber, event);
    const auto n = ::recv(subscriber.socket, block_.data(), block_.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return fail(subscriber, n == 0 ? "closed by the server" : std::strerror(errno));
    const std::string_view bytes(block_.data(), static_cast<std::size_t>(n));
    const std::uint64_t now = now_ns();
    if (subscriber.head_seen) return take(subscriber, bytes, now);
    subscriber.carry += bytes;
    const auto end = subscriber.carry.find("\r\n\r\n");
    if (end == std::string::npos) return;
    if (subscriber.carry.compare(9, 3, "200") != 0) return fail(subscriber, subscriber.carry.substr(0, 40).c_str());
    subscriber.head_seen = true;
    ++tally.open;
    std::string rest = subscriber.carry.substr(end + 4);
    std::string().swap(subscriber.carry);
    take(subscriber, rest, now);
  }

  void ask(Subscriber& subscriber, ::epoll_event event) {
    std::string request = "GET " + replaced(options.path, "{ch}", std::to_string(subscriber.channel)) +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n";
    if (!options.header.empty()) request += options.header + "\r\n";
    request += "\r\n";
    if (::send(subscriber.socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      return fail(subscriber, std::strerror(errno));
    }
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, subscriber.socket, &event);
  }

  void fail(Subscriber& subscriber, const char* why) {
    if (++tally.failed < 4) std::fprintf(stderr, "events_load: a subscriber failed: %s\n", why);
    ::close(subscriber.socket);
    subscriber.socket = -1;
  }

  void take(Subscriber& subscriber, std::string_view bytes, std::uint64_t now) {
    if (options.backlog > 0) count_replayed(bytes, now);
    std::string joined;
    if (!subscriber.carry.empty()) {
      joined = std::exchange(subscriber.carry, {});
      joined += bytes;
      bytes = joined;
    }
    for (std::size_t at = 0; (at = bytes.find("SB.", at)) != std::string_view::npos;) {
      if (bytes.size() - at < kMarker) {
        subscriber.carry = bytes.substr(at);
        return;
      }
      hit(subscriber, bytes.substr(at, kMarker), now);
      at += kMarker;
    }
    for (std::size_t tail = std::min<std::size_t>(bytes.size(), 2); tail > 0; --tail) {
      if (std::string_view("SB").starts_with(bytes.substr(bytes.size() - tail))) {
        subscriber.carry = bytes.substr(bytes.size() - tail);
        return;
      }
    }
  }

  /// Events of a replay were published by an earlier run: only their number counts.
  void count_replayed(std::string_view bytes, std::uint64_t now) {
    std::uint64_t events = 0;
    for (std::size_t at = 0; (at = bytes.find("SB.", at)) != std::string_view::npos; at += 3) ++events;
    tally.replayed += events;
    if (events > 0) tally.last_ns = now;
  }

  void hit(Subscriber& subscriber, std::string_view marker, std::uint64_t now) {
    if (hex(marker.substr(29, 8)) != run_id) return;
    const auto number = static_cast<std::uint32_t>(hex(marker.substr(20, 8)));
    const std::uint32_t place = number / static_cast<std::uint32_t>(options.channels);
    if (place < subscriber.next) {
      ++tally.duplicates;
      return;
    }
    tally.gaps += place - subscriber.next;
    subscriber.next = place + 1;
    if (number >= first_measured.load(std::memory_order_relaxed)) {
      tally.latency.add((now - hex(marker.substr(3, 16))) / 1000);
    }
    tally.last_ns.store(now, std::memory_order_relaxed);
    tally.delivered.store(tally.delivered.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  int epoll_;
  std::vector<Subscriber> subscribers_;
  std::array<char, 1U << 18> block_{};
};

// ---- publishers: connections that each have one request under way

class Publishers {
 public:
  explicit Publishers(const Tally& tally) : tally_(tally), epoll_(::epoll_create1(0)) {
    for (int i = 0; i < options.publishers; ++i) open();
  }

  /// Posts `count` messages and waits until they have been delivered. False when the time was over.
  bool post(int count, bool paced, std::uint64_t deadline) {
    const std::uint32_t end = next_ + static_cast<std::uint32_t>(count);
    const std::uint64_t began = now_ns();
    const std::uint32_t first = next_;
    while ((next_ < end || under_way_ > 0) && now_ns() < deadline) {
      while (next_ < end && !idle_.empty() && due(began, first, paced)) send_one();
      collect(paced || window_full() ? 1 : 50);
    }
    while (delivered() < wanted_ && now_ns() < deadline) pause_ms(1);
    return delivered() >= wanted_;
  }

  Histogram answers;
  std::uint64_t errors = 0;
  std::uint64_t wanted() const { return wanted_; }

 private:
  struct Connection {
    int socket;
    std::string input;
    std::uint64_t sent_ns = 0;
  };

  std::uint64_t delivered() const { return tally_.delivered.load(std::memory_order_acquire); }

  bool window_full() const {
    return options.publishers == 1 && recent_.size() >= static_cast<std::size_t>(options.window) &&
           delivered() < recent_[recent_.size() - static_cast<std::size_t>(options.window)];
  }

  bool due(std::uint64_t began, std::uint32_t first, bool paced) const {
    if (!paced) return !window_full();
    return now_ns() >= began + static_cast<std::uint64_t>((next_ - first) * 1e9 / options.rate);
  }

  void open() {
    auto& connection = connections_.emplace_back();
    connection = std::make_unique<Connection>(Connection{connected(0), {}, 0});
    ::epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection.get();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->socket, &event);
    idle_.push_back(connection.get());
  }

  void send_one() {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    ++under_way_;
    const std::uint32_t number = next_++;
    const auto channels = static_cast<std::uint32_t>(options.channels);
    const std::string channel = std::to_string(number % channels);
    const auto all = static_cast<std::uint32_t>(options.subscribers);
    wanted_ += all / channels + (number % channels < all % channels ? 1 : 0);
    recent_.push_back(wanted_);
    if (recent_.size() > 4096) recent_.pop_front();
    const std::string body = replaced(options.post_body, "{msg}", message(number));
    const std::string& path = options.post_path.empty() ? options.path : options.post_path;
    const std::string request = "POST " + replaced(path, "{ch}", channel) +
                                " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + options.post_type +
                                "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    connection.sent_ns = now_ns();
    if (::send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) die("send");
  }

  void collect(int wait_ms) {
    std::array<::epoll_event, 128> ready{};
    const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), wait_ms);
    for (int i = 0; i < count; ++i) answered(*static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr));
  }

  void answered(Connection& connection) {
    std::array<char, 8192> block{};
    const auto n = ::recv(connection.socket, block.data(), block.size(), MSG_DONTWAIT);
    if (n <= 0) die("a publisher was cut off");
    std::string& input = connection.input;
    input.append(block.data(), static_cast<std::size_t>(n));
    const auto end = input.find("\r\n\r\n");
    if (end == std::string::npos || !complete(input, end)) return;
    if (input.compare(9, 1, "2") != 0 && ++errors < 4) std::fprintf(stderr, "events_load: %.60s\n", input.c_str());
    answers.add((now_ns() - connection.sent_ns) / 1000);
    input.clear();
    --under_way_;
    idle_.push_back(&connection);
  }

  static bool complete(const std::string& input, std::size_t end) {
    std::string head = input.substr(0, end);
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto length = head.find("content-length: ");
    if (length != std::string::npos) {
      return input.size() >= end + 4 + std::strtoul(head.c_str() + length + 16, nullptr, 10);
    }
    return head.find("chunked") == std::string::npos || input.ends_with("0\r\n\r\n");
  }

  const Tally& tally_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::deque<std::uint64_t> recent_;  // what must have been delivered once each of the last messages has been
  std::uint32_t next_ = 0;
  int under_way_ = 0;
  std::uint64_t wanted_ = 0;
};

// ---- the run

int help() {
  std::puts(
      "usage: events_load --port PORT [--path P] [--post-path P] [--post-type T] [--post-body B] [--header H]\n"
      "  [--subscribers N] [--channels N] [--messages N] [--size BYTES] [--window N | --rate PER_SECOND]\n"
      "  [--publishers N] [--backlog EVENTS] [--timeout S] [--pid PID] [--redis-pid PID]\n"
      "{ch} in a path is the channel's number (subscriber i follows i mod channels), {msg} in the body the message.\n"
      "Exit status 0: everything came once and in order; 3: something was lost, repeated or late beyond --timeout.");
  return 2;
}

bool parse(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    const auto number = [&] { return number_in<int>(value); };
    if (name == "--port")
      options.port = number();
    else if (name == "--path")
      options.path = value;
    else if (name == "--post-path")
      options.post_path = value;
    else if (name == "--post-type")
      options.post_type = value;
    else if (name == "--post-body")
      options.post_body = value;
    else if (name == "--header")
      options.header = value;
    else if (name == "--subscribers")
      options.subscribers = number();
    else if (name == "--channels")
      options.channels = number();
    else if (name == "--messages")
      options.messages = number();
    else if (name == "--size")
      options.size = number();
    else if (name == "--window")
      options.window = number();
    else if (name == "--publishers")
      options.publishers = number();
    else if (name == "--backlog")
      options.backlog = number();
    else if (name == "--rate")
      options.rate = number_in<double>(value);
    else if (name == "--timeout")
      options.timeout = number_in<double>(value);
    else if (name == "--pid")
      options.pid = number();
    else if (name == "--redis-pid")
      options.redis_pid = number();
    else
      return false;
  }
  return argc % 2 == 1 && options.port > 0 && options.channels > 0;
}

void print_replay(const Tally& tally, const Usage& before, const Usage& after, std::uint64_t began) {
  std::printf(" replayed=%llu replay_s=%.2f replay_cpu_s=%.2f", static_cast<unsigned long long>(tally.replayed.load()),
              static_cast<double>(tally.last_ns - began) / 1e9, after.cpu - before.cpu);
}

void print_run(const Tally& tally, const Publishers& publishers, double cpu, double seconds, std::uint64_t delivered) {
  const double count = static_cast<double>(std::max<std::uint64_t>(delivered, 1));
  std::printf(" delivered=%llu wanted=%llu duplicates=%llu gaps=%llu errors=%llu deliveries_s=%.0f posts_s=%.0f",
              static_cast<unsigned long long>(tally.delivered.load()),
              static_cast<unsigned long long>(publishers.wanted()), static_cast<unsigned long long>(tally.duplicates),
              static_cast<unsigned long long>(tally.gaps), static_cast<unsigned long long>(publishers.errors),
              count / seconds, options.messages / seconds);
  std::printf(" cpu_s_per_million=%.2f p50_ms=%.2f p99_ms=%.2f post_p50_ms=%.2f post_p99_ms=%.2f", cpu * 1e6 / count,
              tally.latency.quantile_ms(0.5), tally.latency.quantile_ms(0.99), publishers.answers.quantile_ms(0.5),
              publishers.answers.quantile_ms(0.99));
}

}  // namespace

int main(int argc, char** argv) {
  if (!parse(argc, argv)) return help();
  ::rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  run_id = static_cast<std::uint32_t>(now_ns()) ^ static_cast<std::uint32_t>(::getpid());
  const std::uint64_t began = now_ns();
  const std::uint64_t deadline = began + static_cast<std::uint64_t>(options.timeout * 1e9);
  const Usage empty = usage();
  std::atomic<bool> stop{false};
  auto readers = std::make_unique<Readers>();
  const Tally& tally = readers->tally;
  std::thread reading([&] { readers->run(stop); });
  const auto replay = static_cast<std::uint64_t>(options.backlog) * static_cast<std::uint64_t>(options.subscribers);
  while ((tally.open + tally.failed < options.subscribers || tally.replayed < replay) && now_ns() < deadline) {
    pause_ms(1);
  }
  const double opening = static_cast<double>(now_ns() - began) / 1e9;
  pause_ms(1000);
  const Usage idle = usage();
  std::printf("subscribers=%d open=%d open_s=%.2f kib_per_connection=%.2f", options.subscribers, tally.open.load(),
              opening, (idle.resident_kib - empty.resident_kib) / std::max(1, tally.open.load()));
  bool good = tally.open == options.subscribers && tally.replayed >= replay;
  if (replay > 0) print_replay(tally, empty, idle, began);
  if (good && options.messages > 0) {
    Publishers publishers(tally);
    constexpr int kWarmUp = 3;
    first_measured = kWarmUp;
    good = publishers.post(kWarmUp, false, deadline);
    const std::uint64_t already = tally.delivered;
    const Usage before = usage();
    const std::uint64_t from = now_ns();
    good = publishers.post(options.messages, options.rate > 0, deadline) && good;
    const double seconds = static_cast<double>(tally.last_ns - from) / 1e9;
    pause_ms(50);
    const double cpu = usage().cpu - before.cpu;
    stop = true;
    reading.join();
    print_run(tally, publishers, cpu, seconds, tally.delivered - already);
    good = good && tally.duplicates == 0 && tally.gaps == 0 && publishers.errors == 0;
  } else {
    stop = true;
    reading.join();
  }
  std::puts("");
  return good ? 0 : 3;
}
