#include "keyspace/commits.hpp"

#include <gtest/gtest.h>

#include "base/asio.hpp"
#include "keyspace/store.hpp"
#include "support/cluster_servers.hpp"
#include "support/loop.hpp"
#include "support/replicated_set.hpp"
#include "support/wait_until.hpp"

namespace inkwell::keyspace {
namespace {

using namespace std::chrono_literals;
using test::run_on;

const redis::Script& count() {
  static const redis::Script script("return redis.call('INCR', KEYS[1])");
  return script;
}

redis::Options link_to(redis::Endpoint endpoint) {
  redis::Options options;
  options.endpoint = std::move(endpoint);
  return options;
}

std::vector<std::string> replica_of(const test::RedisServer& master) {
  return {"--replicaof", "127.0.0.1 " + std::to_string(master.port()), "--repl-diskless-sync-delay", "0"};
}

/// A master with a replica in sync, and a Commits that asks for its confirmation.
class CommitsTest : public testing::Test {
 protected:
  CommitsTest() : replica_(replica_of(master_)) {
    test::wait_until("the replica is in sync", [&] {
      return replica_.cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
    });
  }
  ~CommitsTest() override { close(); }

  Commits& commits(Acknowledgement level = {.replicas = 1, .timeout = 20s}) {
    if (!commits_) commits_.emplace(io_.get_executor(), link_to(master_.endpoint()), level);
    return *commits_;
  }
  Result<redis::Reply> run(const std::string& key) {
    return run_on(io_, commits().run(count(), words({key}), {}, redis::CallOptions{}));
  }
  void close() {
    if (commits_) run_on(io_, commits_->close());
    commits_.reset();
  }
  static std::vector<std::string> words(std::vector<std::string> list) { return list; }

  test::RedisServer master_{{"--repl-diskless-sync-delay", "0"}};
  test::RedisServer replica_;
  asio::io_context io_{1};
  std::optional<Commits> commits_;
};

TEST_F(CommitsTest, AnswerWhenTheReplicaHasTheWrite) {
  const auto reply = run("k");
  ASSERT_TRUE(reply) << reply.error().to_string();
  EXPECT_EQ(reply->view().integer(), 1);
  EXPECT_EQ(replica_.cli({"GET", "k"}), "1");
  EXPECT_EQ(commits().stats().confirmed, 1U);
}

TEST_F(CommitsTest, SayThatTheOutcomeIsUnknownWhenTheReplicaIsSilent) {
  commits({.replicas = 1, .timeout = 200ms});
  replica_.pause();
  const auto reply = run("k");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), "redis_unconfirmed");
  EXPECT_EQ(reply.error().kind(), ErrorKind::unavailable);
  EXPECT_TRUE(reply.error().outcome_unknown());
  EXPECT_EQ(master_.cli({"GET", "k"}), "1") << "it was applied";
  EXPECT_EQ(commits().stats().unconfirmed, 1U);
  replica_.resume();
  test::wait_until("the replica confirms again", [&] { return run("other").has_value(); });
  EXPECT_EQ(replica_.cli({"GET", "k"}), "1");
}

asio::awaitable<void> many(Commits& commits, std::size_t callers, std::size_t& done) {
  Gate gate(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < callers; ++i) {
    gate.spawn("caller", [](Commits& by, std::size_t number, std::size_t& finished) -> asio::awaitable<void> {
      const redis::CallOptions options{.timeout = {}, .idempotent = number % 5 == 0};
      std::vector<std::string> keys(1, "k" + std::to_string(number % 7));
      const auto reply = co_await by.run(count(), std::move(keys), {}, options);
      if (reply) ++finished;
    }(commits, i, done));
  }
  co_await gate.wait_until_empty();
}

TEST_F(CommitsTest, ShareAWaitAmongThoseWhoComeMeanwhile) {
  std::size_t done = 0;
  run_on(io_, many(commits(), 1000, done));
  EXPECT_EQ(done, 1000U);
  EXPECT_EQ(commits().stats().confirmed, 1000U);
  EXPECT_LT(commits().stats().waits, 500U);
  std::size_t sum = 0;
  for (int i = 0; i < 7; ++i) sum += std::stoul(replica_.cli({"GET", "k" + std::to_string(i)}));
  EXPECT_EQ(sum, 1000U);
}

TEST_F(CommitsTest, LoadAScriptThatTheServerHasForgotten) {
  ASSERT_TRUE(run("k"));
  master_.cli({"SCRIPT", "FLUSH"});
  const auto reply = run("k");
  ASSERT_TRUE(reply) << reply.error().to_string();
  EXPECT_EQ(reply->view().integer(), 2);
}

TEST_F(CommitsTest, GiveTheScriptsOwnErrors) {
  static const redis::Script wrong("return redis.error_reply('WRONGTYPE of the script')");
  const auto reply = run_on(io_, commits().run(wrong, words({"k"}), {}, redis::CallOptions{}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), "redis_wrongtype");
}

TEST_F(CommitsTest, WaitForTheAppendOnlyFileOrSayThatTheServerCannot) {
  const bool able = master_.cli({"COMMAND", "INFO", "WAITAOF"}).find("waitaof") != std::string::npos;  // Redis 7.2
  master_.cli({"CONFIG", "SET", "appendonly", "yes"});
  commits({.replicas = 0, .append_only_file = true, .timeout = 10s});
  const auto reply = run("k");
  EXPECT_EQ(reply.has_value(), able);
  if (able) return;
  EXPECT_EQ(reply.error().code(), "redis_unconfirmed");
  EXPECT_NE(reply.error().remedy().find("7.2"), std::string::npos);
}

TEST_F(CommitsTest, AnswerThoseUnderWayWhenTheyAreClosed) {
  commits({.replicas = 1, .timeout = 30s});
  replica_.pause();
  std::optional<Result<redis::Reply>> answer;
  const auto ask = [](Commits& by, auto& got) -> asio::awaitable<void> {
    std::vector<std::string> keys(1, "k");
    got = co_await by.run(count(), std::move(keys), {}, redis::CallOptions{});
  };
  asio::co_spawn(io_, ask(commits(), answer), [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
  ASSERT_TRUE(run_on(io_, test::eventually([&] { return master_.cli({"GET", "k"}) == "1"; })));
  close();
  io_.restart();
  io_.poll();
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().kind(), ErrorKind::cancelled);
  EXPECT_TRUE(answer->error().outcome_unknown());
}

TEST(CommitsOnACluster, AreConfirmedByTheReplicaOfEachKeysMaster) {
  test::ClusterServers servers;
  asio::io_context io{1};
  Commits commits(io.get_executor(), link_to(servers.endpoint()), {.replicas = 1, .timeout = 20s});
  std::size_t done = 0;
  run_on(io, many(commits, 50, done));
  EXPECT_EQ(done, 50U);
  EXPECT_EQ(commits.stats().confirmed, 50U);
  std::size_t sum = 0;
  for (int i = 0; i < 7; ++i) sum += std::stoul(servers.get("k" + std::to_string(i)));
  EXPECT_EQ(sum, 50U);
  run_on(io, commits.close());
}

}  // namespace
}  // namespace inkwell::keyspace
