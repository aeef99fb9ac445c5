#include <inkwell/redis/pool.hpp>

#include "integration/redis/link_fixture.hpp"

namespace inkwell::redis {
namespace {

class PoolTest : public LinkTest {
 protected:
  PoolTest() {
    pool_options_.max_connections = 2;
    pool_options_.wait_timeout = 10s;
  }
  PoolOptions pool_options_;
};

asio::awaitable<Result<Reply>> say(Pool::Lease& lease, Request request) {
  co_return co_await lease.execute(std::move(request));
}

asio::awaitable<void> borrower(Pool& pool, int number, std::vector<int>& order, asio::steady_timer& hold) {
  auto lease = co_await pool.acquire();
  EXPECT_TRUE(lease);
  order.push_back(number);
  co_await hold.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> serves_in_order(Pool& pool) {
  const auto executor = co_await asio::this_coro::executor;
  Gate gate(executor);
  std::vector<int> order;
  asio::steady_timer hold(executor, 10ms);
  for (int i = 0; i < 10; ++i) {
    gate.spawn("borrower", borrower(pool, i, order, hold));
    co_await must([&] { return order.size() + pool.stats().waiting == static_cast<std::size_t>(i) + 1; }, "it waits");
  }
  EXPECT_GE(pool.stats().waiting, 1U);
  co_await gate.wait_until_empty();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(pool.stats().opened, 2U);
  EXPECT_EQ(pool.stats().idle, 2U);
  co_await pool.close();
}

TEST_F(PoolTest, ServesThoseWhoWaitFirstComeFirstServedWithinItsBound) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, serves_in_order(pool));
}

asio::awaitable<void> gives_up(Pool& pool) {
  auto first = co_await pool.acquire();
  auto second = co_await pool.acquire();
  auto third = co_await pool.acquire();
  EXPECT_EQ(third.error().kind(), ErrorKind::overloaded);
  EXPECT_EQ(pool.stats().timeouts, 1U);
  EXPECT_EQ(pool.stats().waiting, 0U);
  {
    auto gone = std::move(*second);
  }
  auto fourth = co_await pool.acquire();
  EXPECT_TRUE(fourth);
  co_await pool.close();
}

TEST_F(PoolTest, AWaiterGivesUpAtItsDeadline) {
  pool_options_.wait_timeout = 30ms;
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, gives_up(pool));
}

asio::awaitable<void> blocks(Pool& pool, test::RedisServer& server) {
  auto lease = co_await pool.acquire();
  Request pop("BLPOP", "list", 10);
  const CallOptions patient{.timeout = 15s, .idempotent = false};
  server.cli({"RPUSH", "list", "x"});
  auto popped = co_await lease->execute(std::move(pop), patient);
  EXPECT_EQ(popped->view()[1].text(), "x");
  Request transaction("MULTI");
  transaction.add("SET", "k", 1).add("INCR", "k").add("EXEC");
  auto answers = co_await lease->execute_all(std::move(transaction));
  EXPECT_EQ(answers[3]->view()[1].integer(), 2);
  Request watch("WATCH", "k");
  co_await lease->execute(std::move(watch));
  server.cli({"SET", "k", "9"});
  Request aborted("MULTI");
  aborted.add("INCR", "k").add("EXEC");
  auto none = co_await lease->execute_all(std::move(aborted));
  EXPECT_TRUE(none[2]->view().is_null());  // an aborted WATCH is a value, not an error
  Request broken("MULTI");
  broken.add("NOSUCHCOMMAND").add("EXEC");
  auto failed = co_await lease->execute_all(std::move(broken));
  EXPECT_EQ(failed[2].error().code(), "redis_execabort");
  co_await pool.close();
}

TEST_F(PoolTest, CarriesBlockingCommandsAndTransactions) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, blocks(pool, server_));
}

