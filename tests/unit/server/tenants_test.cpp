#include "server/tenants.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace inkwell::server {
namespace {

using namespace std::chrono_literals;
using Clock = RateLimit::Clock;

const Clock::time_point kStart{1000s};

TEST(RateLimit, AllowsABurstAndThenTheRate) {
  RateLimit limit(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.take(kStart)) << i;
  EXPECT_EQ(limit.take(kStart), 100ms);
  EXPECT_EQ(limit.take(kStart + 40ms), 60ms);
  EXPECT_FALSE(limit.take(kStart + 100ms));
  EXPECT_TRUE(limit.take(kStart + 100ms));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.take(kStart + 10s)) << "a pause fills the bucket, no further";
  EXPECT_TRUE(limit.take(kStart + 10s));
}

TEST(RateLimit, GivesThreadsTogetherNoMoreThanOne) {
  RateLimit limit(1, 1000);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) taken += limit.take(kStart) ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 1000);
}

TEST(Tenants, LimitEachTenantByItself) {
  const Tenants tenants(
      {{.name = "a", .requests_per_second = 1, .burst = 0, .quota = {}, .conversation_lifetime = {}},
       {.name = "b", .requests_per_second = 0, .burst = 0, .quota = {}, .conversation_lifetime = 7s}});
  EXPECT_TRUE(tenants.admit("a", kStart));
  const auto refused = tenants.admit("a", kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "rate_limit_exceeded");
  EXPECT_EQ(refused.error().retry_after(), 1000ms);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(tenants.admit("b", kStart));
    EXPECT_TRUE(tenants.admit("nobody in particular", kStart));
  }
  EXPECT_EQ(tenants.find("b")->conversation_lifetime, 7s);
  EXPECT_EQ(tenants.find("c"), nullptr);
}

}  // namespace
}  // namespace inkwell::server
