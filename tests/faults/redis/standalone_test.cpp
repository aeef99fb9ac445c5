// A link (client and pool) under load while its server and the wire to it go through everything that happens to them,
// in an order and for times drawn from a seed. After each: it counts on by itself. In the end: what was acknowledged is
// there, what was refused is not, nothing is there twice, no call outlived its deadline, no descriptor is left.
//   fault                    | production cause
//   SIGKILL and start        | out of memory, a container restarted
//   SIGSTOP, DEBUG SLEEP     | a machine that swaps, a virtual machine that is moved, a command that takes seconds
//   CLIENT KILL              | an operator, a proxy's idle timeout
//   MISCONF                  | a disk that is full
//   OOM, READONLY            | maxmemory reached; a master demoted under the link
//   SCRIPT FLUSH             | a restart, a failover, an operator
//   output buffer overrun    | a reply larger than client-output-buffer-limit
//   wrong password           | a password rotated on one side first
//   the wire                 | networks: slow, silent, half-open, cut in the middle of a word, refusing
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

#include "support/fault_proxy.hpp"
#include "support/link_load.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;
using test::FaultProxy;
using test::holds_soon;
using test::Load;
using test::Way;

class StandaloneUnderFaults : public testing::Test {
 protected:
  StandaloneUnderFaults() : seed_(test::announced_seed()), random_(seed_) {}

  Options options(std::uint16_t port) const {
    Options options;
    options.endpoint = server_.tcp_endpoint();
    options.endpoint.port = port;
    options.connect_timeout = 500ms;
    options.command_timeout = 1000ms;
    options.health_interval = 100ms;
    options.health_timeout = 200ms;
    options.backoff_cap = 50ms;
    return options;
  }

  /// Until the link has noticed (or the time is up, where there is nothing to notice), and a little longer.
  void meanwhile(const Load& load) {
    const auto refused = load.refused();
    const auto unknown = load.unknown();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(50 + random_() % 350);
    holds_soon([&] {
      return std::chrono::steady_clock::now() >= until || load.refused() > refused + 20 ||
             load.unknown() > unknown + 20;
    });
  }
  /// Until callers are told no.
  static void until_refused(const Load& load) {
    const auto before = load.refused();
    EXPECT_TRUE(holds_soon([&] { return load.refused() > before; }));
  }
  void set(const char* name, const char* value) const { EXPECT_EQ(server_.cli({"CONFIG", "SET", name, value}), "OK"); }

  void make_saving_fail();
  void let_saving_work();
  void overrun_the_output_buffer();
  void change_the_password(const Load& load);
  std::vector<std::pair<const char*, std::function<void(const Load&)>>> of_the_server();
  std::vector<std::pair<const char*, std::function<void(const Load&)>>> of_the_wire();

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  test::RedisServer server_{{"--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"}};
  FaultProxy proxy_{FaultProxy::Tcp{server_.port()}};
};

// A snapshot that cannot be put in place, as on a full disk; the server then refuses writes, and PING with them.
void StandaloneUnderFaults::make_saving_fail() {
  const auto in_the_way = server_.directory() / "dump.rdb" / "x";
  std::filesystem::remove(in_the_way.parent_path());
  std::filesystem::create_directories(in_the_way);
  set("save", "3600 1000000");
  server_.cli({"BGSAVE"});
  EXPECT_TRUE(holds_soon([&] { return server_.cli({"SET", "probe", "x"}).starts_with("MISCONF"); }));
}

void StandaloneUnderFaults::let_saving_work() {
  std::filesystem::remove_all(server_.directory() / "dump.rdb");
  set("save", "");
}

asio::awaitable<void> reads_big(Client& client, bool& answered) {
  Request request("GET", "big");
  const CallOptions again{.timeout = 300ms, .idempotent = true};
  const auto answer = co_await client.execute(std::move(request), again);
  answered = answer.has_value();
  co_await client.close();
}

