// Tokens over HTTP: where they may stand, what the answers to bad ones say, how long a connection lives by one, and
// where the keys come from.
#include <mutex>

#include "integration/server/token_server.hpp"
#include "server/jwt/base64url.hpp"

namespace inkwell::server {
namespace {

using test::SseClient;
using namespace std::chrono_literals;

constexpr const char* kHub = "/.well-known/mercure";
constexpr const char* kForm = "Content-Type: application/x-www-form-urlencoded\r\n";
constexpr const char* kAll = R"({"mercure":{"publish":["*"],"subscribe":["*"]}})";

class TokensOverHttp : public TokenServerTest {
 protected:
  static test::HttpAnswer post(const TestServer& server, const std::string& headers,
                               std::string_view form = "topic=t") {
    return test::http_request(server.port(), "POST", kHub, form, headers + kForm);
  }
  /// The status of a subscription, which is then closed.
  static int subscribe(const TestServer& server, const std::string& headers) {
    SseClient stream(server.port(), std::string(kHub) + "?topic=t", headers);
    return stream.header().status;
  }
  static std::string cookie(std::string_view name, std::string_view token) {
    return fmt::format("Cookie: a=b; {}={}; c=d\r\n", name, token);
  }
};

TEST_F(TokensOverHttp, AreAskedForByAChallengeThatSaysWhereToLearnMore) {
  TestServer server(with_tokens());
  const std::string where =
      R"(resource_metadata="https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure")";
  const auto none = server.get(std::string(kHub) + "?topic=t");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.header("www-authenticate"), "Bearer " + where);
  EXPECT_EQ(post(server, "").status, 401);
  const auto bad = post(server, "Authorization: Bearer " + token_of("{}", std::string(64, 'x')) + "\r\n");
  EXPECT_EQ(bad.status, 401);
  EXPECT_EQ(bad.header("www-authenticate"), R"(Bearer error="invalid_token", )" + where);
  const auto narrow = post(server, bearer(modern_claims("other"), "at+jwt"));
  EXPECT_EQ(narrow.status, 403);
  EXPECT_EQ(narrow.header("www-authenticate"), R"(Bearer error="insufficient_scope", )" + where);
  const auto legacy = post(server, bearer(R"({"mercure":{"publish":["other"]}})"));
  EXPECT_EQ(legacy.status, 401) << "clients of the 0.x form know no 403";
  const std::string good = bearer(kAll);
  for (const std::string& malformed :
       {std::string("Authorization: Basic dTpw\r\n"), std::string("Authorization: Bearer\r\n"),
        std::string("Authorization: Bearer \r\n"), good + good}) {
    const auto answer = post(server, malformed);
    EXPECT_EQ(answer.status, 400) << malformed;
    EXPECT_EQ(answer.header("www-authenticate"), R"(Bearer error="invalid_request", )" + where) << malformed;
  }
}

TEST_F(TokensOverHttp, PublishAndSubscribeInBothForms) {
  TestServer server(with_tokens());
  EXPECT_EQ(post(server, bearer(kAll)).status, 200);
  EXPECT_EQ(subscribe(server, bearer(kAll)), 200);
  const std::string modern = bearer(modern_claims("t"), "AT+jwt");
  EXPECT_EQ(post(server, modern).status, 200);
  EXPECT_EQ(subscribe(server, modern), 200);
  EXPECT_EQ(post(server, modern, "topic=t&topic=other").status, 403) << "every topic must be granted";
  EXPECT_EQ(post(server, bearer("{}")).status, 403) << "no grants";
  std::string lower_case = modern;
  lower_case.replace(lower_case.find("Bearer"), 6, "bEARER");
  EXPECT_EQ(post(server, lower_case).status, 200);
  for (const char* more : {R"(,"aud":"https://other.example/.well-known/mercure")", R"(,"exp":1)", R"(,"iss":"")"}) {
    EXPECT_EQ(post(server, bearer(modern_claims("t", more), "at+jwt")).status, 401) << more;
  }
  EXPECT_EQ(post(server, bearer(modern_claims("t"), "JWT")).status, 401) << "an ID token, say";
  EXPECT_EQ(subscribe(server, "Authorization: Bearer " + base64url_encode(R"({"alg":"none"})") + "." +
                                  base64url_encode(kAll) + ".\r\n"),
            401);
}

TEST_F(TokensOverHttp, OpenEventsAndNothingElse) {
  auto options = with_tokens();
  options.api_key = "a-key";
  TestServer server(options);
  const auto answer = server.get("/v1/conversations?owner=x", bearer(kAll));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(error_code_in(answer), "token_not_for_this");
  EXPECT_EQ(server.get("/v1/conversations").status, 401);
  EXPECT_EQ(post(server, "Authorization: Bearer a-key\r\n").status, 200) << "keys open the hub as well";
  EXPECT_EQ(post(server, "Authorization: Bearer another-key\r\n").status, 401);
}

TEST_F(TokensOverHttp, InTheUrlAreNotLookedAt) {
  TestServer server(with_tokens());
  for (const std::string name : {"access_token", "authorization"}) {
    const auto answer = server.get(fmt::format("{}?topic=t&{}={}", kHub, name, token_of(kAll)));
    EXPECT_EQ(answer.status, 401) << name;
  }
}

TEST_F(TokensOverHttp, MayStandInACookie) {
  auto options = with_tokens();
  options.tokens.cookie = "hub_token";
  TestServer server(options);
  const std::string token = token_of(kAll);
  EXPECT_EQ(subscribe(server, cookie("hub_token", token)), 200);
  EXPECT_EQ(subscribe(server, cookie("mercureAuthorization", token)), 200) << "the name of the 0.x form";
  EXPECT_EQ(subscribe(server, cookie("__Secure-mercure_access_token", token)), 401) << "another name is configured";
  EXPECT_EQ(subscribe(server, cookie("hub_token", "x." + token)), 401);
  const std::string modern = token_of(modern_claims("t"), kSecret, JwtAlgorithm::hs256, "at+jwt");
  EXPECT_EQ(subscribe(server, cookie("hub_token", modern)), 200);
  EXPECT_EQ(subscribe(server, cookie("mercureAuthorization", modern)), 401) << "the old name is for the old form";
  EXPECT_EQ(subscribe(server, cookie("hub_token", token) + "Authorization: Bearer x.y.z\r\n"), 401)
      << "the header is what counts where there is one";
  EXPECT_EQ(subscribe(server, cookie("hub_token", "x.y.z") + bearer(kAll)), 200);
}

// A page of any origin makes a browser send a form with the hub's cookie: only a named origin may publish by one.
TEST_F(TokensOverHttp, InACookiePublishForPagesOfAllowedOriginsOnly) {
  auto options = with_tokens();
  options.tokens.publish_origins = OriginList::make({"https://app.example", "https://*.tenants.example"}).value();
  TestServer server(options);
  const std::string by_cookie = cookie("__Secure-mercure_access_token", token_of(kAll));
  for (const std::string headers : {"Origin: https://app.example\r\n", "Referer: https://app.example/page?x#y\r\n",
                                    "Origin: https://a.tenants.example\r\nReferer: https://evil.example/\r\n"}) {
    EXPECT_EQ(post(server, by_cookie + headers).status, 200) << headers;
  }
  for (const std::string headers : {"", "Origin: null\r\n", "Origin: https://evil.example\r\n",
                                    "Referer: https://evil.example/https://app.example\r\n", "Referer: app.example\r\n",
                                    "Origin: https://app.example.evil.example\r\n", "Origin: http://app.example\r\n",
                                    "Origin: https://evil.example\r\nReferer: https://app.example/\r\n"}) {
    const auto answer = post(server, by_cookie + headers);
    EXPECT_EQ(answer.status, 403) << headers;
    EXPECT_EQ(error_code_in(answer), "origin_not_allowed") << headers;
  }
  EXPECT_EQ(subscribe(server, by_cookie + "Origin: https://evil.example\r\n"), 200)
      << "reading changes nothing; the browser keeps the answer from the page";
  EXPECT_EQ(post(server, bearer(kAll) + "Origin: https://evil.example\r\n").status, 200) << "no page has the token";
  TestServer closed(with_tokens());
  EXPECT_EQ(post(closed, by_cookie + "Origin: https://app.example\r\n").status, 403) << "by default, nobody";
}

TEST_F(TokensOverHttp, AreNotNeededForPublicEventsWhereAnonymousReadersAreLetIn) {
  auto options = with_tokens();
  options.tokens.anonymous = true;
  TestServer server(options);
  SseClient anonymous(server.port(), std::string(kHub) + "?topic=t");
  ASSERT_EQ(anonymous.header().status, 200);
  ASSERT_EQ(post(server, bearer(kAll), "topic=t&private=on&data=private").status, 200);
  ASSERT_EQ(post(server, bearer(kAll), "topic=t&data=public").status, 200);
  EXPECT_EQ(anonymous.next()->data, "public");
  EXPECT_EQ(post(server, "").status, 401) << "publishing is not reading";
  EXPECT_EQ(server.get("/v1/channels/default/events").status, 401) << "nor is a channel as a whole";
  EXPECT_EQ(subscribe(server, "Authorization: Bearer x.y.z\r\n"), 401) << "a bad token is not no token";
}

TEST_F(TokensOverHttp, EndTheirConnectionsWhenTheyExpire) {
  TestServer server(with_tokens());
  const auto expires = std::chrono::system_clock::time_point(std::chrono::seconds(in_seconds(3)));
  const std::string token =
      bearer(fmt::format(R"({{"exp":{},"mercure":{{"subscribe":["*"]}}}})",
                         std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch()).count()));
  SseClient stream(server.port(), std::string(kHub) + "?topic=t", token);
  ASSERT_EQ(stream.header().status, 200);
  EXPECT_FALSE(stream.next()) << "nothing is published: the stream just ends";
  const auto ended = std::chrono::system_clock::now();
  EXPECT_LT(ended, expires + 300ms);
  EXPECT_GT(ended, expires - 1200ms);
  EXPECT_TRUE(stream.retry()) << "the client is told when to come back, with a new token";
}

// A token about to expire must not make a client come back at once, again and again.
TEST_F(TokensOverHttp, ThatAreAboutToExpireOpenNoConnectionThatEndsAtOnce) {
  TestServer server(with_tokens());
  const auto began = std::chrono::steady_clock::now();
  SseClient stream(server.port(), std::string(kHub) + "?topic=t",
                   bearer(fmt::format(R"({{"exp":{}}})", in_seconds(-2))));  // within the leeway for clocks that differ
  ASSERT_EQ(stream.header().status, 200);
  EXPECT_FALSE(stream.next());
  EXPECT_GT(std::chrono::steady_clock::now() - began, 900ms);
  EXPECT_EQ(subscribe(server, bearer(fmt::format(R"({{"exp":{}}})", in_seconds(-10)))), 401);
}

TEST_F(TokensOverHttp, AreDescribedByTheHubsMetadata) {
  const std::string path = std::string("/.well-known/oauth-protected-resource") + kHub;
  TestServer server(with_tokens({.key = std::string(kSecret), .issuer = "https://issuer.example"}));
  const auto answer = server.get(path);
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  const auto object = parse_json(answer.body)->as_object();
  EXPECT_EQ(object.at("resource"), "https://hub.example/.well-known/mercure");
  EXPECT_EQ(object.at("bearer_methods_supported"), json::value(json::array{"header"}));
  EXPECT_EQ(object.at("authorization_servers"), json::value(json::array{"https://issuer.example"}));
  EXPECT_EQ(object.at("authorization_details_types_supported"),
            json::value(json::array{"https://mercure.rocks/authorization-detail"}));
  EXPECT_EQ(object.at("mercure_cookie"), "__Secure-mercure_access_token");
  TestServer keyless(options_for(redis));
  EXPECT_EQ(keyless.get(path).status, 404);
}

/// Serves a JWK Set that a test changes as it goes.
class KeySetServer {
 public:
  KeySetServer() : server_(test_options()) {
    server_.router().add(
        {http::verb::get, "/keys", Access::open, [state = state_](Worker&, HttpRequest&) { return answer(state); }});
    if (!server_.start()) throw std::runtime_error("the server of the key set did not start");
  }
  void set(std::string body, http::status status = http::status::ok) {
    const std::lock_guard lock(state_->mutex);
    state_->body = std::move(body);
    state_->status = status;
  }
  std::string url() const { return server_.url() + "/keys"; }
  int requests() const {
    const std::lock_guard lock(state_->mutex);
    return state_->requests;
  }

