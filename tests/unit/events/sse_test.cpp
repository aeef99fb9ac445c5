#include "events/wire/sse.hpp"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace inkwell::events::wire {
namespace {

struct Seen {
  std::string type;
  std::string data;
  std::string id;
  bool operator==(const Seen&) const = default;
};

void PrintTo(const Seen& seen, std::ostream* out) { *out << seen.type << "|" << seen.data << "|" << seen.id; }

/// Everything a client would dispatch for `stream`, fed in pieces of `piece` bytes.
std::vector<Seen> parse(std::string_view stream, std::size_t piece = 1) {
  std::vector<Seen> seen;
  SseParser parser;
  parser.on_event = [&](const SseEvent& e) {
    seen.push_back({std::string(e.type), std::string(e.data), std::string(e.last_event_id)});
  };
  for (std::size_t at = 0; at < stream.size(); at += piece) EXPECT_TRUE(parser.feed(stream.substr(at, piece)));
  return seen;
}

std::string encode(const SseFields& fields) {
  std::string out;
  append_event(out, fields);
  return out;
}

TEST(SseEncoder, WritesTheFieldsInTheOrderTheReferenceHubDoes) {
  EXPECT_EQ(encode({.type = "tick", .retry_ms = 1500, .id = "1-2", .data = "hello"}),
            "event: tick\nretry: 1500\nid: 1-2\ndata: hello\n\n");
}

TEST(SseEncoder, LeavesOutWhatIsNotThere) {
  EXPECT_EQ(encode({.type = {}, .retry_ms = {}, .id = "1-2", .data = "x"}), "id: 1-2\ndata: x\n\n");
}

TEST(SseEncoder, WritesADataLineForEachLineHoweverItEnds) {
  EXPECT_EQ(encode({.type = {}, .retry_ms = {}, .id = "1-2", .data = "a\nb\rc\r\nd\n\ne"}),
            "id: 1-2\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\n\n");
}

TEST(SseEncoder, KeepsEmptyDataAndTrailingLineBreaks) {
  EXPECT_EQ(parse(encode({.type = {}, .retry_ms = {}, .id = "1-2", .data = ""})), (std::vector<Seen>{{"", "", "1-2"}}));
  EXPECT_EQ(parse(encode({.type = {}, .retry_ms = {}, .id = "1-2", .data = "a\n"})),
            (std::vector<Seen>{{"", "a\n", "1-2"}}));
}

TEST(SseEncoder, DataCannotForgeAField) {
  const auto seen =
      parse(encode({.type = "t", .retry_ms = {}, .id = "1-2", .data = "x\n\nid: 9-9\nevent: forged\n\n"}));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].id, "1-2");
  EXPECT_EQ(seen[0].type, "t");
}

TEST(SseParser, GivesTheSameEventsForEverySplit) {
  const std::string stream =
      "\xEF\xBB\xBF: a comment\r\nid: 7\r\ndata:one\r\ndata:  two\r\n\r\nevent: end\rdata\r\rid\ndata: z\n\nretry: "
      "10\n\n";
  const std::vector<Seen> expected = {{"", "one\n two", "7"}, {"end", "", "7"}, {"", "z", ""}};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) EXPECT_EQ(parse(stream, piece), expected) << piece;
}

TEST(SseParser, DispatchesNothingForAnIncompleteBlock) {
  EXPECT_TRUE(parse("data: x\n").empty());
  EXPECT_TRUE(parse("data: x").empty());
  EXPECT_TRUE(parse("event: x\n\n").empty());
}

TEST(SseParser, KeepsTheLastEventIdAcrossEventsAndIgnoresOneWithANul) {
  const std::string stream = std::string("id: 5\ndata: a\n\ndata: b\n\nid: x") + '\0' + "y\ndata: c\n\n";
  EXPECT_EQ(parse(stream), (std::vector<Seen>{{"", "a", "5"}, {"", "b", "5"}, {"", "c", "5"}}));
}

TEST(SseParser, TellsTheReconnectionTimeOnlyWhenItIsANumber) {
  std::vector<std::uint32_t> told;
  SseParser parser;
  parser.on_retry = [&](std::uint32_t ms) { told.push_back(ms); };
  EXPECT_TRUE(parser.feed("retry: 300\nretry: 3s\nretry: -1\nretry:\nretry: 99999999999\n\n"));
  EXPECT_EQ(told, (std::vector<std::uint32_t>{300, 4294967295U}));
}

TEST(SseParser, RefusesABlockOverItsBound) {
  SseParser long_line(100);
  EXPECT_FALSE(long_line.feed("data: " + std::string(200, 'x')));
  SseParser many_lines(100);
  bool good = true;
  for (int i = 0; i < 40 && good; ++i) good = many_lines.feed("data: 12345\n");
  EXPECT_FALSE(good);
  EXPECT_FALSE(many_lines.feed("\n\ndata: x\n\n"));
}

TEST(SseRoundTrip, AnyDataComesBackWithItsLineBreaksAsLineFeeds) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string data;
    std::string expected;
    for (auto n = random() % 40; n > 0; --n) {
      switch (random() % 6) {
        case 0:
          if (data.ends_with('\r')) break;  // would make one break of two
          data += '\n', expected += '\n';
          break;
        case 1:
          data += '\r', expected += '\n';
          break;
        case 2:
          data += "\r\n", expected += '\n';
          break;
        case 3:
          data += ':', expected += ':';
          break;
        default:
          data += 'a', expected += 'a';
      }
    }
    const auto wire = encode({.type = "t", .retry_ms = {}, .id = "3-4", .data = data});
    EXPECT_EQ(parse(wire, 1 + random() % 9), (std::vector<Seen>{{"t", expected, "3-4"}})) << round;
  }
}

}  // namespace
}  // namespace inkwell::events::wire
