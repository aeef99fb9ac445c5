// A link (client and pool) under load through failovers, in an order drawn from a seed. Each write waits for both
// replicas (WAIT 2), because Redis replicates asynchronously: only what a replica has survives its master. After each
// fault the link counts on by itself at the master there is then; in the end what was durable is there, what was
// refused is not, and nothing is there twice.
//   fault                       | production cause
//   SENTINEL FAILOVER           | a planned change of masters
//   SIGKILL, and back again     | the master's machine dies and returns as a replica
//   SIGSTOP, and back again     | the master freezes, is replaced, and wakes up believing it is the master still
//   CLIENT KILL on all          | a network that resets, the Sentinels' connections with it
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

#include "support/link_load.hpp"
#include "support/replicated_set.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;
using test::holds_soon;
using test::Load;
using test::ReplicatedSet;

Options options(const ReplicatedSet& set) {
  Options options;
  options.endpoint = set.endpoint();
  options.connect_timeout = 500ms;
  options.command_timeout = 1000ms;
  options.health_interval = 100ms;
  options.health_timeout = 300ms;
  options.backoff_cap = 50ms;
  return options;
}

void cut_everyone(ReplicatedSet& set) {
  for (std::size_t i = 0; i < 3; ++i) {
    set.sentinel(i).cli({"CLIENT", "KILL", "TYPE", "pubsub"});
    set.sentinel(i).cli({"CLIENT", "KILL", "TYPE", "normal"});
  }
  set.server(set.master()).cli({"CLIENT", "KILL", "TYPE", "normal"});
}

void replace(ReplicatedSet& set, void (test::RedisServer::*away)(), void (test::RedisServer::*back)()) {
  const auto master = set.master();
  (set.server(master).*away)();
  set.wait_for_another_master(master);
  (set.server(master).*back)();
}

std::vector<std::pair<const char*, std::function<void(ReplicatedSet&)>>> faults() {
  using Server = test::RedisServer;
  return {
      {"SENTINEL FAILOVER", [](ReplicatedSet& set) { set.fail_over(); }},
      {"SIGKILL and back", [](ReplicatedSet& set) { replace(set, &Server::kill, &Server::start); }},
      {"SIGSTOP and back", [](ReplicatedSet& set) { replace(set, &Server::pause, &Server::resume); }},
      {"CLIENT KILL on all", cut_everyone},
  };
}

TEST(SentinelUnderFaults, LosesNothingDurableAndDoublesNothingAndFollowsTheMaster) {
  const auto seed = test::announced_seed();
  std::mt19937_64 random(seed);
  ReplicatedSet set;
  const auto before = test::open_descriptors();
  {
    Load load(options(set), 2);
    ASSERT_TRUE(load.counts_on());
    auto schedule = faults();
    std::ranges::shuffle(schedule, random);
    for (const auto& [name, strike] : schedule) {
      SCOPED_TRACE(fmt::format("{} (seed {})", name, seed));
      strike(set);
      set.make_whole();
      ASSERT_TRUE(load.counts_on()) << "it did not recover";
    }
    EXPECT_TRUE(load.stop()) << "a caller hung";
    EXPECT_EQ(load.late(), 0U);
    load.expect_nothing_lost_or_doubled(set.server(set.master()));
  }
  EXPECT_TRUE(holds_soon([&] { return test::open_descriptors() <= before; })) << "descriptors leak";
}

}  // namespace
}  // namespace inkwell::redis
