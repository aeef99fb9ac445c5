#include "support/link_load.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "base/gate.hpp"

namespace inkwell::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr unsigned kClientCallers = 8;
constexpr unsigned kPoolCallers = 2;
constexpr auto kReplicateWithin = 100;  // milliseconds, of WAIT
constexpr auto kHung = 5s;              // beyond a deadline: far more than a busy machine makes of it
constexpr auto kPatience = 60s;

const redis::Script& append() {
  static const redis::Script script("redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[2])");
  return script;
}

}  // namespace

Load::Load(redis::Options options, unsigned replicas)
    : options_(std::move(options)),
      replicas_(replicas),
      client_(io_.get_executor(), options_),
      pool_(io_.get_executor(), options_, {.max_connections = kPoolCallers}) {
  asio::co_spawn(io_, run(), [this](const std::exception_ptr& error) {
    if (error) std::terminate();
    ended_ = true;
  });
  thread_ = std::thread([this] { io_.run(); });
}

bool Load::stop() {
  if (!thread_.joinable()) return true;
  stopping_ = true;
  const bool in_time = holds_soon([this] { return ended_.load(); });
  if (!in_time) io_.stop();
  thread_.join();
  return in_time;
}

bool Load::counts_on(std::uint64_t more) const {
  const auto client = by_client_ + more;
  const auto pool = by_pool_ + more;
  return holds_soon([&] { return by_client_ >= client && by_pool_ >= pool; });
}

asio::awaitable<void> Load::run() {
  Gate gate(io_.get_executor());
  for (unsigned i = 0; i < kClientCallers; ++i) gate.spawn("client's caller", write_on(By::client, i));
  for (unsigned i = 0; i < kPoolCallers; ++i) gate.spawn("pool's caller", write_on(By::pool, kClientCallers + i));
  co_await gate.wait_until_empty();
  co_await client_.close();
  co_await pool_.close();
}

asio::awaitable<void> Load::write_on(By by, unsigned caller) {
  asio::steady_timer pause(io_);
  for (std::uint64_t i = 0; !stopping_; ++i) {
    const auto before = Clock::now();
    std::string token = std::to_string(caller) + "-" + std::to_string(i);
    const Told told = co_await write(by, token);
    // The pool may wait for a connection, open it, and only then send.
    if (Clock::now() - before > options_.command_timeout + options_.connect_timeout + kHung) ++late_;
    note(by, std::move(token), told);
    pause.expires_after(told == Told::refused ? 5ms : 1ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<Told> Load::write(By by, std::string token) {
  if (by == By::client && replicas_ == 0 && token.back() % 2 == 0) co_return co_await write_by_script(std::move(token));
  redis::Request request("RPUSH", "{load}log", token);
  if (replicas_ > 0) request.add("WAIT", replicas_, kReplicateWithin);
  if (by == By::client) {
    const auto answers = co_await client_.execute_all(std::move(request));
    co_return judge(answers);
  }
  auto lease = co_await pool_.acquire("{load}log");
  if (!lease) co_return Told::refused;
  const auto answers = co_await lease->execute_all(std::move(request));
  co_return judge(answers);
}

asio::awaitable<Told> Load::write_by_script(std::string token) {
  std::vector<std::string> keys{"{load}log", "{load}count"};
  std::vector<std::string> arguments{std::move(token)};
  auto answer = co_await client_.run(append(), std::move(keys), std::move(arguments));
  if (answer) co_return Told::durable;
  co_return answer.error().outcome_unknown() ? Told::unknown : Told::refused;
}

Told Load::judge(const std::vector<Result<redis::Reply>>& answers) const {
  const auto& push = answers.front();
  if (!push) return push.error().outcome_unknown() ? Told::unknown : Told::refused;
  if (replicas_ == 0) return Told::durable;
  const auto& wait = answers.back();
  const bool held = wait && wait->view().integer().value_or(0) >= replicas_;
  return held ? Told::durable : Told::applied;
}

void Load::note(By by, std::string token, Told told) {
  if (told == Told::unknown) ++unknown_;
  if (told == Told::refused) ++refused_;
  if (told == Told::durable) ++(by == By::client ? by_client_ : by_pool_);
  written_.push_back({std::move(token), told});
}

void Load::expect_nothing_lost_or_doubled(const RedisServer& server) const {
  std::map<std::string, unsigned, std::less<>> held;
  std::istringstream lines(server.cli({"LRANGE", "{load}log", "0", "-1"}));
  for (std::string token; std::getline(lines, token);) ++held[token];
  std::uint64_t durable = 0;
  std::string lost;
  std::string doubled;
  std::string applied_though_refused;
  for (const auto& [token, told] : written_) {
    const auto found = held.find(token);
    const unsigned times = found == held.end() ? 0 : found->second;
    if (told == Told::durable) ++durable;
    if (told == Told::durable && times == 0) lost += ' ' + token;
    if (times > 1) doubled += ' ' + token;
    if (told == Told::refused && times > 0) applied_though_refused += ' ' + token;
  }
  EXPECT_GT(durable, 0U);
  EXPECT_EQ(lost, "") << "of " << durable << " acknowledged writes";
  EXPECT_EQ(doubled, "");
  EXPECT_EQ(applied_though_refused, "");
  EXPECT_LE(held.size(), written_.size());
}

std::size_t open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool holds_soon(const std::function<bool()>& condition) {
  const auto until = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

std::uint64_t announced_seed() {
  const char* given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "INKWELL_SEED=" << seed << '\n';
  return seed;
}

}  // namespace inkwell::test
