#include <inkwell/redis/transaction.hpp>

#include "link_fixture.hpp"
#include "support/fault_proxy.hpp"

namespace inkwell::redis {
namespace {

class TransactionTest : public LinkTest {};

asio::awaitable<Result<Request>> increment_by_hand(Pool::Lease& redis) {
  Request get("GET", "counter");
  auto found = co_await redis.execute(std::move(get));
  const auto value = decode<std::optional<int>>(found);
  if (!value) co_return std::unexpected(value.error());
  co_return Request("SET", "counter", value->value_or(0) + 1);
}

asio::awaitable<void> increments(Pool& pool, int times, int& done) {
  for (int i = 0; i < times; ++i) {
    std::vector<std::string> keys{"counter"};
    const TransactionOptions options{.attempts = 1000, .timeout = 0ms};
    auto answer = co_await transact(pool, std::move(keys), increment_by_hand, options);
    EXPECT_TRUE(answer) << answer.error().to_string();
  }
  ++done;
}

asio::awaitable<void> all_increments(Pool& pool) {
  Gate gate(co_await asio::this_coro::executor);
  int done = 0;
  for (int i = 0; i < 8; ++i) gate.spawn("increments", increments(pool, 25, done));
  co_await gate.wait_until_empty();
  EXPECT_EQ(done, 8);
  co_await pool.close();
}

TEST_F(TransactionTest, LosesNoUpdateHoweverManyReadAndWriteAtOnce) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, all_increments(pool));
  EXPECT_EQ(server_.cli({"GET", "counter"}), "200");
}

asio::awaitable<void> ends(Pool& pool, test::RedisServer& server) {
  const std::vector<std::string> k{"k"};
  const TransactionOptions few{.attempts = 3, .timeout = 0ms};
  unsigned attempts = 0;
  const Attempt always_late = [&](Pool::Lease&) -> asio::awaitable<Result<Request>> {
    ++attempts;
    server.cli({"SET", "k", std::to_string(attempts)});
    co_return Request("SET", "k", "mine");
  };
  auto late = co_await transact(pool, k, always_late, few);
  EXPECT_EQ(late.error().code(), "redis_transaction_conflict");
  EXPECT_EQ(late.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(attempts, 3U);
  const Attempt changes_its_mind = [](Pool::Lease&) -> asio::awaitable<Result<Request>> { co_return Request(); };
  auto nothing = co_await transact(pool, k, changes_its_mind);
  EXPECT_EQ(nothing->view().size(), 0U);
  const Attempt refuses = [](Pool::Lease&) -> asio::awaitable<Result<Request>> {
    co_return fail(ErrorKind::precondition_failed, "too_poor", "No.");
  };
  auto refused = co_await transact(pool, k, refuses);
  EXPECT_EQ(refused.error().code(), "too_poor");
  EXPECT_EQ(pool.stats().discarded, 0U) << "a watch that led to nothing was not taken back";
  Request wrong("SET", "k", "1");
  wrong.add("NOSUCHCOMMAND");
  auto queued_badly = co_await apply_together(pool, "k", std::move(wrong));
  EXPECT_EQ(queued_badly.error().code(), "redis_err");
  EXPECT_NE(queued_badly.error().message().find("NOSUCHCOMMAND"), std::string::npos) << "not which command it was";
  EXPECT_EQ(server.cli({"GET", "k"}), "3") << "something of it was applied";
  Request half("SET", "k", "text");
  half.add("INCR", "k").add("GET", "k");
  auto answers = co_await apply_together(pool, "k", std::move(half));
  EXPECT_EQ(answers->view().size(), 3U);
  EXPECT_TRUE(answers->view()[1].is_error());
  EXPECT_EQ(answers->view()[2].text(), "text");
  co_await pool.close();
}

TEST_F(TransactionTest, SaysHowItEnded) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, ends(pool, server_));
}

asio::awaitable<void> loses_exec(Pool& pool, test::FaultProxy& proxy) {
  const Attempt cut_before_exec = [&](Pool::Lease&) -> asio::awaitable<Result<Request>> {
    proxy.black_hole(test::Way::to_server, true);
    co_return Request("INCR", "k");
  };
  const std::vector<std::string> k{"k"};
  const TransactionOptions quick{.attempts = 5, .timeout = 100ms};
  auto answer = co_await transact(pool, k, cut_before_exec, quick);
  EXPECT_FALSE(answer);
  EXPECT_TRUE(answer.error().outcome_unknown()) << answer.error().to_string();
  proxy.drop_all();
  proxy.heal();
  co_await pool.close();
}

TEST_F(TransactionTest, WhoseExecGotNoAnswerIsOfUnknownOutcomeAndNeverTriedAgain) {
  test::FaultProxy proxy(test::FaultProxy::Tcp{server_.port()});
  Options through = options();
  through.endpoint = server_.tcp_endpoint();
  through.endpoint.port = proxy.port();
  Pool pool(io_.get_executor(), through);
  run_on(io_, loses_exec(pool, proxy));
  EXPECT_EQ(server_.cli({"EXISTS", "k"}), "0");
}

}  // namespace
}  // namespace inkwell::redis
