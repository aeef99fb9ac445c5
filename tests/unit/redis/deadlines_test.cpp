#include "redis/link/deadlines.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

namespace inkwell::redis::link {
namespace {

using namespace std::chrono_literals;

TEST(Deadlines, ExpireEachCallAtItsTimeAndNeverBefore) {
  const char* given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  auto deadlines = std::make_unique<Deadlines>();
  const Clock::time_point start{std::chrono::hours(3)};
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 500; ++i) {
    auto call = std::make_unique<Call>("", 1, false);
    call->deadline = start + std::chrono::milliseconds(1 + random() % 40'000);  // several turns of the wheel
    deadlines->add(*call);
    calls.push_back(std::move(call));
  }
  for (int i = 0; i < 100; ++i) Deadlines::remove(*calls[static_cast<std::size_t>(i)]);
  auto now = start;
  int expired = 0;
  for (auto next = deadlines->next(now); next != Clock::time_point::max(); next = deadlines->next(now)) {
    ASSERT_GT(next, now);
    const auto since = now;
    now = next;
    bool any = false;
    deadlines->expire(since, now, [&](Call& call) {
      EXPECT_EQ(call.deadline, now);  // woken exactly when the first one is due
      ++expired;
      any = true;
    });
    ASSERT_TRUE(any) << "woken for nothing";
  }
  EXPECT_EQ(expired, 400);
}

TEST(Deadlines, CatchUpAfterALongSleep) {
  auto deadlines = std::make_unique<Deadlines>();
  const Clock::time_point start{std::chrono::hours(3)};
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 600; ++i) {
    calls.push_back(std::make_unique<Call>("", 1, false));
    calls.back()->deadline = start + i * 50ms;
    deadlines->add(*calls.back());
  }
  int expired = 0;
  deadlines->expire(start, start + 1h, [&](Call&) { ++expired; });
  EXPECT_EQ(expired, 600);
  EXPECT_EQ(deadlines->next(start + 1h), Clock::time_point::max());
}

}  // namespace
}  // namespace inkwell::redis::link
