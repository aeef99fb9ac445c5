#include "redis/resp/parser.hpp"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace inkwell::redis::resp {
namespace {

struct Parsed {
  Parser::Status status = Parser::Status::need_more;
  ParseError error = ParseError::none;
  std::string bytes;
  std::vector<Node> nodes;
  std::size_t consumed = 0;
  View view() const { return View(nodes.data(), bytes.data()); }
};

/// Hands `wire` over in pieces of `step` bytes, in a buffer that moves each time.
Parsed parse(std::string_view wire, std::size_t step, Limits limits = {}) {
  Parser parser(limits);
  Parsed parsed;
  std::size_t size = 0;
  while (size < wire.size()) {
    const std::size_t more = std::min(step, wire.size() - size);
    std::string moved = parsed.bytes;
    moved.append(wire.substr(size, more));
    parsed.bytes.swap(moved);
    size += more;
    parsed.status = parser.parse(parsed.bytes.data(), parsed.bytes.size());
    if (parsed.status == Parser::Status::failed) {
      parsed.error = parser.error();
      return parsed;
    }
    if (parsed.status == Parser::Status::complete) {
      parsed.consumed = parser.consumed();
      parsed.nodes = parser.nodes();
      return parsed;
    }
  }
  return parsed;
}

/// A readable form of any reply, to compare by.
std::string dump(View view) {
  switch (view.type()) {
    case Type::null:
      return "null";
    case Type::string:
      return "'" + std::string(view.text()) + "'";
    case Type::error:
      return "error(" + std::string(view.text()) + ")";
    case Type::integer:
      return std::to_string(*view.integer());
    case Type::real:
      return "real(" + std::string(view.text()) + ")";
    case Type::boolean:
      return *view.integer() != 0 ? "true" : "false";
    case Type::big_number:
      return "big(" + std::string(view.text()) + ")";
    default:
      break;
  }
  static constexpr std::string_view kNames[] = {"array", "set", "map", "push"};
  std::string text(kNames[static_cast<int>(view.type()) - static_cast<int>(Type::array)]);
  text += "[";
  for (const View child : view) text += dump(child) + " ";
  if (view.size() > 0) text.pop_back();
  return text + "]";
}

struct Case {
  std::string_view wire;
  std::string_view meaning;
};

const Case kCases[] = {
    {"+OK\r\n", "'OK'"},
    {"-ERR no\r\n", "error(ERR no)"},
    {":-9223372036854775808\r\n", "-9223372036854775808"},
    {":+7\r\n", "7"},
    {"$5\r\nhello\r\n", "'hello'"},
    {"$0\r\n\r\n", "''"},
    {"$4\r\na\r\nb\r\n", "'a\r\nb'"},
    {"$-1\r\n", "null"},
    {"*-1\r\n", "null"},
    {"_\r\n", "null"},
    {",3.25\r\n", "real(3.25)"},
    {",inf\r\n", "real(inf)"},
    {",-inf\r\n", "real(-inf)"},
    {",nan\r\n", "real(nan)"},
    {"#t\r\n", "true"},
    {"#f\r\n", "false"},
    {"(3492890328409238509324850943850943825024385\r\n", "big(3492890328409238509324850943850943825024385)"},
    {"!10\r\nSYNTAX err\r\n", "error(SYNTAX err)"},
    {"=8\r\ntxt:text\r\n", "'text'"},
    {"*0\r\n", "array[]"},
    {"*2\r\n:1\r\n*2\r\n+a\r\n_\r\n", "array[1 array['a' null]]"},
    {"*2\r\n*0\r\n*0\r\n", "array[array[] array[]]"},
    {"~2\r\n:1\r\n:2\r\n", "set[1 2]"},
    {"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", "map['a' 1 'b' array[2]]"},
    {">3\r\n+message\r\n+c\r\n$1\r\nx\r\n", "push['message' 'c' 'x']"},
    {"|1\r\n+ttl\r\n:360\r\n:7\r\n", "7"},
    {"*2\r\n:1\r\n|1\r\n+k\r\n*2\r\n:8\r\n:9\r\n:2\r\n", "array[1 2]"},
    {"|0\r\n+OK\r\n", "'OK'"},
    {"$?\r\n;4\r\nHell\r\n;6\r\no worl\r\n;1\r\nd\r\n;0\r\n", "'Hello world'"},
    {"$?\r\n;0\r\n", "''"},
    {"*?\r\n:1\r\n*?\r\n.\r\n:3\r\n.\r\n", "array[1 array[] 3]"},
    {"%?\r\n+a\r\n:1\r\n.\r\n", "map['a' 1]"},
    {"*2\r\n$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n+d\r\n", "array['abc' 'd']"},
};

TEST(RespParser, ReadsEveryTypeWholeOrSplitAtEveryByte) {
  for (const auto& [wire, meaning] : kCases) {
    for (std::size_t step = 1; step <= wire.size(); ++step) {
      const Parsed parsed = parse(wire, step);
      ASSERT_EQ(parsed.status, Parser::Status::complete) << wire << " by " << step;
      EXPECT_EQ(parsed.consumed, wire.size()) << wire;
      EXPECT_EQ(dump(parsed.view()), meaning) << wire << " by " << step;
    }
  }
}

TEST(RespParser, StopsAtTheEndOfAReplyWhenMoreFollow) {
  const Parsed parsed = parse("*1\r\n:1\r\n+NEXT\r\n", 100);
  ASSERT_EQ(parsed.status, Parser::Status::complete);
  EXPECT_EQ(parsed.consumed, 8U);
}

TEST(RespParser, WaitsForAnUnfinishedReply) {
  for (const auto& [wire, meaning] : kCases) {
    const Parsed parsed = parse(wire.substr(0, wire.size() - 1), 3);
    EXPECT_EQ(parsed.status, Parser::Status::need_more) << wire;
  }
}

struct Refusal {
  std::string_view wire;
  ParseError error;
};

const Refusal kRefusals[] = {
    {"?\r\n", ParseError::unknown_type},
    {"\r\n", ParseError::unknown_type},
    {"HTTP/1.1 400\r\n", ParseError::unknown_type},
    {":1x\r\n", ParseError::bad_number},
    {":\r\n", ParseError::bad_number},
    {":9223372036854775808\r\n", ParseError::bad_number},
    {"$-2\r\n", ParseError::bad_number},
    {"$99999999999999999999\r\n", ParseError::bad_number},
    {"$9223372036854775807\r\n", ParseError::too_large},
    {"*9223372036854775807\r\n", ParseError::too_many_values},
    {"%9223372036854775807\r\n", ParseError::too_many_values},
    {"*-2\r\n", ParseError::bad_number},
    {"%-1\r\n", ParseError::bad_number},
    {"#x\r\n", ParseError::bad_number},
    {",x\r\n", ParseError::bad_number},
    {"(12a\r\n", ParseError::bad_number},
    {"_x\r\n", ParseError::bad_number},
    {"=3\r\ntxt\r\n", ParseError::bad_number},
    {"$2\r\nabc\r\n", ParseError::missing_crlf},
    {"+OK\n", ParseError::missing_crlf},
    {"\n", ParseError::missing_crlf},
    {";1\r\nx\r\n", ParseError::misplaced},
    {".\r\n", ParseError::misplaced},
    {"$?\r\n+x\r\n", ParseError::misplaced},
    {"%?\r\n+a\r\n.\r\n", ParseError::misplaced},
};

TEST(RespParser, RefusesWhatIsMalformedAndSaysWhy) {
  for (const auto& [wire, error] : kRefusals) {
    const Parsed parsed = parse(wire, 1);
    EXPECT_EQ(parsed.status, Parser::Status::failed) << wire;
    EXPECT_EQ(describe(parsed.error), describe(error)) << wire;
  }
}

TEST(RespParser, BoundsDepthValuesLinesAndBytes) {
  const Limits tight{.max_bytes = 100, .max_line = 20, .max_values = 10, .max_depth = 3};
  EXPECT_EQ(parse("*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", 1, tight).error, ParseError::too_deep);
  EXPECT_EQ(parse("*11\r\n", 1, tight).error, ParseError::too_many_values);
  EXPECT_EQ(parse("*?\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 1, tight).error,
            ParseError::too_many_values);
  EXPECT_EQ(parse("+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, tight).error, ParseError::line_too_long);
  EXPECT_EQ(parse("$90\r\n" + std::string(90, 'x') + "\r\n", 7, Limits{.max_bytes = 90}).error, ParseError::too_large);
}

TEST(RespParser, FindsValuesInMaps) {
  const Parsed parsed = parse("%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n$1\r\nx\r\n", 4);
  ASSERT_EQ(parsed.status, Parser::Status::complete);
  EXPECT_EQ(parsed.view().find("b")->text(), "x");
  EXPECT_EQ(*(*parsed.view().find("a"))[1].integer(), 2);
  EXPECT_FALSE(parsed.view().find("c"));
}

}  // namespace
}  // namespace inkwell::redis::resp
