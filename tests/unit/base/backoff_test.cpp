#include "base/backoff.hpp"

#include <gtest/gtest.h>

namespace inkwell {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, StaysWithinItsDoublingRangeAndItsCap) {
  Backoff backoff(milliseconds(10), milliseconds(200), 7);
  for (int attempt = 0; attempt < 64; ++attempt) {
    const auto range = std::min<std::int64_t>(200, std::int64_t{10} << std::min(attempt, 20));
    const auto wait = backoff.next();
    EXPECT_GE(wait.count(), 0);
    EXPECT_LE(wait.count(), range);
  }
}

TEST(Backoff, SpreadsWaitsOverTheWholeRange) {
  std::int64_t smallest = 1000;
  std::int64_t largest = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(milliseconds(1000), milliseconds(1000), seed);
    const auto wait = backoff.next().count();
    smallest = std::min(smallest, wait);
    largest = std::max(largest, wait);
  }
  EXPECT_LT(smallest, 100);
  EXPECT_GT(largest, 900);
}

TEST(Backoff, StartsSmallAgainAfterASuccess) {
  Backoff backoff(milliseconds(4), milliseconds(100'000), 1);
  for (int i = 0; i < 12; ++i) backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next().count(), 4);
}

TEST(Backoff, WaitsInProportionToAnOutage) {
  EXPECT_EQ(Backoff::in_proportion_to(std::chrono::seconds(0)), milliseconds(40));
  EXPECT_EQ(Backoff::in_proportion_to(std::chrono::seconds(20)), milliseconds(1000));
  Backoff backoff(milliseconds(10), milliseconds(2000), 3);
  for (int i = 0; i < 50; ++i) EXPECT_LE(backoff.next(milliseconds(40)), milliseconds(40));
}

TEST(Backoff, GivesTheSameWaitsForTheSameSeed) {
  Backoff first(milliseconds(10), milliseconds(5000), 42);
  Backoff second(milliseconds(10), milliseconds(5000), 42);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(first.next(), second.next());
}

}  // namespace
}  // namespace inkwell
