#include "events/wire/live.hpp"

#include <gtest/gtest.h>

namespace inkwell::events::wire {
namespace {

void put(std::string& out, std::size_t width, std::size_t value) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}
void put(std::string& out, std::size_t width, std::string_view text) {
  put(out, width, text.size());
  out += text;
}

std::string message(std::size_t count, const std::string& body) {
  std::string out;
  put(out, 1, std::size_t{1});
  put(out, 4, count);
  return out + body;
}

std::string event(std::string_view id, std::string_view predecessor,
                  const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  put(out, 1, id);
  put(out, 1, predecessor);
  put(out, 2, fields.size());
  for (const auto& [name, value] : fields) {
    put(out, 1, name);
    put(out, 4, value);
  }
  return out;
}

TEST(LiveMessage, GivesEachEventWithItsFields) {
  const auto bytes = message(
      2,
      event("5-1", "4-0",
            {{"d", "hello"}, {"e", "tick"}, {"t", "a"}, {"t", "b"}, {"x", "1"}, {"r", "2500"}, {"later", "ignored"}}) +
          event("5-2", "5-1", {{"d", ""}}));
  const auto events = decode_live(bytes);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2U);
  const auto& first = events->front();
  EXPECT_EQ(first.id, (EventId{5, 1}));
  EXPECT_EQ(first.predecessor, (EventId{4, 0}));
  EXPECT_EQ(first.data, "hello");
  EXPECT_EQ(first.type, "tick");
  EXPECT_EQ(first.topics, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(first.is_private);
  EXPECT_EQ(first.retry_ms, 2500U);
  EXPECT_EQ(events->back().predecessor, (EventId{5, 1}));
  EXPECT_EQ(events->back().data, "");
}

TEST(LiveMessage, IsRefusedWhenCutAnywhereOrLengthened) {
  const auto bytes = message(1, event("5-1", "4-0", {{"d", "hello"}}));
  ASSERT_TRUE(decode_live(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_live(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode_live(bytes + "x"));
}

TEST(LiveMessage, IsRefusedWhenAValueCannotBeWhatItsNameSays) {
  EXPECT_FALSE(decode_live(message(1, event("nonsense", "0-0", {{"d", "x"}}))));
  EXPECT_FALSE(decode_live(message(1, event("1-1", "0-0", {{"r", "300001"}}))));
  EXPECT_FALSE(decode_live(message(1, event("1-1", "0-0", {{"e", "forged\ndata: x"}}))));
  EXPECT_FALSE(decode_live(message(0, "")));
  EXPECT_FALSE(decode_live(message(0xFFFFFFFF, event("1-1", "0-0", {{"d", "x"}}))));
  std::string other_version = message(1, event("1-1", "0-0", {{"d", "x"}}));
  other_version[0] = 2;
  EXPECT_FALSE(decode_live(other_version));
}

}  // namespace
}  // namespace inkwell::events::wire