asio::awaitable<void> left_dirty(Pool& pool, test::RedisServer& server) {
  for (const char* name : {"MULTI", "WATCH", "SELECT"}) {
    auto lease = co_await pool.acquire();
    Request request = std::string_view(name) == "MULTI" ? Request(name) : Request(name, 1);
    auto answer = co_await say(*lease, std::move(request));
    EXPECT_TRUE(answer) << name;
  }
  EXPECT_EQ(pool.stats().idle, 0U);
  auto clean = co_await pool.acquire();
  Request set("SET", "k", "v");
  auto answer = co_await say(*clean, std::move(set));
  EXPECT_EQ(answer->view().text(), "OK");
  EXPECT_EQ(server.cli({"-n", "0", "GET", "k"}), "v");
  co_await pool.close();
}

TEST_F(PoolTest, AConnectionLeftInAnotherStateIsNotLentAgain) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, left_dirty(pool, server_));
}

asio::awaitable<void> broken_ones(Pool& pool, test::RedisServer& server) {
  {
    auto lease = co_await pool.acquire();
    EXPECT_TRUE(lease);
  }
  EXPECT_EQ(pool.stats().idle, 1U);
  server.cli({"CLIENT", "KILL", "TYPE", "normal"});
  for (int i = 0; i < 5; ++i) {
    auto lease = co_await pool.acquire();
    EXPECT_TRUE(lease);
    Request ping("PING");
    auto answer = co_await say(*lease, std::move(ping));
    EXPECT_TRUE(answer) << answer.error().message();
  }
  {
    auto lease = co_await pool.acquire();
    Request slow("BLPOP", "none", 0);
    const CallOptions hasty{.timeout = 20ms, .idempotent = false};
    auto late = co_await lease->execute(std::move(slow), hasty);
    EXPECT_EQ(late.error().kind(), ErrorKind::deadline_exceeded);
    Request ping("PING");
    auto after = co_await say(*lease, std::move(ping));
    EXPECT_FALSE(after);  // its connection is gone
  }
  EXPECT_EQ(pool.stats().idle, 0U);
  const auto unblocked = [&] { return server.cli({"INFO", "clients"}).find("blocked_clients:0") != std::string::npos; };
  co_await must(unblocked, "the server is freed from the blocked command");
  co_await pool.close();
}

TEST_F(PoolTest, ABrokenOrHalfWayConnectionIsNeverLentAgain) {
  pool_options_.ping_after_idle = 0ms;
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, broken_ones(pool, server_));
}

asio::awaitable<void> blocked_borrower(Pool& pool) {
  auto lease = co_await pool.acquire();
  Request pop("BLPOP", "none", 0);
  const CallOptions patient{.timeout = 15s, .idempotent = false};
  co_await lease->execute(std::move(pop), patient);
}

asio::awaitable<void> cancels(Pool& pool, test::RedisServer& server) {
  Gate gate(co_await asio::this_coro::executor);
  gate.spawn("blocked", blocked_borrower(pool));
  const auto blocked = [&] { return server.cli({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos; };
  co_await must(blocked, "it blocks");
  co_await gate.close();
  EXPECT_EQ(pool.stats().open, 0U);
  co_await must([&] { return !blocked(); }, "the server is freed");
  auto next = co_await pool.acquire();
  EXPECT_TRUE(next);
  co_await pool.close();
}

TEST_F(PoolTest, CancellingABlockingCommandFreesItsConnection) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, cancels(pool, server_));
}

asio::awaitable<void> waits_then_leaves(Pool& pool, bool& ended) {
  struct Mark {
    bool& flag;
    ~Mark() { flag = true; }
  } mark{ended};
  auto lease = co_await pool.acquire();
}

asio::awaitable<void> cancels_waiters(Pool& pool) {
  auto first = co_await pool.acquire();
  auto second = co_await pool.acquire();
  bool ended = false;
  {
    Gate gate(co_await asio::this_coro::executor);
    gate.spawn("waiter", waits_then_leaves(pool, ended));
    co_await must([&] { return pool.stats().waiting == 1; }, "it waits");
    co_await gate.close();
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(pool.stats().waiting, 0U);
  {
    auto gone = std::move(*first);
  }
  auto third = co_await pool.acquire();
  EXPECT_TRUE(third);
  co_await pool.close();
}

TEST_F(PoolTest, AWaiterThatLeavesTakesNoPlaceWithIt) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, cancels_waiters(pool));
}

