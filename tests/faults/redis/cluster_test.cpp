// A link (client and pool) under load on a cluster of three masters and three replicas, through failovers and moves of
// the slot it writes to, in an order drawn from a seed. Each write waits for the master's replica (WAIT 1). After each
// fault the link counts on by itself wherever the slot is then; in the end what was durable is there, what was refused
// is not, and nothing is there twice.
//   fault                    | production cause
//   CLUSTER FAILOVER         | a planned change of masters
//   SIGKILL, and back again  | the master's machine dies and returns as a replica
//   SIGSTOP, and back again  | the master freezes, is replaced, and wakes up believing it is the master still
//   the slot moves           | resharding: the keys leave one by one (ASK), then the slot (MOVED)
//   CLIENT KILL on all       | a network that resets
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

#include "redis/cluster/key_slot.hpp"
#include "support/cluster_servers.hpp"
#include "support/link_load.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;
using test::ClusterServers;
using test::holds_soon;
using test::Load;

const std::uint16_t kSlot = cluster::key_slot("{load}log");

Options options(const ClusterServers& servers) {
  Options options;
  options.endpoint = servers.endpoint();
  options.connect_timeout = 500ms;
  options.command_timeout = 1000ms;
  options.health_interval = 100ms;
  options.health_timeout = 300ms;
  options.backoff_cap = 50ms;
  return options;
}

void replace(ClusterServers& servers, void (test::RedisServer::*away)(), void (test::RedisServer::*back)()) {
  const auto master = servers.master_of(kSlot);
  (servers.node(master).*away)();
  servers.wait_for_another_master(kSlot, master);
  (servers.node(master).*back)();
}

void move_away(ClusterServers& servers) {
  const auto from = servers.master_of(kSlot);
  for (std::size_t to = 0; to < servers.size(); ++to) {
    if (to == from || !servers.node(to).cli({"ROLE"}).starts_with("master")) continue;
    return servers.move_slot(kSlot, to);
  }
}

void cut_everyone(ClusterServers& servers) {
  for (std::size_t i = 0; i < servers.size(); ++i) servers.node(i).cli({"CLIENT", "KILL", "TYPE", "normal"});
}

std::vector<std::pair<const char*, std::function<void(ClusterServers&)>>> faults() {
  using Server = test::RedisServer;
  return {
      {"CLUSTER FAILOVER", [](ClusterServers& servers) { servers.fail_over_slot(kSlot); }},
      {"SIGKILL and back", [](ClusterServers& servers) { replace(servers, &Server::kill, &Server::start); }},
      {"SIGSTOP and back", [](ClusterServers& servers) { replace(servers, &Server::pause, &Server::resume); }},
      {"the slot moves", move_away},
      {"the slot moves again", move_away},
      {"CLIENT KILL on all", cut_everyone},
  };
}

TEST(ClusterUnderFaults, LosesNothingDurableAndDoublesNothingAndFollowsTheSlot) {
  const auto seed = test::announced_seed();
  std::mt19937_64 random(seed);
  ClusterServers servers;
  const auto before = test::open_descriptors();
  {
    Load load(options(servers), 1);
    ASSERT_TRUE(load.counts_on());
    auto schedule = faults();
    std::ranges::shuffle(schedule, random);
    for (const auto& [name, strike] : schedule) {
      SCOPED_TRACE(fmt::format("{} (seed {})", name, seed));
      strike(servers);
      servers.make_whole();
      ASSERT_TRUE(load.counts_on()) << "it did not recover";
    }
    EXPECT_TRUE(load.stop()) << "a caller hung";
    EXPECT_EQ(load.late(), 0U);
    load.expect_nothing_lost_or_doubled(servers.node(servers.master_of(kSlot)));
  }
  EXPECT_TRUE(holds_soon([&] { return test::open_descriptors() <= before; })) << "descriptors leak";
}

}  // namespace
}  // namespace inkwell::redis
