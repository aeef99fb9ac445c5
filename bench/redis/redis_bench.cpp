// What a command costs through the link, beside hiredis, redis-benchmark and, where a checkout of them is pointed at,
// Boost.Redis and redis-plus-plus: GET of 16 B and of 6 KiB values by 1 to 4,096 callers over one
// connection of one thread. Starts a redis-server of its own on a loopback port, pinned to the first core; the client
// is pinned to the last one. Every run prints throughput, CPU of the client's thread an op, latency percentiles (one op
// in eight is timed) and, for ours, heap allocations an op (calls of operator new).
//
//   ./dev bench redis [-- --seconds S] [-- --unix]
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
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
#include "redis/measure.hpp"

namespace {
void* counted(std::size_t size) {
  ++inkwell::redis::bench::allocations;
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

namespace inkwell::redis::bench {

void give_up(std::string_view why) {
  fmt::print(stderr, "redis_bench: {}\n", why);
  std::exit(1);
}

namespace {

// ---- The machine ----

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
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
    start();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  void start() {
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
  void stop() const {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::uint16_t port() const { return port_; }
  std::string unix_path() const { return directory_ / "sock"; }

 private:
  std::uint16_t port_;
  std::filesystem::path directory_;
  pid_t pid_ = -1;
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

Measured measure_link(const Task& task) {
  asio::io_context io(1);
  Options options;
  options.endpoint = task.endpoint;
  Client client(io.get_executor(), options);
  Stopwatch watch(task.seconds);
  asio::co_spawn(io, run_callers(client, task.key, task.size, task.callers, watch),
                 [](const std::exception_ptr& error) {
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
  for (int attempt = 0; attempt < 5000; ++attempt) {
    Context context(endpoint.unix_path.empty() ? redisConnect(endpoint.host.c_str(), endpoint.port)
                                               : redisConnectUnix(endpoint.unix_path.c_str()));
    if (context && context->err == 0) return context;
    poll(nullptr, 0, 1);
  }
  give_up("redis-server did not come up");
}

HiredisReply take_reply(redisContext& context) {
  void* reply = nullptr;
  if (redisGetReply(&context, &reply) != REDIS_OK) give_up("hiredis lost its connection");
  return HiredisReply(static_cast<redisReply*>(reply));
}

/// As many commands as there are callers in one piece, then their answers: sync with one.
Measured measure_hiredis(const Task& task) {
  const auto context = hiredis_connect(task.endpoint);
  Stopwatch watch(task.seconds);
  std::array<const char*, 2> arguments{"GET", task.key.c_str()};
  std::array<std::size_t, 2> lengths{3, task.key.size()};
  for (bool more = true; more;) {
    const auto before = Clock::now();
    for (std::size_t i = 0; i < task.callers; ++i)
      redisAppendCommandArgv(context.get(), 2, arguments.data(), lengths.data());
    for (std::size_t i = 0; i < task.callers; ++i) {
      const auto reply = take_reply(*context);
      if (reply->len != task.size) give_up("hiredis answered wrongly");
      if (i % kTimedEvery == 0) watch.took(Clock::now() - before);
      more = watch.more();
    }
  }
  return watch.result();
}

// ---- Recovery ----

asio::awaitable<void> ask_on(Client& client, std::atomic<std::uint64_t>& answered, const std::atomic<bool>& over) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!over) {
    auto answer = co_await client.command("PING");
    if (answer) ++answered;
    pause.expires_after(std::chrono::milliseconds(1));
    co_await pause.async_wait(asio::use_awaitable);
  }
  co_await client.close();
}

/// How long after a killed server answers again (to a connection made every millisecond) the link's callers do.
void measure_recovery(Server& server, const Endpoint& endpoint) {
  asio::io_context io(1);
  Options options;
  options.endpoint = endpoint;
  Client client(io.get_executor(), options);
  std::atomic<std::uint64_t> answered = 0;
  std::atomic<bool> over = false;
  asio::co_spawn(io, ask_on(client, answered, over), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  std::jthread thread([&] { io.run(); });
  std::vector<double> took;
  for (int i = 0; i < 20; ++i) {
    const auto before = answered.load();
    while (answered.load() < before + 10) poll(nullptr, 0, 1);
    server.stop();
    poll(nullptr, 0, 50 + 50 * i);
    const auto asked = answered.load();
    server.start();
    const auto back = Clock::now();
    hiredis_connect(endpoint);  // the bench's own probe: until it is through, nobody can be
    const auto up = Clock::now();
    while (answered.load() == asked) poll(nullptr, 0, 1);
    took.push_back(std::max(0.0, std::chrono::duration<double, std::milli>(Clock::now() - std::max(up, back)).count()));
  }
  over = true;
  thread.join();
  std::ranges::sort(took);
  fmt::print(
      "recovery after outages of 50 ms to 1 s: first answer {:.0f} ms (median), {:.0f} ms (longest of {}) after the "
      "server's\n",
      took[took.size() / 2], took.back(), took.size());
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
      give_up("usage: redis_bench [--seconds S] [--callers N] [--size BYTES] [--unix]");
    }
  }
  return arguments;
}

// ---- redis-benchmark ----

/// Its own throughput, 50 connections with as many commands each in flight as make up the callers; it tells no CPU.
void print_redis_benchmark(const Task& task) {
  const std::size_t depth = std::max<std::size_t>(task.callers / 50, 1);
  const std::string command =
      fmt::format("redis-benchmark -p {} -n {} -c {} -P {} --csv GET {} 2>/dev/null", task.endpoint.port,
                  static_cast<std::size_t>(task.seconds * (task.size > 1000 ? 200'000 : 600'000)),
                  std::min<std::size_t>(task.callers, 50), depth, task.key);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 512> line{};
  std::string last;
  while (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr) last = line.data();
  // "name","requests per second",...
  const auto number = last.find("\",\"");
  if (number == std::string::npos) return;
  fmt::print("{:<18} {:>5} B {:>5} callers {:>8.0f} op/s  ({} connections, {} deep)\n", "redis-benchmark", task.size,
             task.callers, std::strtod(last.c_str() + number + 3, nullptr), std::min<std::size_t>(task.callers, 50),
             depth);
}

// ---- Side by side ----

void beside(const char* who, const Task& task, const Measured& ours, const Measured& theirs, bool counts_allocations) {
  print(who, task.size, task.callers, theirs, counts_allocations);
  fmt::print("{:<18} {:>24} {:>5.2f} x op/s  {:>5.2f} x CPU/op  {:>5.2f} x p50\n", "  inkwell is", "",
             ours.ops / ours.wall / (theirs.ops / theirs.wall), ours.us_per_op() / theirs.us_per_op(),
             ours.latencies.percentile_us(0.5) / theirs.latencies.percentile_us(0.5));
}

void compare(const Task& task) {
  const Measured ours = measure_link(task);
  print("inkwell", task.size, task.callers, ours, true);
  beside(task.callers == 1 ? "hiredis sync" : "hiredis pipelined", task, ours, measure_hiredis(task), false);
#ifdef INKWELL_BENCH_BOOST_REDIS
  beside("Boost.Redis", task, ours, measure_boost_redis(task), true);
#endif
#ifdef INKWELL_BENCH_REDIS_PLUS_PLUS
  beside("redis-plus-plus", task, ours, measure_redis_plus_plus(task), true);
#endif
  if (task.endpoint.unix_path.empty()) print_redis_benchmark(task);
  fmt::print("\n");
}

int run(const Arguments& arguments) {
  Server server;
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
      compare({.endpoint = endpoint, .key = key, .size = size, .callers = callers, .seconds = arguments.seconds});
    }
  }
  if (arguments.only_callers == 0 && arguments.only_size == 0) measure_recovery(server, endpoint);
  return 0;
}

}  // namespace
}  // namespace inkwell::redis::bench

int main(int argc, char** argv) { return inkwell::redis::bench::run(inkwell::redis::bench::parse(argc, argv)); }
