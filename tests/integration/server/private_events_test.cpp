// Private events over HTTP: whoever has no grant for them is not shown one, whichever way they ask, live or from the
// log; whoever has one is shown exactly those it names.
#include <gtest/gtest.h>

#include "integration/server/token_server.hpp"

namespace inkwell::server {
namespace {

using test::SseClient;

constexpr std::string_view kSecretText = "nobody may see this";

/// Publishes, one after the other, a public event, a private one by each way there is, and a public one.
class PrivateEvents : public TokenServerTest {
 protected:
  void publish_all(const TestServer& server, std::string_view headers = {}) {
    const auto post = [&](std::string_view path, std::string_view body, bool form) {
      const std::string type = form ? "Content-Type: application/x-www-form-urlencoded\r\n" : "";
      const auto answer = test::http_request(server.port(), "POST", path, body, type + std::string(headers));
      ASSERT_EQ(answer.status, 200) << answer.body;
    };
    const std::string data(kSecretText);
    post("/v1/channels/news/events", R"({"data":"first","topics":["t"]})", false);
    post("/v1/channels/news/events", R"({"data":")" + data + R"(","topics":["t"],"private":true})", false);
    post("/v1/channels/news/events", R"([{"data":")" + data + R"(","private":true}])", false);
    post("/v1/channels/news/mercure", "topic=t&private=&data=" + data, true);
    post("/v1/channels/news/events", R"({"data":"last","topics":["t"]})", false);
  }

  /// All pages of the channel's history, of `limit` events each.
  static std::string history(const TestServer& server, int limit, std::string headers = {}) {
    std::string all;
    std::string after = "&after=earliest";
    for (int page = 0; page < 20; ++page) {
      const auto answer = server.get("/v1/channels/news/events?limit=" + std::to_string(limit) + after,
                                     "Accept: application/json\r\n" + headers);
      EXPECT_EQ(answer.status, 200) << answer.body;
      all += answer.body;
      const auto object = parse_json(answer.body)->as_object();
      if (!object.at("has_more").as_bool()) return all;
      after = "&after=" + std::string(object.at("last_id").as_string());
    }
    ADD_FAILURE() << "the history has no end";
    return all;
  }

  static std::size_t secrets_in(std::string_view text) {
    std::size_t count = 0;
    for (auto at = text.find(kSecretText); at != std::string_view::npos; at = text.find(kSecretText, at + 1)) ++count;
    return count;
  }

