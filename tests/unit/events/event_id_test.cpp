#include "events/event_id.hpp"

#include <gtest/gtest.h>

namespace inkwell::events {
namespace {

TEST(EventId, ReadsBackWhatItWrote) {
  for (const char* text : {"0-0", "0-1", "1700000000000-0", "18446744073709551615-18446744073709551615"}) {
    const auto id = EventId::parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->to_string(), text);
  }
}

TEST(EventId, RefusesWhateverIsNotExactlyAnId) {
  for (const char* text : {"", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1--2", " 1-2", "1-2 ", "01-2", "1-02", "a-b",
                           "$", "earliest", "18446744073709551616-0", "0-18446744073709551616", "1.0-2", "0x1-2"}) {
    EXPECT_FALSE(EventId::parse(text)) << text;
  }
  EXPECT_FALSE(EventId::parse(std::string(100'000, '9') + "-1"));
  EXPECT_FALSE(EventId::parse(std::string_view("1-2\0", 4)));
}

TEST(EventId, OrdersByTimeThenSequence) {
  EXPECT_LT((EventId{1, 9}), (EventId{2, 0}));
  EXPECT_LT((EventId{2, 9}), (EventId{2, 10}));
  EXPECT_LT(kNoEvent, (EventId{0, 1}));
}

}  // namespace
}  // namespace inkwell::events
