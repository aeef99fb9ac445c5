// What a command costs through the link, beside hiredis: GET of 16 B and of 6 KiB values by 1 to 4,096 callers over one
// connection of one thread. Starts a redis-server of its own on a loopback port, pinned to the first core; the client
// is pinned to the last one. Every run prints throughput, CPU of the client's thread an op, latency percentiles (one op
// in eight is timed) and, for ours, heap allocations an op (calls of operator new).
//
//   ./dev bench link [-- --seconds S] [-- --unix]
#include <array>
#include <atomic>
#include <bit>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <memory>
#include <netinet/in.h>
#include <new>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <inkwell/redis.hpp>

#include "base/gate.hpp"

namespace {
std::uint64_t allocations = 0;  // of the one client thread

void* counted(std::size_t size) {
  ++allocations;
  if (void* const place = std::malloc(size != 0 ? size : 1)) return place;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }

namespace inkwell::redis {
namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kTimedEvery = 8;

// ---- The machine ----

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(probe, generic, length) != 0 || getsockname(probe, generic, &length) != 0) std::abort();
  close(probe);
  return ntohs(address.sin_port);
}

/// A redis-server of its own, without persistence.
class Server {
 public:
  Server() : port_(free_port()) {
    std::string directory = (std::filesystem::temp_directory_path() / "inkwell-bench-XXXXXX").string();
    if (mkdtemp(directory.data()) == nullptr) std::abort();
    directory_ = directory;
    const std::string port = std::to_string(port_);
    const std::string log = directory_ / "log";
    pid_ = fork();
    if (pid_ == 0) {
      pin_to(0);
      execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1", "--save", "", "--dir",
             directory_.c_str(), "--unixsocket", unix_path().c_str(), "--logfile", log.c_str(), nullptr);
      _exit(127);
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::uint16_t port() const { return port_; }
  std::string unix_path() const { return directory_ / "sock"; }

 private:
  std::uint16_t port_;
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

// ---- The measure ----

/// Latencies on a scale of 16 steps a doubling.
class Latencies {
 public:
  void add(Clock::duration took) {
    const auto ns = static_cast<std::uint64_t>(took.count()) | 16;
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 5;
    ++counts_[shift * 16 + ((ns >> shift) & 15)];
    ++total_;
  }
  double percentile_us(double share) const {
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return static_cast<double>((16 + i % 16) << (i / 16)) / 1000.0;
      left -= counts_[i];
    }
    return 0;
  }

 private:
  std::array<std::uint64_t, 16 * 60> counts_{};
  std::uint64_t total_ = 0;
};

struct Measured {
  double ops = 0;
  double wall = 0;
  double cpu = 0;
  double allocations = 0;
  Latencies latencies;

  double us_per_op() const { return cpu / ops * 1e6; }
};

/// Starts counting when the warm-up is over and says when to stop.
class Stopwatch {
 public:
  explicit Stopwatch(double seconds) : seconds_(seconds), warm_at_(Clock::now() + std::chrono::milliseconds(200)) {}

  /// After each op; true while there is more to do.
  bool more() {
    ++ops_;
    if (ops_ % 64 != 0) return !over_;
    const auto now = Clock::now();
    if (!began_ && now >= warm_at_) {
      began_ = now;
      ops_ = 0;
      cpu_ = cpu_seconds();
      allocations_ = allocations;
      result_.latencies = Latencies();
    } else if (began_ && !over_ && std::chrono::duration<double>(now - *began_).count() >= seconds_) {
      result_.ops = static_cast<double>(ops_);
      result_.wall = std::chrono::duration<double>(now - *began_).count();
      result_.cpu = cpu_seconds() - cpu_;
      result_.allocations = static_cast<double>(allocations - allocations_);
      over_ = true;
    }
    return !over_;
  }
  void took(Clock::duration time) { result_.latencies.add(time); }
  const Measured& result() const { return result_; }

 private:
  double seconds_;
  Clock::time_point warm_at_;
  std::optional<Clock::time_point> began_;
  bool over_ = false;
  std::uint64_t ops_ = 0;
  double cpu_ = 0;
  std::uint64_t allocations_ = 0;
  Measured result_;
};

void print(std::string_view who, std::size_t size, std::size_t callers, const Measured& m, bool counts_allocations) {
  fmt::print(
      "{:<18} {:>5} B {:>5} callers {:>8.0f} op/s {:>6.3f} us CPU/op  p50 {:>8.1f}  p99 {:>8.1f}  p99.9 {:>8.1f} us"
      "{}\n",
      who, size, callers, m.ops / m.wall, m.us_per_op(), m.latencies.percentile_us(0.5),
      m.latencies.percentile_us(0.99), m.latencies.percentile_us(0.999),
      counts_allocations ? fmt::format("  {:.3f} allocations/op", m.allocations / m.ops) : "");
  std::fflush(stdout);
}

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "link_bench: {}\n", why);
  std::exit(1);
}

// ---- Ours ----

asio::awaitable<void> caller(Client& client, std::string key, std::size_t size, Stopwatch& watch) {
  for (unsigned i = 0;; ++i) {
    const bool timed = i % kTimedEvery == 0;
    const auto before = timed ? Clock::now() : Clock::time_point();
    auto reply = co_await client.command("GET", key);
    if (!reply || reply->view().text().size() != size) give_up("the link answered wrongly");
    if (timed) watch.took(Clock::now() - before);
    if (!watch.more()) co_return;
  }
}