  /// The data of the events up to the one that says "last".
  static std::vector<std::string> data_until_last(SseClient& stream) {
    std::vector<std::string> data;
    do {
      const auto event = stream.next();
      if (!event) break;
      data.push_back(event->data);
    } while (data.back() != "last");
    return data;
  }
};

const std::vector<std::string> kPublicOnly{"first", "last"};
const std::vector<std::string> kStreams{"/v1/channels/news/events",          "/v1/channels/news/events?topic=t",
                                        "/v1/channels/news/events?topic=*",  "/v1/channels/news/mercure?topic=*",
                                        "/v1/channels/news/mercure?topic=t", "/v1/channels/news/mercure?match=*",
                                        "/v1/channels/news/mercure?match=t"};

TEST_F(PrivateEvents, AreShownToNobodyByAServerThatKnowsNobody) {
  TestServer server(options_for(redis));
  std::vector<std::unique_ptr<SseClient>> live;
  for (const auto& path : kStreams) live.push_back(std::make_unique<SseClient>(server.port(), path));
  publish_all(server);
  for (std::size_t i = 0; i < kStreams.size(); ++i) {
    EXPECT_EQ(data_until_last(*live[i]), kPublicOnly) << "live: " << kStreams[i];
    SseClient replayed(server.port(), kStreams[i], "Last-Event-ID: earliest\r\n");
    EXPECT_EQ(data_until_last(replayed), kPublicOnly) << "replayed: " << kStreams[i];
    const std::string by_query = kStreams[i] + (kStreams[i].find('?') == std::string::npos ? "?" : "&");
    SseClient asked(server.port(), by_query + "last_event_id=earliest", "Inkwell-Owner: ada\r\n");
    EXPECT_EQ(data_until_last(asked), kPublicOnly) << "replayed by query: " << kStreams[i];
  }
  for (const int limit : {1, 2, 50}) {
    EXPECT_EQ(secrets_in(history(server, limit)), 0U) << limit;
    EXPECT_EQ(secrets_in(history(server, limit, "Inkwell-Owner: ada\r\n")), 0U) << limit;
    const auto newest =
        server.get("/v1/channels/news/events?limit=" + std::to_string(limit), "Accept: application/json\r\n");
    EXPECT_EQ(secrets_in(newest.body), 0U) << limit;
    EXPECT_NE(newest.body.find("last"), std::string::npos);
  }
}

TEST_F(PrivateEvents, OfAGenerationsChannelAreShownToNobodyEither) {
  TestServer server(options_for(redis));
  const auto made = test::http_request(server.port(), "POST", "/v1/channels/news/stream", "data: first\n\n",
                                       "Content-Type: text/event-stream\r\n");
  ASSERT_EQ(made.status, 200) << made.body;
  SseClient stream(server.port(), "/v1/channels/news/stream");
  EXPECT_EQ(stream.next()->data, "first");
  publish_all(server);
  SseClient again(server.port(), "/v1/channels/news/stream", "Last-Event-ID: earliest\r\n");
  while (const auto event = again.next()) EXPECT_EQ(secrets_in(event->data), 0U);
}

TEST_F(PrivateEvents, AreShownToWhoHasTheServersKey) {
  auto options = options_for(redis);
  options.api_key = "a-key";
  TestServer server(options);
  const std::string key = "Authorization: Bearer a-key\r\n";
  publish_all(server, key);
  EXPECT_EQ(secrets_in(history(server, 1, key)), 3U);
  EXPECT_EQ(secrets_in(history(server, 50, key)), 3U);
  SseClient all(server.port(), "/v1/channels/news/events", key + "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(data_until_last(all).size(), 5U);
  SseClient of_topic(server.port(), "/v1/channels/news/mercure?topic=t", key + "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(data_until_last(of_topic).size(), 4U) << "one has no topic";
  for (const auto& path : kStreams) EXPECT_EQ(server.get(path).status, 401) << path;
}

// TestSubscribePrivate of the reference: routing selects three, the token grants two, two are delivered.
TEST_F(PrivateEvents, AreShownToATokenThatNamesOneOfTheirTopics) {
  TestServer server(with_tokens());
  const std::string publisher = bearer(R"({"mercure":{"publish":["*"]}})");
  const std::string reader = bearer(R"({"mercure":{"subscribe":["https://example.com/users/42/{x}","b/1"]}})");
  SseClient live(server.port(), "/.well-known/mercure?topic=b%2F%7Bid%7D&topic=end", reader);
  std::vector<std::string> wanted;
  const auto post = [&](std::string_view form) {
    const auto answer = test::http_request(server.port(), "POST", "/.well-known/mercure", form,
                                           publisher + "Content-Type: application/x-www-form-urlencoded\r\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.body;
  };
  wanted.push_back(post("topic=b/1&private=on&data=granted&type=kind&retry=1234"));
  post("topic=b/2&private=on&data=not%20granted");
  wanted.push_back(post("topic=b/3&topic=https://example.com/users/42/b&private=on&data=by%20an%20alternate"));
  post("topic=https://example.com/users/42/c&private=on&data=granted%20but%20not%20asked%20for");
  wanted.push_back(post("topic=b/4&data=public"));
  wanted.push_back(post("topic=end&data=last"));
  SseClient replayed(server.port(), "/.well-known/mercure?topic=b%2F%7Bid%7D&topic=end&last_event_id=earliest", reader);
  for (SseClient* stream : {&live, &replayed}) {
    for (const auto& id : wanted) EXPECT_EQ(stream->next()->id, id);
  }
  SseClient everything(server.port(), "/.well-known/mercure?topic=*&last_event_id=earliest",
                       bearer(R"({"mercure":{"subscribe":["*"]}})"));
  EXPECT_EQ(data_until_last(everything).size(), 6U);
  SseClient nothing(server.port(), "/.well-known/mercure?topic=*&last_event_id=earliest", bearer("{}"));
  EXPECT_EQ(data_until_last(nothing), (std::vector<std::string>{"public", "last"}));
}

TEST_F(PrivateEvents, OfAWholeChannelAreATokensThatNamesItsPath) {
  TestServer server(with_tokens());
  const std::string both =
      bearer(R"({"mercure":{"publish":["/v1/channels/news/events","t"],"subscribe":["/v1/channels/news/events"]}})");
  publish_all(server, both);
  EXPECT_EQ(secrets_in(history(server, 2, both)), 3U);
  SseClient stream(server.port(), "/v1/channels/news/events?last_event_id=earliest", both);
  EXPECT_EQ(data_until_last(stream).size(), 5U);
  const auto other = server.get("/v1/channels/other/events", both);
  EXPECT_EQ(other.status, 401) << "the 0.x form knows no 403";
  EXPECT_EQ(error_code_in(other), "insufficient_scope");
  const auto modern =
      server.get("/v1/channels/other/events", bearer(modern_claims("/v1/channels/news/events"), "at+jwt"));
  EXPECT_EQ(modern.status, 403);
  EXPECT_EQ(error_code_in(modern), "insufficient_scope");
}

}  // namespace
}  // namespace inkwell::server
