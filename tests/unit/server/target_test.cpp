#include "server/target.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Target, SplitsAndDecodesPathAndQuery) {
  const auto target = parse_target("/v1/x%20y?after=a%2Bb&limit=2");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->raw_path, "/v1/x%20y");
  EXPECT_EQ(target->path, "/v1/x y");
  EXPECT_EQ(target->query, (Pairs{{"after", "a+b"}, {"limit", "2"}}));
}

TEST(Target, TakesTheAbsoluteForm) {
  EXPECT_EQ(parse_target("http://host:1/a/b?c=d")->path, "/a/b");
  EXPECT_EQ(parse_target("https://host")->path, "/");
}

TEST(Target, RefusesOtherForms) {
  for (const auto* target : {"*", "", "a/b", "host:443", "ftp://host/", "http://host?x"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

TEST(Target, RefusesNulControlCharactersBrokenEscapesAndInvalidUtf8InThePath) {
  for (const auto* target : {"/%00", "/a%0ab", "/a%7f", "/%", "/%4", "/%zz", "/%ff", "/%c0%af", "/%ed%a0%80"}) {
    const auto parsed = parse_target(target);
    ASSERT_FALSE(parsed) << target;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::invalid_argument) << target;
  }
}

TEST(Target, APlusIsASpaceInTheQueryAndAPlusInThePath) {
  const auto target = parse_target("/a+b?c+d=e+f");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a+b");
  EXPECT_EQ(target->query, (Pairs{{"c d", "e f"}}));
}

TEST(Target, KeepsDuplicatesOrderAndEmptyValuesOfTheQuery) {
  EXPECT_EQ(*parse_query("include[]=a&include[]=b&x&y=&&z=1=2"),
            (Pairs{{"include[]", "a"}, {"include[]", "b"}, {"x", ""}, {"y", ""}, {"z", "1=2"}}));
  EXPECT_EQ(*parse_query(""), Pairs{});
}

TEST(Target, RefusesBrokenEscapesAndInvalidUtf8InTheQuery) {
  EXPECT_FALSE(parse_query("a=%"));
  EXPECT_FALSE(parse_query("%g0=1"));
  EXPECT_FALSE(parse_query("a=%ff"));
}

TEST(Target, KnowsWellFormedUtf8) {
  EXPECT_TRUE(valid_utf8("aé€😀"));
  EXPECT_FALSE(valid_utf8("\x80"));
  EXPECT_FALSE(valid_utf8("\xe2\x82"));
  EXPECT_FALSE(valid_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(valid_utf8("\xe0\x80\x80"));
}

}  // namespace
}  // namespace inkwell::server