asio::awaitable<void> idles(Pool& pool) {
  {
    auto first = co_await pool.acquire();
    auto second = co_await pool.acquire();
  }
  EXPECT_EQ(pool.stats().idle, 2U);
  co_await must([&] { return pool.stats().open == 0; }, "idle connections are closed");
  auto again = co_await pool.acquire();
  EXPECT_TRUE(again);
  EXPECT_EQ(pool.stats().opened, 3U);
  co_await pool.close();
}

TEST_F(PoolTest, ConnectionsIdleForLongAreClosed) {
  pool_options_.max_idle = 30ms;
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, idles(pool));
}

asio::awaitable<void> away(Pool& pool, test::RedisServer& server) {
  server.kill();
  for (int i = 0; i < 5; ++i) {
    auto lease = co_await pool.acquire();
    EXPECT_EQ(lease.error().kind(), ErrorKind::unavailable);
  }
  server.start();
  auto lease = co_await pool.acquire();
  EXPECT_TRUE(lease);
  co_await pool.close();
  auto closed = co_await pool.acquire();
  EXPECT_EQ(closed.error().code(), "redis_closed");
}

TEST_F(PoolTest, AServerThatIsAwayIsToldAndCostsNoPlace) {
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, away(pool, server_));
}

asio::awaitable<void> keeps_its_minimum(Pool& pool, test::RedisServer& server) {
  co_await must([&] { return pool.stats().idle == 2; }, "the connections that are always there are opened");
  {
    auto first = co_await pool.acquire();
    auto second = co_await pool.acquire();
    auto third = co_await pool.acquire();
    EXPECT_TRUE(first && second && third);
    EXPECT_EQ(pool.stats().opened, 3U);
  }
  co_await must([&] { return pool.stats().open == 2; }, "the one beyond the minimum goes when it is idle");
  EXPECT_EQ(pool.stats().reaped, 1U);
  {
    auto lease = co_await pool.acquire();
    Request select("SELECT", 1);
    co_await say(*lease, std::move(select));
  }
  EXPECT_EQ(pool.stats().discarded, 1U);
  co_await must([&] { return pool.stats().idle == 2; }, "another one is opened for one that was thrown away");
  server.kill();
  server.start();
  for (int i = 0; i < 2; ++i) {
    auto lease = co_await pool.acquire();
    Request ping("PING");
    auto answer = co_await say(*lease, std::move(ping));
    EXPECT_TRUE(answer) << answer.error().to_string();
  }
  co_await must([&] { return pool.stats().idle == 2; }, "the minimum is there again after the server's death");
  co_await pool.close();
}

TEST_F(PoolTest, KeepsItsMinimumOpenAndNoMoreThanThatWhenIdle) {
  pool_options_.max_connections = 5;
  pool_options_.min_connections = 2;
  pool_options_.max_idle = 50ms;
  pool_options_.ping_after_idle = 0ms;
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, keeps_its_minimum(pool, server_));
}

asio::awaitable<void> grows_old(Pool& pool) {
  {
    auto lease = co_await pool.acquire();
    co_await must([&] { return pool.stats().open == 2; }, "a spare one is there");
    co_await must([&] { return pool.stats().reaped >= 1; }, "the spare one grows old");
    Request ping("PING");
    auto answer = co_await say(*lease, std::move(ping));
    EXPECT_TRUE(answer) << "closed while it was lent";
  }
  const auto opened = pool.stats().opened;
  co_await must([&] { return pool.stats().opened >= opened + 4; }, "connections are replaced as they grow old");
  EXPECT_LE(pool.stats().open, 2U);
  co_await pool.close();
}

TEST_F(PoolTest, ReplacesConnectionsThatGrowOldButNoneThatIsLent) {
  pool_options_.min_connections = 2;
  pool_options_.max_age = 40ms;
  Pool pool(io_.get_executor(), options(), pool_options_);
  run_on(io_, grows_old(pool));
}

}  // namespace
}  // namespace inkwell::redis
