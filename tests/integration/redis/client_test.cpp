#include <boost/asio/bind_cancellation_slot.hpp>
#include <gtest/gtest.h>

#include <inkwell/redis.hpp>

#include "base/gate.hpp"
#include "support/loop.hpp"
#include "support/redis_server.hpp"

namespace inkwell::redis {
namespace {

using test::eventually;
using test::run_on;
using namespace std::chrono_literals;

class ClientTest : public testing::Test {
 protected:
  Options options() const {
    Options options;
    options.endpoint = server_.endpoint();
    return options;
  }
  test::RedisServer server_{{"--appendonly", "yes", "--appendfsync", "always"}};
  asio::io_context io_{1};
};

asio::awaitable<void> sets_and_gets(Client& client) {
  auto set = co_await client.command("SET", "k", "v", "PX", 10000);
  EXPECT_TRUE(set) << set.error().message();
  auto got = co_await client.command("GET", "k");
  EXPECT_EQ(got->view().text(), "v");
  auto missing = co_await client.command("GET", "none");
  EXPECT_TRUE(missing->view().is_null());
  auto wrong = co_await client.command("LPUSH", "k", "x");
  EXPECT_EQ(wrong.error().code(), "redis_wrongtype");
  co_await client.close();
}

TEST_F(ClientTest, AnswersCommandsAndReportsServerErrorsAsValues) {
  Client client(io_.get_executor(), options());
  run_on(io_, sets_and_gets(client));
}

asio::awaitable<void> echo_many(Client& client, int caller, int& wrong) {
  for (int i = 0; i < 20; ++i) {
    const std::string text =
        std::to_string(caller) + ":" + std::to_string(i) + std::string(caller % 7 == 0 ? 9000 : 3, 'x');
    auto answer = co_await client.command("ECHO", text);
    if (!answer || answer->view().text() != text) ++wrong;
  }
}

asio::awaitable<void> many_callers(Client& client, int& wrong) {
  Gate gate(co_await asio::this_coro::executor);
  for (int caller = 0; caller < 1000; ++caller) gate.spawn("caller", echo_many(client, caller, wrong));
  co_await gate.wait_until_empty();
  EXPECT_LT(client.stats().writes, client.stats().requests / 20);
  co_await client.close();
}

TEST_F(ClientTest, NeverCrossesTheRepliesOfConcurrentCallersAndPutsTheirCommandsInFewWrites) {
  Client client(io_.get_executor(), options());
  int wrong = 0;
  run_on(io_, many_callers(client, wrong));
  EXPECT_EQ(wrong, 0);
}

asio::awaitable<void> times_out(Client& client, test::RedisServer& server) {
  co_await client.command("SET", "k", "before");
  server.pause();
  Request request("GET", "k");
  const CallOptions short_deadline{.timeout = 50ms, .idempotent = false};
  auto late = co_await client.execute(std::move(request), short_deadline);
  EXPECT_EQ(late.error().kind(), ErrorKind::deadline_exceeded);
  EXPECT_TRUE(late.error().outcome_unknown());
  server.resume();
  auto next = co_await client.command("ECHO", "mine");
  EXPECT_EQ(next->view().text(), "mine");
  co_await client.close();
}

TEST_F(ClientTest, DropsTheLateReplyOfATimedOutCommand) {
  Client client(io_.get_executor(), options());
  run_on(io_, times_out(client, server_));
}

asio::awaitable<void> increments(Client& client, int& acknowledged, int& unknown, int& done) {
  for (int i = 0; i < 200; ++i) {
    auto answer = co_await client.command("INCR", "counter");
    if (answer) {
      ++acknowledged;
    } else if (answer.error().outcome_unknown()) {
      ++unknown;
    }
  }
  ++done;
}

asio::awaitable<void> breaks_things(test::RedisServer& server, const int& done) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  int round = 0;
  while (done < 32) {
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::use_awaitable);
    if (round++ % 3 == 0) {
      server.kill();
      server.start();
    } else {
      server.cli({"CLIENT", "KILL", "TYPE", "normal"});
    }
  }
}

asio::awaitable<void> counts_under_faults(Client& client, test::RedisServer& server) {
  Gate gate(co_await asio::this_coro::executor);
  int acknowledged = 0;
  int unknown = 0;
  int done = 0;
  for (int i = 0; i < 32; ++i) gate.spawn("incrementer", increments(client, acknowledged, unknown, done));
  co_await breaks_things(server, done);
  co_await gate.wait_until_empty();
  const int counter = std::stoi(server.cli({"GET", "counter"}));
  EXPECT_GE(counter, acknowledged);
  EXPECT_LE(counter, acknowledged + unknown);
  EXPECT_GT(client.stats().connects, 1U);
  co_await client.close();
}

