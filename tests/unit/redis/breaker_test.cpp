#include "redis/resilience/breaker.hpp"

#include <gtest/gtest.h>

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;
using State = BreakerState;

class BreakerTest : public testing::Test {
 protected:
  void open() {
    breaker_.failed(now_);
    breaker_.failed(now_);
    ASSERT_TRUE(breaker_.failed(now_ + 1s));
    now_ += 1s;
  }
  Breaker breaker_{{.failures = 3, .open_after = 1s, .probe_every = 200ms}};
  Breaker::Clock::time_point now_{1h};
};

TEST_F(BreakerTest, OpensAfterEnoughFailuresThatLastLongEnough) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(breaker_.failed(now_ + i * 10ms));  // many, but short
  EXPECT_TRUE(breaker_.admits());
  breaker_.answered();
  EXPECT_FALSE(breaker_.failed(now_ + 2s));
  EXPECT_FALSE(breaker_.failed(now_ + 4s));  // long, but few
  EXPECT_TRUE(breaker_.admits());
  EXPECT_TRUE(breaker_.failed(now_ + 5s));
  EXPECT_EQ(breaker_.state(), State::open);
  EXPECT_FALSE(breaker_.admits());
}

TEST_F(BreakerTest, ASignOfLifeStartsTheCountAnew) {
  breaker_.failed(now_);
  breaker_.failed(now_ + 2s);
  EXPECT_FALSE(breaker_.answered());
  EXPECT_FALSE(breaker_.failed(now_ + 3s));
  EXPECT_FALSE(breaker_.failed(now_ + 3s));
  EXPECT_TRUE(breaker_.admits());
}

TEST_F(BreakerTest, ProbesByItselfAndClosesOnAnAnswer) {
  open();
  EXPECT_EQ(breaker_.next_probe(), now_ + 200ms);
  EXPECT_FALSE(breaker_.probe_due(now_ + 199ms));
  EXPECT_TRUE(breaker_.probe_due(now_ + 200ms));
  EXPECT_EQ(breaker_.state(), State::half_open);
  EXPECT_FALSE(breaker_.admits());
  EXPECT_TRUE(breaker_.answered());
  EXPECT_TRUE(breaker_.admits());
  EXPECT_EQ(breaker_.next_probe(), Breaker::Clock::time_point::max());
}

TEST_F(BreakerTest, AFailedOrUnansweredProbeIsFollowedByAnother) {
  open();
  EXPECT_TRUE(breaker_.probe_due(now_ + 200ms));
  EXPECT_FALSE(breaker_.failed(now_ + 250ms));
  EXPECT_EQ(breaker_.state(), State::open);
  EXPECT_FALSE(breaker_.probe_due(now_ + 400ms));
  EXPECT_TRUE(breaker_.probe_due(now_ + 450ms));
  EXPECT_TRUE(breaker_.probe_due(now_ + 650ms));
}

TEST_F(BreakerTest, AnAttemptToConnectIsAProbe) {
  open();
  breaker_.probing(now_ + 10ms);
  EXPECT_EQ(breaker_.state(), State::half_open);
  EXPECT_FALSE(breaker_.failed(now_ + 20ms));
  EXPECT_EQ(breaker_.state(), State::open);
}

TEST_F(BreakerTest, IsOffWithoutAThreshold) {
  Breaker off(BreakerOptions{.failures = 0});
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(off.failed(now_ + i * 1s));
  EXPECT_TRUE(off.admits());
}

}  // namespace
}  // namespace inkwell::redis
