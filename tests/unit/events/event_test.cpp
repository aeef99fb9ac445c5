#include "events/event.hpp"

#include <gtest/gtest.h>

namespace inkwell::events {
namespace {

Event typed(std::string type) {
  return {.data = "x", .type = std::move(type), .topics = {}, .is_private = false, .retry_ms = {}};
}

TEST(EventValidation, RefusesATypeThatCouldForgeALine) {
  EXPECT_TRUE(validate(typed("chapter.done")));
  EXPECT_TRUE(validate(typed("глава")));
  for (const auto& type : {std::string("a\nb"), std::string("a\rb"), std::string("a\0b", 3), std::string("\x7f"),
                           std::string("inkwell.gap"), std::string(257, 'x'), std::string("\xFF")}) {
    const auto result = validate(typed(type));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().param(), "type");
  }
}

TEST(EventValidation, BoundsTopicsRetryAndSize) {
  Event event = typed("t");
  event.topics.assign(100, "topic");
  EXPECT_TRUE(validate(event));
  event.topics.push_back("one more");
  EXPECT_EQ(validate(event).error().param(), "topics");
  event.topics = {"line\nbreak"};
  EXPECT_EQ(validate(event).error().param(), "topics");
  event.topics.clear();
  event.retry_ms = 300'000;
  EXPECT_TRUE(validate(event));
  event.retry_ms = 300'001;
  EXPECT_EQ(validate(event).error().param(), "retry");
  event.retry_ms.reset();
  event.data.assign(kMaxEventBytes, 'x');
  EXPECT_EQ(validate(event).error().kind(), ErrorKind::too_large);
}

TEST(ChannelName, IsAnyUtf8WithoutControlsUpTo256Bytes) {
  EXPECT_TRUE(validate_channel_name("novel:42/chapter {7} %"));
  EXPECT_TRUE(validate_channel_name("小说"));
  EXPECT_TRUE(validate_channel_name(std::string(256, 'x')));
  for (const auto& name : {std::string(), std::string(257, 'x'), std::string("a\0b", 3), std::string("a\nb"),
                           std::string("\xC0\xAF"), std::string("\xED\xA0\x80"), std::string("\xF4\x90\x80\x80")}) {
    EXPECT_FALSE(validate_channel_name(name));
  }
}

TEST(BroadcastEvent, AGapHasNoIdSoThatTheClientsCursorStays) {
  const auto gap = make_broadcast(Gap{.from = {1, 2}, .to = EventId{3, 4}, .reason = GapReason::trimmed});
  EXPECT_TRUE(gap->is_gap());
  EXPECT_EQ(gap->wire, "event: inkwell.gap\ndata: {\"from\":\"1-2\",\"to\":\"3-4\",\"reason\":\"trimmed\"}\n\n");
  const auto open = make_broadcast(Gap{.from = kNoEvent, .to = {}, .reason = GapReason::malformed_cursor});
  EXPECT_EQ(open->wire, "event: inkwell.gap\ndata: {\"from\":null,\"to\":null,\"reason\":\"malformed_cursor\"}\n\n");
}

}  // namespace
}  // namespace inkwell::events
