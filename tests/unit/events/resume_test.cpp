#include "events/channel/resume.hpp"

#include <gtest/gtest.h>

#include "unit/events/make_event.hpp"

namespace inkwell::events {
namespace {

using test::event;

EventId id(std::uint64_t n) { return {n, 0}; }

TEST(ResumeRule, LosesNothingWhenTheCursorIsStillThere) {
  const auto next = continue_after(id(5), {event(5, 4), event(6, 5)});
  EXPECT_TRUE(next.unbroken);
  EXPECT_EQ(next.first, 1U);
}

TEST(ResumeRule, LosesNothingWhenTheFirstEntryNamesTheCursor) {
  const auto next = continue_after(id(5), {event(6, 5)});
  EXPECT_TRUE(next.unbroken);
  EXPECT_EQ(next.first, 0U);
}

TEST(ResumeRule, TellsOfAGapInEveryOtherCase) {
  EXPECT_FALSE(continue_after(id(5), {}).unbroken);
  EXPECT_FALSE(continue_after(id(5), {event(8, 7)}).unbroken);
  EXPECT_FALSE(continue_after(id(5), {event(8, 0)}).unbroken);
  EXPECT_FALSE(continue_after(id(5), {event(8, 4)}).unbroken);
}

TEST(ResumeRule, FromTheOldestThereIsNothingToLose) {
  EXPECT_TRUE(continue_after(kNoEvent, {event(8, 7)}).unbroken);
  EXPECT_TRUE(continue_after(kNoEvent, {}).unbroken);
}

TEST(ResumeRule, KnowsWhetherOlderEntriesThanTheCursorRemain) {
  EXPECT_TRUE(starts_at_oldest(id(5), {event(8, 7)}));
  EXPECT_TRUE(starts_at_oldest(id(5), {event(8, 0)}));
  EXPECT_FALSE(starts_at_oldest(id(5), {event(8, 4)}));
  EXPECT_FALSE(starts_at_oldest(id(5), {}));
}

}  // namespace
}  // namespace inkwell::events
