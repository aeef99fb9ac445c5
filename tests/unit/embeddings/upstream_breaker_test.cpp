#include "embeddings/providers/upstream_breaker.hpp"

#include <gtest/gtest.h>

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using State = UpstreamBreaker::State;

const UpstreamBreaker::Clock::time_point kStart{};
constexpr UpstreamBreakerOptions kOptions{.failures = 3, .open_for = 100ms, .open_cap = 300ms};

UpstreamBreaker opened() {
  UpstreamBreaker breaker(kOptions);
  for (int i = 0; i < 3; ++i) breaker.failed(kStart);
  return breaker;
}

TEST(UpstreamBreaker, OpensAfterSoManyFailuresInARow) {
  UpstreamBreaker breaker(kOptions);
  EXPECT_FALSE(breaker.failed(kStart));
  EXPECT_FALSE(breaker.failed(kStart));
  breaker.answered();
  EXPECT_FALSE(breaker.failed(kStart));
  EXPECT_FALSE(breaker.failed(kStart));
  EXPECT_TRUE(breaker.admits(kStart));
  EXPECT_TRUE(breaker.failed(kStart));
  EXPECT_FALSE(breaker.admits(kStart + 99ms));
  EXPECT_EQ(breaker.wait(kStart + 40ms), 60ms);
}

TEST(UpstreamBreaker, LetsOneRequestThroughAndFollowsIt) {
  auto breaker = opened();
  EXPECT_TRUE(breaker.admits(kStart + 100ms));
  EXPECT_FALSE(breaker.admits(kStart + 100ms)) << "one at a time";
  breaker.answered();
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_TRUE(breaker.admits(kStart + 100ms));
}

TEST(UpstreamBreaker, StaysOpenTwiceAsLongEachTimeUpToTheCap) {
  auto breaker = opened();
  auto now = kStart;
  for (const auto wait : {100ms, 200ms, 300ms, 300ms}) {
    EXPECT_FALSE(breaker.admits(now + wait - 1ms));
    now += wait;
    EXPECT_TRUE(breaker.admits(now));
    breaker.failed(now);
  }
}

TEST(UpstreamBreaker, ARequestThatWasGivenUpFreesItsPlace) {
  auto breaker = opened();
  EXPECT_TRUE(breaker.admits(kStart + 100ms));
  breaker.abandoned();
  EXPECT_TRUE(breaker.admits(kStart + 100ms));
}

TEST(UpstreamBreaker, LateFailuresOfOthersDoNotProlongIt) {
  auto breaker = opened();
  breaker.failed(kStart + 90ms);
  EXPECT_TRUE(breaker.admits(kStart + 100ms));
}

TEST(UpstreamBreaker, CanBeTurnedOff) {
  UpstreamBreaker breaker({.failures = 0});
  for (int i = 0; i < 100; ++i) breaker.failed(kStart);
  EXPECT_TRUE(breaker.admits(kStart));
}

}  // namespace
}  // namespace inkwell::embeddings
