// Lists of web pages' origins: what an entry is, and what it lets in. A prefix or a suffix that only looks like an
// allowed origin is how such lists are usually broken.
#include "server/origins.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

OriginList list_of(const std::vector<std::string>& entries) { return OriginList::make(entries).value(); }

TEST(Origins, AnEmptyListHasNone) {
  EXPECT_TRUE(OriginList().empty());
  for (const std::string_view origin : {"", "null", "*", "https://example.com"}) EXPECT_FALSE(OriginList().has(origin));
}

TEST(Origins, AnEntryIsOneOriginByteForByte) {
  const auto list = list_of({"https://example.com", "http://localhost:3000", "https://[::1]:8443", "null"});
  EXPECT_FALSE(list.empty());
  for (const std::string_view origin : {"https://example.com", "http://localhost:3000", "https://[::1]:8443", "null"}) {
    EXPECT_TRUE(list.has(origin)) << origin;
  }
  for (const std::string_view origin :
       {"http://example.com", "https://example.com:443", "https://example.com:8443", "https://example.com.evil.example",
        "https://evilexample.com", "https://www.example.com", "https://example.com/", "https://EXAMPLE.com",
        "https://example.co", "http://localhost", "http://localhost:30000", "https://[::1]", "NULL", "", "*",
        "https://example.com@evil.example", "https://example.com\n"}) {
    EXPECT_FALSE(list.has(origin)) << origin;
  }
}

TEST(Origins, AStarInFrontStandsForAllNamesBelowAndNotForTheNameItself) {
  const auto list = list_of({"https://*.example.com", "http://*.test:8080"});
  for (const std::string_view origin : {"https://a.example.com", "https://a.b.example.com", "http://x.test:8080"}) {
    EXPECT_TRUE(list.has(origin)) << origin;
  }
  for (const std::string_view origin :
       {"https://example.com", "http://a.example.com", "https://.example.com", "https://aexample.com",
        "https://a.example.com:8443", "https://a.example.com.evil.example", "http://x.test", "http://x.test:80800"}) {
    EXPECT_FALSE(list.has(origin)) << origin;
  }
}

// What a browser never sends as an Origin is never matched, though it begins and ends like one.
TEST(Origins, AStarDoesNotReachOverTheEndOfAName) {
  const auto list = list_of({"https://*.example.com"});
  for (const std::string_view origin :
       {"https://evil.example/.example.com", "https://evil.example?.example.com", "https://evil.example#.example.com",
        "https://user@evil.example:1.example.com", "https://evil.example\\.example.com", "https://a b.example.com"}) {
    EXPECT_FALSE(list.has(origin)) << origin;
  }
}

TEST(Origins, AStarAloneIsEveryOriginThereIs) {
  const auto list = list_of({"*"});
  EXPECT_TRUE(list.has("https://example.com"));
  EXPECT_TRUE(list.has("null"));
  EXPECT_FALSE(list.has("")) << "a request without an origin";
}

TEST(Origins, ApplicationsMayHaveASchemeOfTheirOwn) {
  const auto list = list_of({"capacitor://localhost", "app://", "chrome-extension://abcdef"});
  for (const std::string_view origin : {"capacitor://localhost", "app://", "chrome-extension://abcdef"}) {
    EXPECT_TRUE(list.has(origin)) << origin;
  }
  EXPECT_FALSE(list.has("app://other"));
}

TEST(Origins, WhatIsNoOriginIsRefusedByName) {
  for (const std::string entry : {"",
                                  "example.com",
                                  "https://",
                                  "http://",
                                  "https://example.com/",
                                  "https://example.com/path",
                                  "https://example.com?x",
                                  "https://user@example.com",
                                  "https://user:pw@example.com",
                                  "https://example.com:",
                                  "https://example.com:0",
                                  "https://example.com:65536",
                                  "https://example.com:abc",
                                  "HTTPS://example.com",
                                  "https://Example.com",
                                  "https://*",
                                  "https://*.",
                                  "https://a.*.com",
                                  "https://*example.com",
                                  "**",
                                  "https://exam ple.com",
                                  "://example.com",
                                  "https:example.com",
                                  "javascript:alert(1)",
                                  "nul",
                                  "https://[::1"}) {
    const auto list = OriginList::make({entry});
    ASSERT_FALSE(list) << entry;
    EXPECT_EQ(list.error().code(), "bad_value");
    EXPECT_NE(list.error().message().find("'" + entry + "'"), std::string::npos) << list.error().message();
  }
}

TEST(Origins, AreTheBeginningOfAUrl) {
  EXPECT_EQ(origin_of_url("https://example.com:8443/path?query#x"), "https://example.com:8443");
  EXPECT_EQ(origin_of_url("https://example.com"), "https://example.com");
  EXPECT_EQ(origin_of_url("https://example.com?x"), "https://example.com");
  for (const std::string_view url :
       {"", "/path", "example.com/x", "https://", "https:///x", "://example.com", "about:blank"}) {
    EXPECT_EQ(origin_of_url(url), "") << url;
  }
}

}  // namespace
}  // namespace inkwell::server
