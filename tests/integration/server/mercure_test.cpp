// What the Mercure endpoints say beside the events: where a stream begins, to which pages it speaks; and the QUERY
// method.
#include "integration/server/token_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpClient;
using test::SseClient;

constexpr const char* kHub = "/.well-known/mercure";
constexpr const char* kForm = "Content-Type: application/x-www-form-urlencoded\r\n";

class MercureHttp : public TokenServerTest {
 protected:
  using HttpAnswer = test::HttpAnswer;

  static std::string publish(const TestServer& server, std::string_view form) {
    const auto answer = test::http_request(server.port(), "POST", kHub, form, kForm);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.body;
  }
  /// The head of a stream that is opened by any method.
  static HttpAnswer head_of(HttpClient& client, std::string_view method, std::string_view target, std::string_view body,
                            std::string_view headers = kForm) {
    client.send(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n{}", method, target,
                            body.size(), headers, body));
    return client.receive_header();
  }
};

struct Mode {
  std::string query;
  std::string field;  ///< in lower case
  std::string other;
};

// The reference's TestSendMissedEvents, TestSendAllEvents, TestUnknownLastEventID,
// TestEmptyLastEventIDGetsResponseHeader.
TEST_F(MercureHttp, SayWhereAStreamBeginsInTheFieldOfEachForm) {
  TestServer server(options_for(redis));
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(publish(server, "topic=t&data=" + std::to_string(i)));
  const std::string hidden = publish(server, "topic=t&private=on&data=hidden");
  const std::vector<Mode> modes = {
      {"?topic=t", "last-event-id", "mercure-last-event-id"},
      {"?match=t", "mercure-last-event-id", "last-event-id"},
      {"?match_exact=t&topic=t", "mercure-last-event-id", "last-event-id"},
  };
  for (const auto& [query, field, other] : modes) {
    const std::string target = kHub + query;
    const auto told = [&](const std::string& more, const std::string& header = {}) {
      SseClient stream(server.port(), target + more, header);
      EXPECT_EQ(stream.header().header(other), "") << target << more;
      return stream.header().header(field);
    };
    EXPECT_EQ(told(""), "") << "there was no cursor";
    EXPECT_EQ(told("", "Last-Event-ID: " + ids[1] + "\r\n"), ids[1]);
    EXPECT_EQ(told("&last_event_id=" + ids[0]), ids[0]);
    EXPECT_EQ(told("&lastEventID=" + ids[0]), ids[0]);
    EXPECT_EQ(told("&last_event_id=" + ids[0], "Last-Event-ID: " + ids[1] + "\r\n"), ids[1]) << "the header wins";
    EXPECT_EQ(told("&last_event_id=earliest"), "earliest");
    EXPECT_EQ(told("&last_event_id="), "earliest") << "there, though empty";
    EXPECT_EQ(told("&last_event_id=urn:uuid:e1ee88e2-532a-4d6f-ba70-f0f8bd584022"), "earliest");
    EXPECT_EQ(told("&last_event_id=1-0"), "earliest") << "never was, or is gone";
    for (const std::string unknown : {"urn:x", "99999999999999-0", "#1"}) {
      EXPECT_NE(told("", "Last-Event-ID: " + unknown + "\r\n"), hidden) << "no id that the client may not know";
    }
  }
}

TEST_F(MercureHttp, GoOnLiveAfterACursorThatIsNone) {
  TestServer server(options_for(redis));
  publish(server, "topic=t&data=before");
  SseClient stream(server.port(), std::string(kHub) + "?match=t", "Last-Event-ID: urn:uuid:unknown\r\n");
  EXPECT_EQ(stream.header().header("x-inkwell-gap"), "malformed_cursor");
  const auto id = publish(server, "topic=t&data=after");
  auto event = stream.next();
  ASSERT_TRUE(event);
  if (event->type == "inkwell.gap") event = stream.next();
  EXPECT_EQ(event->id, id);
}

// TestSubscribeQueryMethod of the reference, and the union of both places (the 1.0 text, "Subscription").
TEST_F(MercureHttp, TakeMatchersInTheBodyOfAQuery) {
  TestServer server(options_for(redis));
  HttpClient client(server.port());
  const auto first = publish(server, "topic=a&data=1");
  const auto head = head_of(client, "QUERY", std::string(kHub) + "?match=a&last_event_id=earliest",
                            "match=b&last_event_id=" + first + "&topic=c%2F%7Bid%7D");
  ASSERT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-type"), "text/event-stream");
  EXPECT_EQ(head.header("mercure-last-event-id"), "earliest") << "of two cursors the URL's counts";
  publish(server, "topic=other&data=unwanted");
  std::vector<std::string> wanted{first, publish(server, "topic=b&data=2"), publish(server, "topic=c/1&data=3")};
  for (const auto& id : wanted) {
    std::optional<std::string> line;
    do {
      line = client.read_line();
    } while (line && !line->starts_with("id: "));
    EXPECT_EQ(line, "id: " + id);
  }
}