// An answer beyond the limit ends the connection, and would each time it was asked for again: the call has to end.
void StandaloneUnderFaults::overrun_the_output_buffer() {
  server_.cli({"SETRANGE", "big", "4000000", "x"});
  set("client-output-buffer-limit", "normal 65536 0 0");
  asio::io_context io{1};
  Client client(io.get_executor(), options(proxy_.port()));
  bool answered = false;
  asio::co_spawn(io, reads_big(client, answered), [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
  io.run_for(10s);
  EXPECT_TRUE(io.stopped());
  EXPECT_FALSE(answered);
  set("client-output-buffer-limit", "normal 0 0 0");
}

void StandaloneUnderFaults::change_the_password(const Load& load) {
  set("requirepass", "other");
  server_.cli({"-a", "other", "--no-auth-warning", "CLIENT", "KILL", "TYPE", "normal"});
  until_refused(load);
  EXPECT_EQ(server_.cli({"-a", "other", "--no-auth-warning", "CONFIG", "SET", "requirepass", ""}), "OK");
}

std::vector<std::pair<const char*, std::function<void(const Load&)>>> StandaloneUnderFaults::of_the_server() {
  return {
      {"SIGKILL and start",
       [this](const Load& load) {
         server_.kill();
         meanwhile(load);
         server_.start();
       }},
      {"SIGSTOP",
       [this](const Load& load) {
         server_.pause();
         meanwhile(load);
         server_.resume();
       }},
      {"SIGSTOP until the link gives it up",
       [this](const Load& load) {
         const auto before = load.unknown();
         server_.pause();
         EXPECT_TRUE(holds_soon([&] { return load.unknown() > before; }));
         server_.resume();
       }},
      {"DEBUG SLEEP", [this](const Load&) { server_.cli({"DEBUG", "SLEEP", random_() % 2 == 0 ? "0.05" : "0.6"}); }},
      {"CLIENT KILL", [this](const Load&) { server_.cli({"CLIENT", "KILL", "TYPE", "normal"}); }},
      {"MISCONF",
       [this](const Load& load) {
         make_saving_fail();
         until_refused(load);
         let_saving_work();
       }},
      {"OOM",
       [this](const Load& load) {
         set("maxmemory", "1");
         until_refused(load);
         set("maxmemory", "0");
       }},
      {"READONLY",
       [this](const Load& load) {
         server_.cli({"REPLICAOF", "127.0.0.1", "1"});  // where nobody listens, so that its data stay
         until_refused(load);
         server_.cli({"REPLICAOF", "NO", "ONE"});
       }},
      {"SCRIPT FLUSH", [this](const Load&) { server_.cli({"SCRIPT", "FLUSH"}); }},
      {"output buffer overrun", [this](const Load&) { overrun_the_output_buffer(); }},
      {"wrong password", [this](const Load& load) { change_the_password(load); }},
  };
}

std::vector<std::pair<const char*, std::function<void(const Load&)>>> StandaloneUnderFaults::of_the_wire() {
  // A connection that was a black hole must end as one: TCP never goes on behind a hole, where a later answer would be
  // taken for that to an earlier command.
  const auto way = random_() % 2 == 0 ? Way::to_server : Way::to_client;
  const auto other = way == Way::to_server ? Way::to_client : Way::to_server;
  return {
      {"delay",
       [this, way](const Load& load) {
         proxy_.delay(way, std::chrono::milliseconds(1 + random_() % 40));
         meanwhile(load);
       }},
      {"black hole one way",
       [this, way](const Load& load) {
         proxy_.black_hole(way, true);
         meanwhile(load);
         proxy_.drop_all();
       }},
      {"black hole the other way",
       [this, other](const Load& load) {
         proxy_.black_hole(other, true);
         meanwhile(load);
         proxy_.drop_all();
       }},
      {"stall",
       [this, way](const Load& load) {
         proxy_.stall(way, true);
         meanwhile(load);
       }},
      {"cut among the requests",
       [this](const Load& load) {
         proxy_.cut_after(Way::to_server, 1 + random_() % 3000);
         meanwhile(load);
       }},
      {"cut among the answers",
       [this](const Load& load) {
         proxy_.cut_after(Way::to_client, 1 + random_() % 300);
         meanwhile(load);
       }},
      {"refused",
       [this](const Load& load) {
         proxy_.refuse(true);
         proxy_.drop_all();
         meanwhile(load);
       }},
      {"reset", [this](const Load&) { proxy_.drop_all(true); }},
      {"closed", [this](const Load&) { proxy_.drop_all(false); }},
  };
}

TEST_F(StandaloneUnderFaults, LosesNothingAndDoublesNothingAndRecoversByItself) {
  const auto before = test::open_descriptors();
  {
    Load load(options(proxy_.port()), 0);
    ASSERT_TRUE(load.counts_on());
    auto schedule = of_the_server();
    for (auto& fault : of_the_wire()) schedule.push_back(std::move(fault));
    std::ranges::shuffle(schedule, random_);
    for (const auto& [name, strike] : schedule) {
      SCOPED_TRACE(fmt::format("{} (seed {})", name, seed_));
      strike(load);
      proxy_.heal();
      ASSERT_TRUE(load.counts_on()) << "it did not recover";
    }
    EXPECT_TRUE(load.stop()) << "a caller hung";
    EXPECT_EQ(load.late(), 0U);
    load.expect_nothing_lost_or_doubled(server_);
  }
  EXPECT_TRUE(holds_soon([&] { return test::open_descriptors() <= before; })) << "descriptors leak";
}

asio::awaitable<void> reads_and_is_refused_a_write(Client& client, std::string& code) {
  auto get = co_await client.command("GET", "kept");
  EXPECT_TRUE(get && get->view().text() == "value") << (get ? "" : get.error().to_string());
  auto set = co_await client.command("SET", "kept", "other");
  if (!set) code = set.error().code();
  co_await client.close();
}

TEST_F(StandaloneUnderFaults, ReadsThroughANewConnectionWhileTheDiskIsFull) {
  server_.cli({"SET", "kept", "value"});
  make_saving_fail();
  asio::io_context io{1};
  Client client(io.get_executor(), options(server_.port()));
  std::string code;
  asio::co_spawn(io, reads_and_is_refused_a_write(client, code),
                 [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
  io.run_for(10s);
  EXPECT_TRUE(io.stopped());
  EXPECT_EQ(code, "redis_misconf");
}

}  // namespace
}  // namespace inkwell::redis
