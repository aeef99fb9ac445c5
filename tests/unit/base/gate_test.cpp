#include "base/gate.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "support/loop.hpp"

namespace inkwell {
namespace {

asio::awaitable<void> sleep_for_ever(bool& ended) {
  struct Mark {
    bool& flag;
    ~Mark() { flag = true; }
  } mark{ended};
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(Gate, ClosingCancelsAndAwaitsEveryCoroutine) {
  asio::io_context io;
  Gate gate(io.get_executor());
  bool first = false;
  bool second = false;
  gate.spawn("first", sleep_for_ever(first));
  gate.spawn("second", sleep_for_ever(second));
  test::run_on(io, gate.close());
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_EQ(gate.size(), 0U);
}

TEST(Gate, RefusesNewcomersOnceItCloses) {
  asio::io_context io;
  Gate gate(io.get_executor());
  test::run_on(io, gate.close());
  bool ended = false;
  gate.spawn("late", sleep_for_ever(ended));
  EXPECT_EQ(gate.size(), 0U);
}

asio::awaitable<void> throws_at_once() {
  throw std::runtime_error("a bug");
  co_return;
}

TEST(GateDeathTest, AnUnexpectedExceptionEndsTheProcessAndNamesTheCoroutine) {
  EXPECT_DEATH(
      {
        asio::io_context io;
        Gate gate(io.get_executor());
        gate.spawn("faulty", throws_at_once());
        io.run();
      },
      "faulty.*a bug");
}

}  // namespace
}  // namespace inkwell
