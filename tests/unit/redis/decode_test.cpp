#include <gtest/gtest.h>
#include <string>

#include <inkwell/redis/decode.hpp>

#include "redis/resp/parser.hpp"

namespace inkwell::redis {
namespace {

template <class T>
Result<T> decoded(std::string wire) {
  resp::Parser parser;
  EXPECT_EQ(parser.parse(wire.data(), wire.size()), resp::Parser::Status::complete) << wire;
  return decode<T>(View(parser.nodes().data(), wire.data()));
}

TEST(Decode, ReadsScalars) {
  EXPECT_EQ(decoded<std::string>("$5\r\nhello\r\n"), "hello");
  EXPECT_EQ(decoded<std::string>(":42\r\n"), "42");
  EXPECT_EQ(decoded<std::int64_t>(":-42\r\n"), -42);
  EXPECT_EQ(decoded<std::uint16_t>("$5\r\n65535\r\n"), 65535);
  EXPECT_EQ(decoded<double>(",2.5\r\n"), 2.5);
  EXPECT_EQ(decoded<double>("$3\r\n1.5\r\n"), 1.5);
  EXPECT_EQ(decoded<bool>("#t\r\n"), true);
  EXPECT_EQ(decoded<bool>(":0\r\n"), false);
  EXPECT_EQ(decoded<bool>("+OK\r\n"), true);
}

TEST(Decode, ReadsNullOnlyIntoAnOptional) {
  EXPECT_EQ(decoded<std::optional<std::string>>("_\r\n").value(), std::nullopt);
  EXPECT_EQ(decoded<std::optional<int>>(":1\r\n").value(), 1);
  EXPECT_FALSE(decoded<std::string>("$-1\r\n"));
}

TEST(Decode, ReadsAggregates) {
  EXPECT_EQ(decoded<std::vector<int>>("*3\r\n:1\r\n:2\r\n:3\r\n"), (std::vector<int>{1, 2, 3}));
  using Map = std::map<std::string, int>;
  EXPECT_EQ(decoded<Map>("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"), (Map{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(decoded<Map>("*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n"), (Map{{"a", 1}, {"b", 2}}));
  using Entry = std::pair<std::string, std::map<std::string, std::string>>;
  EXPECT_EQ(decoded<std::vector<Entry>>("*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n+f\r\n+v\r\n"),
            (std::vector<Entry>{{"1-1", {{"f", "v"}}}}));
  using Triple = std::tuple<int, std::string, std::optional<double>>;
  EXPECT_EQ(decoded<Triple>("*3\r\n:1\r\n+x\r\n_\r\n"), Triple(1, "x", std::nullopt));
}

TEST(Decode, ReadsEntriesOfStreams) {
  const std::string entry = "*2\r\n$3\r\n1-1\r\n*4\r\n+f\r\n+v\r\n+f\r\n+w\r\n";
  const StreamEntry whole{.id = "1-1", .fields = {{"f", "v"}, {"f", "w"}}};
  EXPECT_EQ(decoded<StreamEntry>(entry), whole);
  EXPECT_EQ(*whole.find("f"), "v");
  EXPECT_EQ(whole.find("g"), nullptr);
  EXPECT_EQ(decoded<StreamEntry>("*2\r\n$3\r\n1-1\r\n_\r\n"), (StreamEntry{.id = "1-1", .fields = {}}));
  using Streams = std::map<std::string, std::vector<StreamEntry>>;
  EXPECT_EQ(decoded<std::optional<Streams>>("%1\r\n+s\r\n*1\r\n" + entry).value(), (Streams{{"s", {whole}}}));
  EXPECT_EQ(decoded<std::optional<Streams>>("_\r\n").value(), std::nullopt);
  for (const char* wrong :
       {"+x\r\n", "*1\r\n+1-1\r\n", "*2\r\n+1-1\r\n*1\r\n+f\r\n", "*2\r\n*0\r\n*0\r\n", "*2\r\n+1-1\r\n+x\r\n",
        "*2\r\n+1-1\r\n*2\r\n*0\r\n+v\r\n", "*2\r\n+1-1\r\n*2\r\n+f\r\n*0\r\n"})
    EXPECT_EQ(decoded<StreamEntry>(wrong).error().code(), "redis_unexpected_reply") << wrong;
}

TEST(Decode, SaysWhatCameInstead) {
  const auto wrong = decoded<int>("*0\r\n");
  EXPECT_EQ(wrong.error().code(), "redis_unexpected_reply");
  EXPECT_EQ(wrong.error().message(), "Redis answered with array where an integer was expected.");
  EXPECT_FALSE(decoded<std::uint8_t>(":256\r\n"));
  EXPECT_FALSE(decoded<std::uint8_t>(":-1\r\n"));
  EXPECT_FALSE(decoded<bool>(":2\r\n"));
  EXPECT_FALSE((decoded<std::pair<int, int>>("*3\r\n:1\r\n:2\r\n:3\r\n")));
  EXPECT_FALSE((decoded<std::pair<int, int>>("*2\r\n:1\r\n+x\r\n")));
  EXPECT_FALSE((decoded<std::map<std::string, int>>("*3\r\n+a\r\n:1\r\n+b\r\n")));
  EXPECT_FALSE(decoded<std::vector<int>>(":1\r\n"));
}

TEST(Decode, PassesAnErrorOn) {
  const Result<Reply> failed = fail(ErrorKind::unavailable, "redis_unavailable", "Away.");
  EXPECT_EQ(decode<int>(failed).error().code(), "redis_unavailable");
}

}  // namespace
}  // namespace inkwell::redis