asio::awaitable<void> run_callers(Client& client, std::string key, std::size_t size, std::size_t callers,
                                  Stopwatch& watch) {
  Gate gate(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < callers; ++i) gate.spawn("caller", caller(client, key, size, watch));
  co_await gate.wait_until_empty();
  co_await client.close();
}

Measured measure_link(const Endpoint& endpoint, const std::string& key, std::size_t size, std::size_t callers,
                      double seconds) {
  asio::io_context io(1);
  Options options;
  options.endpoint = endpoint;
  Client client(io.get_executor(), options);
  Stopwatch watch(seconds);
  asio::co_spawn(io, run_callers(client, key, size, callers, watch), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io.run();
  return watch.result();
}

// ---- hiredis ----

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using HiredisReply = std::unique_ptr<redisReply, FreeReply>;

Context hiredis_connect(const Endpoint& endpoint) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    Context context(endpoint.unix_path.empty() ? redisConnect(endpoint.host.c_str(), endpoint.port)
                                               : redisConnectUnix(endpoint.unix_path.c_str()));
    if (context && context->err == 0) return context;
    poll(nullptr, 0, 20);
  }
  give_up("redis-server did not come up");
}

HiredisReply take_reply(redisContext& context) {
  void* reply = nullptr;
  if (redisGetReply(&context, &reply) != REDIS_OK) give_up("hiredis lost its connection");
  return HiredisReply(static_cast<redisReply*>(reply));
}

/// `depth` commands in one piece, then their answers: sync at a depth of one.
Measured measure_hiredis(const Endpoint& endpoint, const std::string& key, std::size_t size, std::size_t depth,
                         double seconds) {
  const auto context = hiredis_connect(endpoint);
  Stopwatch watch(seconds);
  std::array<const char*, 2> arguments{"GET", key.c_str()};
  std::array<std::size_t, 2> lengths{3, key.size()};
  for (bool more = true; more;) {
    const auto before = Clock::now();
    for (std::size_t i = 0; i < depth; ++i) redisAppendCommandArgv(context.get(), 2, arguments.data(), lengths.data());
    for (std::size_t i = 0; i < depth; ++i) {
      const auto reply = take_reply(*context);
      if (reply->len != size) give_up("hiredis answered wrongly");
      if (i % kTimedEvery == 0) watch.took(Clock::now() - before);
      more = watch.more();
    }
  }
  return watch.result();
}

// ---- All of it ----

struct Arguments {
  double seconds = 1.0;
  bool unix_socket = false;
  std::size_t only_callers = 0;
  std::size_t only_size = 0;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::strtod(argv[++i], nullptr) : 0.0; };
    if (name == "--seconds") {
      arguments.seconds = value();
    } else if (name == "--callers") {
      arguments.only_callers = static_cast<std::size_t>(value());
    } else if (name == "--size") {
      arguments.only_size = static_cast<std::size_t>(value());
    } else if (name == "--unix") {
      arguments.unix_socket = true;
    } else {
      give_up("usage: link_bench [--seconds S] [--callers N] [--size BYTES] [--unix]");
    }
  }
  return arguments;
}

void compare(const Endpoint& endpoint, const std::string& key, std::size_t size, std::size_t callers, double seconds) {
  const Measured ours = measure_link(endpoint, key, size, callers, seconds);
  print("inkwell", size, callers, ours, true);
  const Measured theirs = measure_hiredis(endpoint, key, size, callers, seconds);
  print(callers == 1 ? "hiredis sync" : "hiredis pipelined", size, callers, theirs, false);
  fmt::print("{:<18} {:>24} {:>5.2f} x op/s  {:>5.2f} x CPU/op  {:>5.2f} x p50\n\n", "ratio", "",
             ours.ops / ours.wall / (theirs.ops / theirs.wall), ours.us_per_op() / theirs.us_per_op(),
             ours.latencies.percentile_us(0.5) / theirs.latencies.percentile_us(0.5));
}

int run(const Arguments& arguments) {
  const Server server;
  pin_to(static_cast<int>(std::thread::hardware_concurrency()) - 1);
  Endpoint endpoint;
  endpoint.port = server.port();
  if (arguments.unix_socket) endpoint.unix_path = server.unix_path();
  const auto context = hiredis_connect(endpoint);
  for (const std::size_t size : {std::size_t{16}, std::size_t{6144}}) {
    if (arguments.only_size != 0 && arguments.only_size != size) continue;
    const std::string key = "bench:" + std::to_string(size);
    const std::string value(size, 'v');
    redisAppendCommand(context.get(), "SET %b %b", key.data(), key.size(), value.data(), value.size());
    if (take_reply(*context)->type == REDIS_REPLY_ERROR) give_up("SET was refused");
    for (const std::size_t callers : {1, 64, 256, 4096}) {
      if (arguments.only_callers != 0 && arguments.only_callers != callers) continue;
      compare(endpoint, key, size, callers, arguments.seconds);
    }
  }
  return 0;
}

}  // namespace
}  // namespace inkwell::redis

int main(int argc, char** argv) { return inkwell::redis::run(inkwell::redis::parse(argc, argv)); }
