#include "events/channel/ring.hpp"

#include <gtest/gtest.h>
#include <random>

#include "unit/events/make_event.hpp"

namespace inkwell::events {
namespace {

using test::event;

EventId id(std::uint64_t n) { return {n, 0}; }

TEST(Ring, AttachesACursorRightAfterTheEventItNames) {
  Ring ring(1 << 20);
  ring.restart(id(4));
  for (std::uint64_t n : {5, 7, 9}) ring.push(event(n, 0));
  EXPECT_EQ(ring.after(id(4)), ring.begin());
  EXPECT_EQ(ring.after(id(5)), ring.begin() + 1);
  EXPECT_EQ(ring.after(id(9)), ring.end());
  EXPECT_FALSE(ring.after(id(3)));
  EXPECT_FALSE(ring.after(id(6)));
  EXPECT_FALSE(ring.after(id(10)));
  EXPECT_EQ(ring.last(), id(9));
}

TEST(Ring, DropsFromTheFrontAtItsBoundAndKeepsPositionsValid) {
  const auto one = event(1, 0, 1000);
  Ring ring(3 * one->weight() + 10);
  ring.restart(kNoEvent);
  for (std::uint64_t n = 1; n <= 5; ++n) ring.push(event(n, n - 1, 1000));
  EXPECT_EQ(ring.size(), 3U);
  EXPECT_EQ(ring.begin(), 2U);
  EXPECT_EQ(ring.end(), 5U);
  EXPECT_EQ(ring[4]->id, id(5));
  EXPECT_EQ(ring.after(id(2)), 2U);  // the one dropped last is the base
  EXPECT_FALSE(ring.after(id(1)));
}

TEST(Ring, KeepsTheNewestEventHoweverLarge) {
  Ring ring(100);
  ring.push(event(1, 0, 5000));
  ring.push(event(2, 1, 5000));
  EXPECT_EQ(ring.size(), 1U);
  EXPECT_EQ(ring.last(), id(2));
}

TEST(Ring, DoesNotAttachACursorBehindADroppedGap) {
  Ring ring(1);
  ring.restart(kNoEvent);
  ring.push(event(5, 0));
  ring.push(make_broadcast(Gap{.from = id(5), .to = id(8), .reason = GapReason::trimmed}));
  EXPECT_FALSE(ring.after(id(4)));
  ring.push(event(8, 7));
  EXPECT_FALSE(ring.after(id(5))) << "it would skip the gap untold";
  EXPECT_EQ(ring.after(id(8)), ring.end());
}

TEST(Ring, PassesAGapWhenAttachedBeforeIt) {
  Ring ring(1 << 20);
  ring.restart(kNoEvent);
  ring.push(event(5, 0));
  ring.push(make_broadcast(Gap{.from = id(5), .to = id(8), .reason = GapReason::trimmed}));
  ring.push(event(8, 7));
  const auto position = ring.after(id(5));
  ASSERT_TRUE(position);
  EXPECT_TRUE(ring[*position]->is_gap());
}

TEST(Ring, FindsEventsWhoseIdsFellAfterAFailover) {
  Ring ring(1 << 20);
  ring.restart(kNoEvent);
  for (std::uint64_t n : {5, 9, 7, 8, 20}) ring.push(event(n, 0));
  EXPECT_EQ(ring.after(id(9)), 2U);
  EXPECT_EQ(ring.after(id(7)), 3U);
  EXPECT_EQ(ring.after(id(20)), 5U);
  EXPECT_FALSE(ring.after(id(6)));
}

TEST(Ring, NeverReusesAPositionAfterARestart) {
  Ring ring(1 << 20);
  ring.push(event(1, 0));
  const auto end = ring.end();
  ring.restart(id(9));
  EXPECT_EQ(ring.begin(), end);
  EXPECT_EQ(ring.end(), end);
  EXPECT_EQ(ring.after(id(9)), end);
}

TEST(Ring, AgreesWithALinearSearchOnRandomRuns) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    Ring ring(2000);
    ring.restart(kNoEvent);
    std::uint64_t n = 100;
    for (int i = 0; i < 40; ++i) {
      n = random() % 12 == 0 ? n - random() % 20 : n + 1 + random() % 3;
      ring.push(event(n, 0));
    }
    for (std::uint64_t wanted = 60; wanted < n + 5; ++wanted) {
      bool there = false;
      for (auto at = ring.begin(); at < ring.end(); ++at) there = there || ring[at]->id == id(wanted);
      EXPECT_EQ(ring.contains(id(wanted)), there);
    }
  }
}

}  // namespace
}  // namespace inkwell::events
