#include "server/json.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

json::object object_of(std::string_view text) { return parse_json(text)->as_object(); }

HttpRequest request_with(std::string body, const char* content_type = "application/json") {
  HttpRequest request;
  request.body = std::move(body);
  if (content_type) request.headers.set(http::field::content_type, content_type);
  return request;
}

TEST(Json, SaysWhereABodyStopsBeingJson) {
  const auto value = parse_json(R"({"a": 1, b})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().kind(), ErrorKind::invalid_argument);
  EXPECT_EQ(value.error().code(), "invalid_json");
  EXPECT_NE(value.error().message().find("at byte 9"), std::string::npos) << value.error().message();
}

TEST(Json, RefusesHalfABodyTrailingBytesAndInvalidUtf8) {
  for (const auto* text : {"{\"a\":", "{} x", "", "{\"a\":\"\xff\"}", "[1,]", "nul", "01"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, ReadsSixtyFourLevelsAndRefusesMore) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth)));
  const auto deep = parse_json(nested(kMaxJsonDepth + 1));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().kind(), ErrorKind::invalid_argument);
  EXPECT_FALSE(parse_json(nested(1'000'000)));
}

TEST(Json, AKeyGivenTwiceCountsAsItsLast) { EXPECT_EQ(object_of(R"({"a":1,"a":2})").at("a").as_int64(), 2); }

TEST(Json, ABodyMustBeAnObjectAndCalledJson) {
  EXPECT_TRUE(json_object_body(request_with("{}")));
  EXPECT_TRUE(json_object_body(request_with("{}", "application/json; charset=utf-8")));
  EXPECT_TRUE(json_object_body(request_with("{}", "application/merge-patch+json")));
  EXPECT_TRUE(json_object_body(request_with("{}", nullptr)));
  EXPECT_FALSE(json_object_body(request_with("[]")));
  EXPECT_FALSE(json_object_body(request_with("")));
  const auto form = json_object_body(request_with("{}", "text/plain"));
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().code(), "unsupported_content_type");
  EXPECT_TRUE(optional_json_object_body(request_with("")));
}

TEST(Json, GettersGiveValuesAndTreatNullAsAbsent) {
  const auto object = object_of(R"({"s":"x","i":7,"b":true,"o":{},"a":[],"n":null})");
  EXPECT_EQ(**optional_string(object, "s"), "x");
  EXPECT_EQ(*required_string(object, "s"), "x");
  EXPECT_EQ(**optional_integer(object, "i", 0, 10), 7);
  EXPECT_EQ(**optional_bool(object, "b"), true);
  EXPECT_NE(*optional_object(object, "o"), nullptr);
  EXPECT_NE(*required_array(object, "a"), nullptr);
  EXPECT_EQ(*optional_string(object, "n"), std::nullopt);
  EXPECT_EQ(*optional_array(object, "absent"), nullptr);
}

TEST(Json, GettersNameTheParamAtFault) {
  const auto object = object_of(R"({"s":1,"i":"x","big":18446744073709551615,"f":1.5})");
  const auto string = optional_string(object, "s", "items[3]");
  ASSERT_FALSE(string);
  EXPECT_EQ(string.error().param(), "items[3].s");
  EXPECT_EQ(string.error().code(), "invalid_type");
  EXPECT_EQ(string.error().message(), "'items[3].s' must be a string, not a number.");
  const auto absent = required_string(object, "role");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), "missing_required_parameter");
  EXPECT_EQ(absent.error().param(), "role");
  EXPECT_EQ(optional_integer(object, "i", 0, 9).error().code(), "invalid_type");
  EXPECT_EQ(optional_integer(object, "big", 0, 9).error().code(), "out_of_range");
  EXPECT_EQ(optional_integer(object, "f", 0, 9).error().code(), "invalid_type");
  EXPECT_EQ(optional_integer(object, "s", 2, 9).error().code(), "out_of_range");
}

TEST(Json, QueryIntegersAreWholeAndInRange) {
  HttpRequest request;
  request.query = {{"limit", "20"}, {"bad", "20x"}, {"huge", "99999999999999999999"}};
  EXPECT_EQ(**query_integer(request, "limit", 1, 100), 20);
  EXPECT_EQ(*query_integer(request, "absent", 1, 100), std::nullopt);
  EXPECT_EQ(query_integer(request, "bad", 1, 100).error().param(), "bad");
  EXPECT_EQ(query_integer(request, "huge", 1, 100).error().code(), "out_of_range");
  EXPECT_EQ(query_integer(request, "limit", 1, 10).error().code(), "out_of_range");
}

}  // namespace
}  // namespace inkwell::server
