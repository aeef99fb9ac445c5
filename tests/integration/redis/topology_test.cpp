// Connections of one's own on a cluster: each to the master of the key it is for.
#include "link_fixture.hpp"
#include "redis/cluster/key_slot.hpp"
#include "support/cluster_servers.hpp"

namespace inkwell::redis {
namespace {

class PoolOnACluster : public testing::Test {
 protected:
  Options options() const {
    Options options;
    options.endpoint = servers_.endpoint();
    return options;
  }
  test::ClusterServers servers_;
  asio::io_context io_{1};
};

asio::awaitable<void> increments(Pool& pool, std::string key, std::int64_t to) {
  std::vector<std::string> keys{key};
  const Attempt attempt = [key](Pool::Lease& redis) -> asio::awaitable<Result<Request>> {
    Request get("GET", key);
    auto found = co_await redis.execute(std::move(get));
    const auto value = decode<std::optional<std::int64_t>>(found);
    if (!value) co_return std::unexpected(value.error());
    co_return Request("SET", key, value->value_or(0) + 1);
  };
  auto answer = co_await transact(pool, std::move(keys), attempt);
  EXPECT_TRUE(answer) << key << ": " << answer.error().to_string();
  Request get("GET", key);
  auto read = co_await execute_blocking(pool, key, std::move(get), 0ms);
  EXPECT_EQ(decode<std::int64_t>(read), to) << key;
}

asio::awaitable<void> works_everywhere(Pool& pool, test::ClusterServers& servers) {
  for (int i = 0; i < 12; ++i) co_await increments(pool, "k" + std::to_string(i), 1);
  EXPECT_GE(pool.stats().opened, 3U) << "not a connection to each master";
  const auto slot = cluster::key_slot("k1");
  servers.move_slot(slot, (servers.master_of(slot) + 1) % 3);
  co_await increments(pool, "k1", 2);
  auto wait = servers.master_of(cluster::key_slot("list"));
  std::optional<Result<std::optional<std::pair<std::string, std::string>>>> popped;
  Gate gate(co_await asio::this_coro::executor);
  const auto pops = [](Pool& from, auto& into) -> asio::awaitable<void> {
    auto element = co_await pop(from, "list", Side::left, 10s);
    into.emplace(std::move(element));
  };
  gate.spawn("pops", pops(pool, popped));
  co_await must([&] { return pool.stats().open > pool.stats().idle; }, "it waits");
  servers.node(wait).cli({"RPUSH", "list", "x"});
  co_await gate.wait_until_empty();
  EXPECT_TRUE(*popped && **popped && (**popped)->second == "x");
  for (std::size_t i = 0; i < 3; ++i) servers.fail_over(i);
  for (int i = 0; i < 12; ++i) co_await increments(pool, "k" + std::to_string(i), i == 1 ? 3 : 2);
  co_await pool.close();
}

TEST_F(PoolOnACluster, LendsConnectionsToTheMasterOfAKeyThroughMovesAndFailovers) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, works_everywhere(pool, servers_), 40s);
}

asio::awaitable<void> is_refused(Pool& pool) {
  auto lease = co_await pool.acquire("k");
  EXPECT_EQ(lease.error().kind(), ErrorKind::unavailable);
  co_await pool.close();
}

// The host and port of a cluster's endpoint mean nothing: here a server listens there that must hear nothing.
TEST(PoolOnAClusterThatIsGone, SaysSoWithinItsDeadlineAndConnectsToNobodyElse) {
  test::RedisServer other;
  Options options;
  options.endpoint = other.tcp_endpoint();
  options.endpoint.topology = Topology::cluster;
  options.endpoint.seeds = {{"127.0.0.1", test::free_port()}};
  options.connect_timeout = 100ms;
  PoolOptions bounds;
  bounds.wait_timeout = 200ms;
  asio::io_context io{1};
  Pool pool(io.get_executor(), options, bounds);
  run_on(io, is_refused(pool));
  EXPECT_NE(other.cli({"INFO", "clients"}).find("connected_clients:1\r"), std::string::npos);
}

}  // namespace
}  // namespace inkwell::redis