TEST_F(ClientTest, AppliesNothingTwiceWhileTheServerDiesAndReturns) {
  Client client(io_.get_executor(), options());
  run_on(io_, counts_under_faults(client, server_), 60s);
}

asio::awaitable<void> runs_script(Client& client, test::RedisServer& server) {
  const Script script("return {KEYS[1], ARGV[1]}");
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> keys(1, "k");
    std::vector<std::string> arguments(1, "v");
    auto answer = co_await client.run(script, std::move(keys), std::move(arguments));
    EXPECT_EQ(answer->view()[1].text(), "v");
    server.cli({"SCRIPT", "FLUSH"});
  }
  co_await client.close();
}

TEST_F(ClientTest, RunsAScriptThatTheServerHasForgotten) {
  Client client(io_.get_executor(), options());
  run_on(io_, runs_script(client, server_));
}

asio::awaitable<void> wait_on_nothing(Client& client, bool& ended) {
  struct Mark {
    bool& flag;
    ~Mark() { flag = true; }
  } mark{ended};
  co_await client.command("GET", "k");
  co_await client.command("GET", "k");
}

asio::awaitable<void> cancels(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.pause();
  Gate gate(co_await asio::this_coro::executor);
  bool ended = false;
  gate.spawn("cancelled", wait_on_nothing(client, ended));
  co_await eventually([&] { return client.stats().pending > 0; });
  co_await gate.close();
  EXPECT_TRUE(ended);
  server.resume();
  auto next = co_await client.command("ECHO", "mine");
  EXPECT_EQ(next->view().text(), "mine");
  co_await client.close();
}

TEST_F(ClientTest, CancellingAWaitLeavesTheConnectionInStep) {
  Client client(io_.get_executor(), options());
  run_on(io_, cancels(client, server_));
}

asio::awaitable<void> subscribes(Subscriber& subscriber, test::RedisServer& server) {
  int subscribed = 0;
  int lost = 0;
  std::vector<std::string> got;
  SubscriptionHandlers handlers;
  handlers.on_subscribed = [&] { ++subscribed; };
  handlers.on_lost = [&] { ++lost; };
  handlers.on_message = [&](std::string_view text) { got.emplace_back(text); };
  subscriber.subscribe("c", std::move(handlers));
  EXPECT_TRUE(co_await eventually([&] { return subscribed == 1; }));
  server.cli({"SPUBLISH", "c", "one"});
  EXPECT_TRUE(co_await eventually([&] { return got.size() == 1; }));
  server.kill();
  server.start();
  EXPECT_TRUE(co_await eventually([&] { return subscribed == 2; }));
  EXPECT_EQ(lost, 1);
  server.cli({"SPUBLISH", "c", "two"});
  EXPECT_TRUE(co_await eventually([&] { return got.size() == 2; }));
  subscriber.unsubscribe("c");
  EXPECT_TRUE(co_await eventually([&] { return server.cli({"PUBSUB", "SHARDNUMSUB", "c"}) == "c\n0"; }));
  EXPECT_EQ(got, (std::vector<std::string>{"one", "two"}));
  co_await subscriber.close();
}

TEST_F(ClientTest, ASubscriptionSurvivesARestart) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, subscribes(subscriber, server_));
}

asio::awaitable<void> pools(Pool& pool, test::RedisServer& server) {
  {
    auto first = co_await pool.acquire();
    auto second = co_await pool.acquire();
    EXPECT_TRUE(first && second);
    auto third = co_await pool.acquire();
    EXPECT_EQ(third.error().code(), "redis_pool_exhausted");
    Request blocking("BLPOP", "list", 0.05);
    auto popped = co_await first->execute(std::move(blocking));
    EXPECT_TRUE(popped->view().is_null());
    server.cli({"CLIENT", "KILL", "TYPE", "normal"});
    Request ping("PING");
    auto broken = co_await second->execute(std::move(ping));
    EXPECT_FALSE(broken);
  }
  auto again = co_await pool.acquire();
  EXPECT_TRUE(again);
  co_await pool.close();
}

TEST_F(ClientTest, ThePoolIsBoundedAndKeepsNoBrokenConnection) {
  PoolOptions pool_options;
  pool_options.max_connections = 2;
  pool_options.wait_timeout = 30ms;
  pool_options.ping_after_idle = 0ms;
  Pool pool(io_.get_executor(), options(), pool_options);
  run_on(io_, pools(pool, server_));
}

}  // namespace
}  // namespace inkwell::redis
