#include "server/routes/mercure_request.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

/// The param an update is refused for; empty when it isn't.
std::string fault_of(const FormFields& fields) {
  const auto event = read_update(fields);
  return event ? "" : event.error().param().value_or("?");
}

FormFields with(const char* name, std::string value) { return {{"topic", "t"}, {name, std::move(value)}}; }

bool wants(const FormFields& fields, std::vector<std::string> topics, bool is_private = false,
           const events::PrivateEvents& readable = events::PrivateEvents::withheld()) {
  const auto selector = read_matchers(fields, readable);
  if (!selector) {
    ADD_FAILURE() << selector.error().to_string();
    return false;
  }
  events::BroadcastEvent event;
  event.topics = std::move(topics);
  event.is_private = is_private;
  return (*selector)->wants(event);
}

TEST(MercureUpdate, HasTheFieldsOfTheForm) {
  const auto event = read_update({{"topic", "https://example.com/1"},
                                  {"topic", "alternate"},
                                  {"data", "a\nb"},
                                  {"type", "note"},
                                  {"retry", "1500"},
                                  {"private", ""},
                                  {"id", "urn:uuid:x"},
                                  {"target", "not known"}});
  ASSERT_TRUE(event) << event.error().to_string();
  EXPECT_EQ(event->topics, (std::vector<std::string>{"https://example.com/1", "alternate"}));
  EXPECT_EQ(event->data, "a\nb");
  EXPECT_EQ(event->type, "note");
  EXPECT_EQ(event->retry_ms, 1500U);
  EXPECT_TRUE(event->is_private) << "the field's presence counts, not its value";
  const auto bare = read_update({{"topic", "t"}});
  ASSERT_TRUE(bare) << "data is optional";
  EXPECT_FALSE(bare->is_private);
}

TEST(MercureUpdate, NeedsATopicAndDigitsForRetry) {
  EXPECT_EQ(fault_of({{"data", "x"}}), "topic");
  EXPECT_EQ(read_update({}).error().message(), "Missing \"topic\" parameter");
  for (const std::string retry : {"x", "-1", "+1", "1.5", " 1", "1 ", "99999999999"}) {
    EXPECT_EQ(fault_of(with("retry", retry)), "retry") << retry;
  }
}

TEST(MercureUpdate, ForgesNeitherLinesNorTheHubsOwnEvents) {
  using namespace std::string_literals;
  for (const auto& bad : {"a\nb"s, "a\rb"s, "a\0b"s, "a\x7F"s, "a\xC2\x85"s, "a\xE2\x80\xAE"s, "a\xE2\x80\x8B"s}) {
    for (const char* field : {"topic", "id", "type"}) EXPECT_EQ(fault_of(with(field, bad)), field) << bad;
  }
  EXPECT_EQ(fault_of(with("topic", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D")), "")
      << "letters written right to left are fine";
  EXPECT_EQ(fault_of(with("topic", "*")), "topic");
  EXPECT_EQ(fault_of(with("topic", "")), "topic");
  EXPECT_EQ(fault_of(with("type", "mercure")), "type");
  EXPECT_EQ(fault_of(with("type", "inkwell.gap")), "type");
  EXPECT_EQ(fault_of(with("id", "#1")), "id");
  EXPECT_EQ(fault_of(with("id", "earliest")), "id");
}

TEST(MercureUpdate, CannotNameTheReservedNamespaceInAnyDisguise) {
  for (const char* topic :
       {"/.well-known/mercure", "/.well-known/mercure/subscriptions/a/b", "https://example.com/.well-known/mercure/x",
        "//example.com/.well-known/mercure", "/.well-known/%6Dercure/x", "/%2Ewell-known/mercure",
        "/.well-known/x/../mercure", "\\.well-known\\mercure", "/./.well-known//mercure/x", "mercure/subscriptions/x",
        "https:.well-known/mercure", "/a/../.well-known/mercure?q", "?q", "#f", "/.well-known/%6Dercure/%zz",
        " /.well-known/mercure ", "mercure"}) {
    EXPECT_TRUE(in_reserved_namespace(topic)) << topic;
    EXPECT_EQ(fault_of({{"topic", topic}}), "topic") << topic;
  }
  for (const char* topic : {"https://example.com/books/1", "/.well-known/mercurex", "/.well-known/other", "plain",
                            "/a/b/.well-known/mercure", "urn:uuid:1", "100%", "/well-known/mercure", "/mercure", "."}) {
    EXPECT_FALSE(in_reserved_namespace(topic)) << topic;
  }
}

TEST(MercureMatchers, AreReadInBothWireForms) {
  EXPECT_TRUE(wants({{"topic", "/books/{id}"}}, {"/books/1"}));
  EXPECT_FALSE(wants({{"match", "/books/{id}"}}, {"/books/1"})) << "braces are no template in the later form";
  EXPECT_TRUE(wants({{"match", "/books/1"}}, {"/books/1"}));
  EXPECT_TRUE(wants({{"match_exact", "/books/1"}}, {"/books/1"}));
  EXPECT_TRUE(wants({{"match", "a"}, {"match", "b"}}, {"x", "b"})) << "any topic of the event will do";
  EXPECT_TRUE(wants({{"match", "*"}, {"lang", "ignored"}}, {"x"}));
  EXPECT_FALSE(wants({{"match", "a"}}, {"A"}));
}

TEST(MercureMatchers, RefuseWhatTheyDoNotKnow) {
  const auto fault = [](const FormFields& fields) {
    const auto selector = read_matchers(fields, events::PrivateEvents::withheld());
    return selector ? "" : selector.error().param().value_or("?");
  };
  for (const char* name : {"MATCH", "Match", "matchurlpattern", "match_exactly", "matchRegexp", "match_urlpattern"}) {
    EXPECT_EQ(fault({{"match", "a"}, {name, "a"}}), name);
  }
  EXPECT_EQ(fault({}), "match");
  EXPECT_EQ(fault({{"topics", "a"}}), "match");
  EXPECT_EQ(fault({{"match", "a\n"}}), "match");
  EXPECT_EQ(fault({{"match", "a\xC2\x85"}}), "match");
  EXPECT_EQ(fault({{"topic", ""}}), "topic");
  EXPECT_EQ(fault({{"match", std::string(4097, 'a')}}), "match");
  FormFields many(kMaxMatchers, {"match", "a"});
  EXPECT_EQ(fault(many), "");
  many.emplace_back("match", "a");
  EXPECT_EQ(fault(many), "match");
}

TEST(MercureMatchers, PrivateEventsNeedMoreThanAMatch) {
  EXPECT_FALSE(wants({{"match", "*"}}, {"a"}, true));
  EXPECT_TRUE(wants({{"match", "*"}}, {"a"}, true, events::PrivateEvents::readable()));
  EXPECT_FALSE(wants({{"match", "b"}}, {"a"}, true, events::PrivateEvents::readable()));
}

}  // namespace
}  // namespace inkwell::server