TEST_F(MercureHttp, RefuseAQueryAsTheyWouldAGet) {
  TestServer server(options_for(redis));
  const auto query = [&](std::string_view body, std::string_view headers = kForm) {
    return test::http_request(server.port(), "QUERY", kHub, body, headers);
  };
  EXPECT_EQ(query("").status, 400);
  EXPECT_EQ(query("matches=a").status, 400);
  EXPECT_EQ(query("match=%FF").status, 400);
  EXPECT_EQ(query("match=a", "Content-Type: text/plain\r\n").status, 400);
  std::string many = "match=a";
  for (int i = 0; i < 100; ++i) many += "&match=a";
  EXPECT_EQ(query(many).status, 400);
  EXPECT_EQ(query("match=" + std::string(1 << 20, 'a')).status, 413);
  const auto elsewhere = test::http_request(server.port(), "QUERY", "/v1/channels/news/events", "match=a", kForm);
  EXPECT_EQ(elsewhere.status, 405);
  const auto unknown = test::http_request(server.port(), "BREW", kHub, "", "");
  EXPECT_EQ(unknown.status, 405);
  EXPECT_EQ(unknown.header("allow"), "POST, GET, HEAD, QUERY");
  TestServer guarded(with_tokens());
  EXPECT_EQ(test::http_request(guarded.port(), "QUERY", kHub, "match=a", kForm).status, 401);
}

class CorsHttp : public MercureHttp {
 protected:
  Options with_origins(const std::vector<std::string>& origins, bool tokens = true) const {
    auto options = tokens ? with_tokens() : options_for(redis);
    options.cors_origins = OriginList::make(origins).value();
    return options;
  }
  static HttpAnswer preflight(const TestServer& server, std::string_view origin, std::string_view method = "GET",
                              std::string_view path = kHub) {
    return test::http_request(
        server.port(), "OPTIONS", path, "",
        fmt::format("Origin: {}\r\nAccess-Control-Request-Method: {}\r\n"
                    "Access-Control-Request-Headers: authorization,cache-control,last-event-id\r\n",
                    origin, method));
  }
};

TEST_F(CorsHttp, APageOfANamedOriginMayCallWithCookiesAndIsNamedBack) {
  TestServer server(with_origins({"https://app.example", "https://*.tenants.example"}));
  for (const std::string origin : {"https://app.example", "https://a.tenants.example"}) {
    const auto before = preflight(server, origin, "POST");
    EXPECT_EQ(before.status, 204) << "without credentials, which a preflight never has";
    EXPECT_EQ(before.header("access-control-allow-origin"), origin);
    EXPECT_EQ(before.header("access-control-allow-credentials"), "true");
    EXPECT_EQ(before.header("access-control-allow-methods"), "POST, GET, HEAD, QUERY");
    for (const std::string name : {"Authorization", "Cache-Control", "Last-Event-ID", "Content-Type"}) {
      EXPECT_NE(before.header("access-control-allow-headers").find(name), std::string::npos) << name;
    }
    const std::string line = "Origin: " + origin + "\r\n";
    SseClient stream(server.port(), std::string(kHub) + "?match=t", line + bearer("{}"));
    EXPECT_EQ(stream.header().header("access-control-allow-origin"), origin);
    EXPECT_EQ(stream.header().header("access-control-allow-credentials"), "true");
    EXPECT_EQ(stream.header().header("vary"), "Origin");
    EXPECT_NE(stream.header().header("access-control-expose-headers").find("Mercure-Last-Event-ID"), std::string::npos);
    EXPECT_NE(stream.header().header("access-control-expose-headers").find("Link"), std::string::npos);
    const auto refused = server.get(kHub, line);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("access-control-allow-origin"), origin) << "the page may read why";
  }
}

TEST_F(CorsHttp, APageOfAnotherOriginIsToldNothing) {
  TestServer server(with_origins({"https://app.example"}));
  for (const std::string origin :
       {"https://evil.example", "https://app.example.evil.example", "http://app.example", "null"}) {
    const auto before = preflight(server, origin);
    EXPECT_NE(before.status, 204) << origin;
    EXPECT_EQ(before.header("access-control-allow-origin"), "") << origin;
    SseClient stream(server.port(), std::string(kHub) + "?match=t", "Origin: " + origin + "\r\n" + bearer("{}"));
    EXPECT_EQ(stream.header().header("access-control-allow-origin"), "") << origin;
    EXPECT_EQ(stream.header().header("access-control-allow-credentials"), "") << origin;
    EXPECT_EQ(stream.header().header("vary"), "Origin") << "a cache must not show it to a page that may read it";
  }
  TestServer none(with_tokens());
  EXPECT_EQ(preflight(none, "https://app.example").header("access-control-allow-origin"), "");
}

TEST_F(CorsHttp, AStarLetsEveryPageInWithoutItsCookies) {
  TestServer server(with_origins({"*", "https://app.example"}));
  EXPECT_EQ(preflight(server, "https://any.example").header("access-control-allow-origin"), "*");
  EXPECT_EQ(preflight(server, "https://any.example").header("access-control-allow-credentials"), "");
  EXPECT_EQ(preflight(server, "https://app.example").header("access-control-allow-origin"), "https://app.example");
}

TEST_F(CorsHttp, ANamedOriginMayUseAServerThatAsksForNoCredentialsAndAStarOpensItToNobody) {
  TestServer server(with_origins({"https://app.example"}, false));
  EXPECT_EQ(server.get("/v1/models", "Origin: https://app.example\r\n").status, 200);
  EXPECT_EQ(server.get("/v1/models", "Origin: https://evil.example\r\n").status, 403);
  TestServer all(with_origins({"*"}, false));
  EXPECT_EQ(all.get("/v1/models", "Origin: https://evil.example\r\n").status, 403);
}

TEST_F(CorsHttp, AnOptionsThatIsNoPreflightIsAMethodLikeAnother) {
  TestServer server(with_origins({"https://app.example"}));
  EXPECT_EQ(
      test::http_request(server.port(), "OPTIONS", kHub, "", "Origin: https://app.example\r\n" + bearer("{}")).status,
      405);
  EXPECT_EQ(preflight(server, "https://app.example", "GET", "/nowhere").status, 401);
}

}  // namespace
}  // namespace inkwell::server
