#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_future.hpp>

#include <inkwell/redis/async.hpp>

#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

class AsyncTest : public LinkTest {
 protected:
  void run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(10ms);
    }
    ASSERT_TRUE(condition());
  }
  void close(Client& client) { run_on(io_, client.close()); }
};

TEST_F(AsyncTest, TakesCallbacksFuturesAndDeferredOperations) {
  Client client(io_.get_executor(), options());
  std::string called;
  async_execute(client, Request("SET", "k", "v"), {},
                [&](Result<Reply> answer) { called = decode<std::string>(answer).value_or("failed"); });
  EXPECT_EQ(called, "") << "called before the initiating function returned";
  std::future<Result<Reply>> later = async_execute(client, Request("GET", "k"), {}, asio::use_future);
  auto both = async_execute_all(client, Request("INCR", "n").add("INCR", "n"), {}, asio::deferred);
  std::vector<Result<Reply>> numbers;
  std::move(both)([&](std::vector<Result<Reply>> answers) { numbers = std::move(answers); });
  const Script script("return KEYS[1] .. ARGV[1]");
  std::string ran;
  async_run(client, script, {"a"}, {"b"}, {},
            [&](Result<Reply> answer) { ran = answer ? answer->view().text() : "failed"; });
  run_until([&] { return !called.empty() && numbers.size() == 2 && !ran.empty(); });
  EXPECT_EQ(called, "OK");
  EXPECT_EQ(later.get()->view().text(), "v");
  EXPECT_EQ(numbers[1]->view().integer(), 2);
  EXPECT_EQ(ran, "ab");
  close(client);
}

TEST_F(AsyncTest, ACancelledCallEndsAndTheConnectionStaysInStep) {
  Client client(io_.get_executor(), options());
  asio::cancellation_signal signal;
  std::optional<Result<Reply>> cancelled;
  async_execute(client, Request("GET", "k"), {}, [](const Result<Reply>&) {});
  run_until([&] { return client.stats().replies == 1; });
  server_.pause();
  async_execute(client, Request("GET", "k"), {}, asio::bind_cancellation_slot(signal.slot(), [&](Result<Reply> answer) {
                  cancelled = std::move(answer);
                }));
  run_until([&] { return client.stats().requests == 2; });
  signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return cancelled.has_value(); });
  EXPECT_EQ(cancelled->error().kind(), ErrorKind::cancelled);
  server_.resume();
  std::optional<Result<Reply>> next;
  async_execute(client, Request("ECHO", "mine"), {}, [&](Result<Reply> answer) { next = std::move(answer); });
  run_until([&] { return next.has_value(); });
  EXPECT_EQ((*next)->view().text(), "mine");
  EXPECT_EQ(client.stats().connects, 1U);
  close(client);
}

}  // namespace
}  // namespace inkwell::redis
