#include <chrono>
#include <gtest/gtest.h>

#include "events/topics/matcher.hpp"

namespace inkwell::events {
namespace {

bool template_matches(std::string_view uri_template, std::string_view topic) {
  const auto matcher = TopicMatcher::selector(uri_template);
  EXPECT_TRUE(matcher.is_template()) << uri_template;
  return matcher.matches(topic);
}

TEST(TopicMatcher, ExactComparesBytesAndBracesMeanNothing) {
  EXPECT_TRUE(TopicMatcher::exact("https://example.com/a").matches("https://example.com/a"));
  EXPECT_FALSE(TopicMatcher::exact("https://example.com/a").matches("https://Example.com/a"));
  EXPECT_FALSE(TopicMatcher::exact("/books/{id}").matches("/books/1"));
  EXPECT_TRUE(TopicMatcher::exact("/books/{id}").matches("/books/{id}"));
  EXPECT_TRUE(TopicMatcher::exact("*").matches("whatever"));
}

TEST(TopicMatcher, ASelectorIsATemplateATopicOrAll) {
  EXPECT_TRUE(TopicMatcher::selector("*").matches("x"));
  EXPECT_FALSE(TopicMatcher::selector("plain").is_template());
  EXPECT_TRUE(template_matches("https://example.com/books/{id}", "https://example.com/books/1"));
  EXPECT_TRUE(template_matches("https://example.com/books/{id}", "https://example.com/books/"));
  EXPECT_TRUE(template_matches("https://example.com/books/{id}", "https://example.com/books/{id}"));
  EXPECT_FALSE(template_matches("https://example.com/books/{id}", "https://example.com/books/1/pages"));
  EXPECT_FALSE(template_matches("https://example.com/books/{id}", "https://example.org/books/1"));
  EXPECT_FALSE(template_matches("https://example.com/books/{id}", "https://exampleXcom/books/1"));
  EXPECT_FALSE(template_matches("/a/{id}", "/a/b\n"));
}

// The expansions of RFC 6570 section 3.2, by operator: var = "value", hello = "Hello World!", path = "/foo/bar", x =
// 1024, y = 768, empty = "", list = (red, green, blue), keys = (semi: ";", dot: ".", comma: ",").
TEST(TopicMatcher, MatchesEveryExpansionOfTheRfc) {
  const std::pair<const char*, const char*> expansions[] = {
      {"{var}", "value"},
      {"{hello}", "Hello%20World%21"},
      {"O{undef}X", "OX"},
      {"{x,y}", "1024,768"},
      {"map?{x,empty}", "map?1024,"},
      {"{var:3}", "val"},
      {"{list}", "red,green,blue"},
      {"{keys*}", "semi=%3B,dot=.,comma=%2C"},
      {"{+hello}", "Hello%20World!"},
      {"{+path}/here", "/foo/bar/here"},
      {"{+x,hello,y}", "1024,Hello%20World!,768"},
      {"{+path:6}/here", "/foo/b/here"},
      {"{+keys*}", "semi=;,dot=.,comma=,"},
      {"X{#var}", "X#value"},
      {"{#path,x}/here", "#/foo/bar,1024/here"},
      {"foo{#undef}", "foo"},
      {"www{.list*}", "www.red.green.blue"},
      {"X{.var:3}", "X.val"},
      {"X{.x,y}", "X.1024.768"},
      {"{/var,x}/here", "/value/1024/here"},
      {"{/var:1,var}", "/v/value"},
      {"{/list}", "/red,green,blue"},
      {"{/list*,path:4}", "/red/green/blue/%2Ffoo"},
      {"{;v,empty,who}", ";v=6;empty;who=fred"},
      {"{;hello:5}", ";hello=Hello"},
      {"{;list*}", ";list=red;list=green;list=blue"},
      {"{;keys*}", ";semi=%3B;dot=.;comma=%2C"},
      {"{?x,y,empty}", "?x=1024&y=768&empty="},
      {"{?x,y,undef}", "?x=1024&y=768"},
      {"{?undef,y}", "?y=768"},
      {"{?list*}", "?list=red&list=green&list=blue"},
      {"{?keys}", "?keys=semi,%3B,dot,.,comma,%2C"},
      {"?fixed=yes{&x}", "?fixed=yes&x=1024"},
      {"{&var:3}", "&var=val"},
  };
  for (const auto& [uri_template, expansion] : expansions) {
    EXPECT_TRUE(template_matches(uri_template, expansion)) << uri_template << " " << expansion;
  }
}

TEST(TopicMatcher, MatchesNothingThatNoValueExpandsTo) {
  const std::pair<const char*, const char*> others[] = {
      {"{var}", "a/b"},
      {"{var}", "a b"},
      {"{var}", "%2"},
      {"{var}", "%zz"},
      {"{var:3}", "value"},
      {"{+x}", "a b"},
      {"X{#var}", "Xvalue"},
      {"{/a}", "/x/y"},
      {"{/a,b}", "/x/y/z"},
      {"{;x}", ";y=1"},
      {"{?x,y}", "?y=1&x=2"},
      {"{?x,y}", "?x=1&x=2"},
      {"{?x}", "&x=1"},
      {"{&x}", "?x=1"},
      {"a{x}b", "ab\xC3\xA9"},
      {"a.b{x}", "aXb"},
      {"{x}", "caf\xC3\xA9"},
      {"{?x}", "?x"},
      {"{.a}",
       "."
       "/"},
      {"({x})", "1"},
  };
  for (const auto& [uri_template, topic] : others) {
    EXPECT_FALSE(template_matches(uri_template, topic)) << uri_template << " " << topic;
  }
}

TEST(TopicMatcher, AMalformedTemplateMatchesItsOwnSpellingOnly) {
  for (const std::string text :
       {"{",    "}",     "a{",        "a}b",    "{}",   "{a",   "{a}}",  "{{a}}",  "{a b}", "{!a}", "{=a}", "{|a}",
        "{a:}", "{a:0}", "{a:10000}", "{a:1x}", "{a,}", "{,a}", "{.a.}", "{a..b}", "{%zz}", "{+}",  "{-x}"}) {
    const auto matcher = TopicMatcher::selector(text);
    EXPECT_FALSE(matcher.is_template()) << text;
    EXPECT_TRUE(matcher.matches(text)) << text;
    EXPECT_FALSE(matcher.matches("a")) << text;
    EXPECT_FALSE(matcher.matches("")) << text;
  }
}

TEST(TopicMatcher, WhatCostsTooMuchToCompileIsNoTemplate) {
  std::string big;
  while (big.size() < kMaxMatcherBytes) big += "{+a:1000}";
  EXPECT_FALSE(TopicMatcher::selector(big).is_template());
  EXPECT_FALSE(TopicMatcher::selector(big.substr(0, 4086)).is_template());
}

TEST(TopicMatcher, ManyAdjacentVariablesAreDecidedAtOnce) {
  // A backtracking matcher would try some 2^60 ways to share the text out.
  std::string text;
  for (int i = 0; i < 60; ++i) text += "{a}";
  const auto matcher = TopicMatcher::selector(text + "!");
  ASSERT_TRUE(matcher.is_template());
  EXPECT_FALSE(matcher.matches(std::string(1000, 'a')));
  EXPECT_TRUE(matcher.matches(std::string(1000, 'a') + "!"));
}

}  // namespace
}  // namespace inkwell::events