 private:
  struct State {
    std::mutex mutex;
    std::string body = R"({"keys":[]})";
    http::status status = http::status::ok;
    int requests = 0;
  };
  static asio::awaitable<HandlerResult> answer(std::shared_ptr<State> state) {
    HttpResponse response;
    const std::lock_guard lock(state->mutex);
    ++state->requests;
    response.body = state->body;
    response.status = state->status;
    co_return response;
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
  Server server_;
};

TEST_F(TokensOverHttp, AreVerifiedWithAKeySetFromAUrlWhichIsAskedAgainWhenATokenNamesAnotherKey) {
  const KeyPair first = make_key_pair("ED25519");
  const KeyPair second = make_key_pair("ED25519");
  KeySetServer keys;
  keys.set(fmt::format(R"({{"keys":[{}]}})", jwk_of(first, "a")));
  TestServer server(with_tokens({.key_set_url = keys.url()}));
  const auto token = [](const KeyPair& pair, std::string_view kid) {
    return "Authorization: Bearer " + token_of(kAll, pair.private_pem, JwtAlgorithm::eddsa, "JWT", kid) + "\r\n";
  };
  // The very first request waits for the set, should it not be there yet.
  EXPECT_EQ(post(server, token(first, "a")).status, 200);
  EXPECT_EQ(post(server, token(second, "a")).status, 401) << "another key under the same name";
  EXPECT_EQ(post(server, token(second, "b")).status, 401) << "not in the set";
  keys.set(fmt::format(R"({{"keys":[{},{}]}})", jwk_of(first, "a"), jwk_of(second, "b")));
  EXPECT_TRUE(eventually([&] { return post(server, token(second, "b")).status == 200; }));
  EXPECT_EQ(post(server, token(first, "a")).status, 200);
  const int before = keys.requests();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(post(server, token(second, "made-up")).status, 401);
  EXPECT_LE(keys.requests(), before + 1) << "made-up names don't make the hub ask each time";
}

TEST_F(TokensOverHttp, KeepTheirKeysWhileTheKeySetIsUnreachableAndNeverTakeASecretFromIt) {
  const KeyPair pair = make_key_pair("ED25519");
  KeySetServer keys;
  const std::string secret = fmt::format(R"({{"kty":"oct","kid":"s","k":"{}"}})", base64url_encode(kSecret));
  keys.set(fmt::format(R"({{"keys":[{},{}]}})", jwk_of(pair, "a"), secret));
  TestServer server(with_tokens({.key_set_url = keys.url()}));
  const std::string good =
      "Authorization: Bearer " + token_of(kAll, pair.private_pem, JwtAlgorithm::eddsa, "JWT", "a") + "\r\n";
  EXPECT_EQ(post(server, good).status, 200);
  EXPECT_EQ(post(server, bearer(kAll)).status, 401) << "the set is public, so what is in it is no secret";
  for (const auto& [body, status] : {std::pair<std::string, http::status>("{", http::status::ok),
                                     {"{}", http::status::ok},
                                     {"", http::status::internal_server_error}}) {
    keys.set(body, status);
    const int before = keys.requests();
    const std::string unknown =
        "Authorization: Bearer " + token_of(kAll, pair.private_pem, JwtAlgorithm::eddsa, "JWT", "b") + "\r\n";
    EXPECT_TRUE(eventually([&] {
      EXPECT_EQ(post(server, unknown).status, 401);
      return keys.requests() > before;
    }));
    EXPECT_EQ(post(server, good).status, 200) << body;
  }
}

TEST_F(TokensOverHttp, AreVerifiedWithTheKeysOfTheirIssuerOnly) {
  const KeyPair theirs = make_key_pair("ED25519");
  TokenOptions tokens{.key = std::string(kSecret), .issuer = "https://own.example"};
  tokens.key_set = fmt::format(R"({{"keys":[{}]}})", jwk_of(theirs, "a"));
  tokens.key_set_issuer = "https://theirs.example";
  TestServer server(with_tokens(tokens));
  const auto claims = [](std::string_view issuer) {
    return fmt::format(R"({{"iss":"{}","mercure":{{"publish":["*"]}}}})", issuer);
  };
  const auto by_them = [&](std::string_view issuer) {
    return "Authorization: Bearer " + token_of(claims(issuer), theirs.private_pem, JwtAlgorithm::eddsa) + "\r\n";
  };
  EXPECT_EQ(post(server, bearer(claims("https://own.example"))).status, 200);
  EXPECT_EQ(post(server, by_them("https://theirs.example")).status, 200);
  EXPECT_EQ(post(server, bearer(claims("https://theirs.example"))).status, 401);
  EXPECT_EQ(post(server, by_them("https://own.example")).status, 401);
  EXPECT_EQ(post(server, by_them("https://nobody.example")).status, 401);
  EXPECT_EQ(post(server, bearer(R"({"mercure":{"publish":["*"]}})")).status, 401) << "who names no issuer";
}

}  // namespace
}  // namespace inkwell::server
