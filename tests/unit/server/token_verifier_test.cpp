// What tokens are trusted with, in both forms of Mercure's claims.
#include "server/jwt/token_verifier.hpp"

#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "server/jwt/base64url.hpp"
#include "unit/server/token_keys.hpp"

namespace inkwell::server {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock;
using enum JwtAlgorithm;

constexpr std::string_view kHub = "http://hub.example/.well-known/mercure";
const Clock::time_point kNow{1'800'000'000s};

TokenOptions with_secret() {
  TokenOptions options;
  options.key = kSecret;
  return options;
}

Result<Token> verify(const std::string& token, const TokenOptions& options = with_secret(),
                     TokenRole role = TokenRole::subscriber) {
  return TokenVerifier::make(options).value().verify(token, role, kHub, kNow);
}

/// Claims of the 1.0 form, with `more` before them; the last of two members of one name counts.
std::string modern(std::string_view topics, std::string_view after = "",
                   std::string_view actions = R"("subscribe","publish")") {
  return fmt::format(
      R"({{"iss":"https://issuer.example","aud":"https://hub.example/.well-known/mercure","sub":"u","exp":1800000100,)"
      R"("authorization_details":[{{"type":"https://mercure.rocks/authorization-detail","actions":[{}],"topics":{}}}]{}}})",
      actions, topics, after);
}
std::string access_token(std::string_view claims, std::string_view type = "at+jwt") {
  return token_of(claims, kSecret, hs256, type);
}

void expect_refused(const Result<Token>& token, const std::string& what) {
  ASSERT_FALSE(token) << what;
  EXPECT_EQ(token.error().kind(), ErrorKind::unauthenticated) << what;
  EXPECT_EQ(token.error().code(), "invalid_token") << what;
}

TEST(Tokens, GrantWhatTheClaimOf0xSays) {
  const auto token =
      verify(token_of(R"({"sub":"u","mercure":{"publish":["a","/x/{id}"],"subscribe":["*"],"payload":{"n":1}}})"));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_EQ(token->subject, "u");
  EXPECT_EQ(token->grants.form(), Grants::Form::legacy);
  EXPECT_TRUE(token->grants.may_publish("a") && token->grants.may_publish("/x/1"));
  EXPECT_FALSE(token->grants.may_publish("b") || token->grants.may_publish("/x/1/2"));
  EXPECT_TRUE(token->grants.may_read("whatever"));
  EXPECT_EQ(token->grants.payload_for("any"), R"({"n":1})");
  EXPECT_FALSE(token->expires_at);
  const auto namespaced =
      verify(token_of(R"({"https://mercure.rocks/":{"subscribe":["a"]},"mercure":{"subscribe":["b"]}})"));
  ASSERT_TRUE(namespaced);
  EXPECT_TRUE(namespaced->grants.may_read("a"));
  EXPECT_FALSE(namespaced->grants.may_read("b"));
}

TEST(Tokens, WithNoClaimGrantNothing) {
  for (const char* claims : {"{}", R"({"mercure":{}})", R"({"mercure":{"publish":null,"subscribe":[]}})"}) {
    const auto token = verify(token_of(claims));
    ASSERT_TRUE(token) << claims;
    EXPECT_FALSE(token->grants.may_publish("a") || token->grants.may_read("a")) << claims;
  }
}

TEST(Tokens, GrantWhatTheAuthorizationDetailsOf10Say) {
  const auto token = verify(access_token(modern(R"([{"match":"a"},{"match":"b","match_type":"exact"}])")));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_EQ(token->grants.form(), Grants::Form::details);
  EXPECT_TRUE(token->grants.may_publish("a") && token->grants.may_read("b"));
  EXPECT_FALSE(token->grants.may_read("c"));
  EXPECT_EQ(token->expires_at, kNow + 100s);
  const auto all = verify(access_token(modern(R"([{"match":"*"}])", "", R"("subscribe","dance")")));
  ASSERT_TRUE(all) << "an action that isn't known grants nothing, and spoils nothing";
  EXPECT_TRUE(all->grants.may_read("c"));
  EXPECT_FALSE(all->grants.may_publish("c"));
}

TEST(Tokens, OfTheLaterFormIgnoreTheClaimOfTheEarlierOne) {
  const auto token = verify(access_token(modern(R"([{"match":"a"}])", R"(,"mercure":{"subscribe":["*"]})")));
  ASSERT_TRUE(token);
  EXPECT_FALSE(token->grants.may_read("b"));
}

TEST(Tokens, IgnoreTheDetailsOfOtherResources) {
  const auto token = verify(access_token(modern(
      R"([{"match":"a"}])",
      R"(,"authorization_details":[{"type":"payment","topics":"x"},{"type":"https://mercure.rocks/authorization-detail","actions":["subscribe"],"topics":[{"match":"z"}]}])")));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_TRUE(token->grants.may_read("z"));
}

TEST(Tokens, AreRefusedWholeForOneEntryThatIsNotUnderstood) {
  for (const char* topics :
       {R"(["a"])", R"([{"match":"a"},{}])", R"([{"match":""}])", R"([{"match":1}])", R"([])", R"("a")",
        R"([{"match":"a","match_type":"regexp"}])", R"([{"match":"a","match_type":"Exact"}])",
        R"([{"match":"a","match_type":null}])", R"([{"match":"a\nb"}])", R"([{"match":"a\u0000"}])", "null"}) {
    expect_refused(verify(access_token(modern(topics))), topics);
  }
  for (const char* actions : {"", "1", R"("subscribe",null)"}) {
    expect_refused(verify(access_token(modern(R"([{"match":"a"}])", "", actions))), actions);
  }
  for (const char* claims : {R"({"mercure":[]})", R"({"mercure":{"publish":"a"}})", R"({"mercure":{"subscribe":[1]}})",
                             R"({"mercure":{"subscribe":[""]}})", R"({"authorization_details":{}})",
                             R"({"authorization_details":[1]})", "[]", "1", "{"}) {
    expect_refused(verify(token_of(claims)), claims);
  }
}

TEST(Tokens, MayNameAHundredTopicsAndNoMore) {
  const auto list = [](std::size_t count, std::string_view one) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out.append(i == 0 ? "" : ",").append(one);
    return "[" + out + "]";
  };
  EXPECT_TRUE(verify(access_token(modern(list(100, R"({"match":"a"})")))));
  expect_refused(verify(access_token(modern(list(101, R"({"match":"a"})")))), "101 topics");
  EXPECT_TRUE(verify(token_of(R"({"mercure":{"publish":)" + list(100, "\"a\"") + "}}")));
  expect_refused(verify(token_of(R"({"mercure":{"publish":)" + list(101, "\"a\"") + "}}")),
                 "101 topics of the earlier form");
}

TEST(Tokens, OfTheLaterFormMustBeAccessTokensForThisHub) {
  const std::string topics = R"([{"match":"a"}])";
  EXPECT_TRUE(verify(access_token(modern(topics), "application/AT+JWT")));
  EXPECT_TRUE(verify(access_token(modern(topics, R"(,"aud":["x","http://hub.example/.well-known/mercure"])"))));
  expect_refused(verify(access_token(modern(topics), "JWT")), "an ID token, say");
  expect_refused(verify(access_token(modern(topics, R"(,"aud":"https://other.example/.well-known/mercure")"))),
                 "another hub's");
  expect_refused(verify(access_token(modern(topics, R"(,"aud":null)"))), "nobody's");
  expect_refused(verify(access_token(modern(topics, R"(,"iss":"")"))), "no issuer");
  expect_refused(
      verify(access_token(R"({"iss":"i","aud":"https://hub.example/.well-known/mercure","authorization_details":[]})")),
      "no end");
}

TEST(Tokens, LiveFromNbfToExpGiveOrTakeFiveSeconds) {
  const auto at = [](std::int64_t begins, std::int64_t ends) {
    return verify(token_of(fmt::format(R"({{"nbf":{},"exp":{}}})", 1'800'000'000 + begins, 1'800'000'000 + ends)));
  };
  EXPECT_TRUE(at(0, 1));
  EXPECT_TRUE(at(5, -4));
  EXPECT_FALSE(at(6, 10));
  EXPECT_FALSE(at(-10, -5));
  for (const char* claims :
       {R"({"exp":"1800000100"})", R"({"exp":null})", R"({"exp":-1})", R"({"nbf":"x"})", R"({"nbf":true})"}) {
    expect_refused(verify(token_of(claims)), claims);
  }
  EXPECT_TRUE(verify(token_of(R"({"exp":1e300})"))) << "as late as a clock can say";
  EXPECT_TRUE(verify(token_of(R"({"exp":1800000000.5})")));
}

TEST(Tokens, MustBeOfTheAlgorithmsThatAreConfigured) {
  auto options = with_secret();
  options.algorithms = {"HS512", "ES256"};
  EXPECT_TRUE(verify(token_of("{}", kSecret, hs512), options));
  expect_refused(verify(token_of("{}", kSecret, hs256), options), "its signature would do");
  options.algorithms = {"none"};
  EXPECT_FALSE(TokenVerifier::make(options));
}

// RFC 8725 sections 2.1 and 3.1: what a token says of its algorithm and its key is never believed.
TEST(Tokens, CannotChooseTheAlgorithmOrTheKeyTheyAreVerifiedWith) {
  const KeyPair rsa = make_key_pair("RSA");
  const KeyPair other = make_key_pair("RSA");
  constexpr std::string_view kClaims = R"({"mercure":{"publish":["*"],"subscribe":["*"]}})";
  TokenOptions options;
  options.key = rsa.public_pem;
  const std::string good = token_of(kClaims, rsa.private_pem, rs256);
  ASSERT_TRUE(verify(good, options));
  const std::string payload = good.substr(good.find('.') + 1, good.rfind('.') - good.find('.') - 1);
  const std::string signature = good.substr(good.rfind('.') + 1);

  expect_refused(verify(token_of(kClaims, other.private_pem, rs256), options), "another key of the kind");
  expect_refused(verify(token_of(kClaims, kSecret, hs256), options), "a secret that was never configured");
  // The public key, which everybody has, as the secret of an HMAC.
  const std::string as_secret = base64url_encode(R"({"alg":"HS256"})") + "." + payload;
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), rsa.public_pem.data(), static_cast<int>(rsa.public_pem.size()),
         reinterpret_cast<const unsigned char*>(as_secret.data()), as_secret.size(), mac.data(), &size);
  const std::string_view mac_bytes(reinterpret_cast<const char*>(mac.data()), size);
  expect_refused(verify(as_secret + "." + base64url_encode(mac_bytes), options), "RS256 taken for HS256");
  for (const std::string_view header :
       {R"({"alg":"none"})", R"({"alg":"None","typ":"at+jwt"})", R"({"typ":"JWT"})", R"({"alg":"HS256"})"}) {
    const std::string unsigned_text = base64url_encode(header) + "." + payload + ".";
    expect_refused(verify(unsigned_text, options), std::string(header) + " without a signature");
    expect_refused(verify(unsigned_text + signature, options), std::string(header) + " with another's signature");
  }
  expect_refused(verify(base64url_encode(R"({"alg":"PS256"})") + "." + payload + "." + signature, options),
                 "PS for RS");
}

TEST(Tokens, AreTriedWithTheKeyTheyNameAndKeysWithoutAName) {
  const auto set_of = [](std::string_view member) {
    TokenOptions options;
    options.key_set = fmt::format(R"({{"keys":[{{"kty":"oct","k":"{}"{}}}]}})", base64url_encode(kSecret), member);
    return options;
  };
  const auto named = set_of(R"(,"kid":"a")");
  EXPECT_TRUE(verify(token_of("{}", kSecret, hs256, "JWT", "a"), named));
  EXPECT_TRUE(verify(token_of("{}", kSecret, hs256), named)) << "a token need not name its key";
  expect_refused(verify(token_of("{}", kSecret, hs256, "JWT", "b"), named), "the key it names isn't there");
  EXPECT_TRUE(verify(token_of("{}", kSecret, hs256, "JWT", "b"), set_of("")));
  expect_refused(verify(token_of("{}", kSecret, hs256), set_of(R"(,"alg":"HS512")")), "the set restricts the key");
}

TEST(Tokens, OfPublishersAndSubscribersAreSignedWithDifferentKeysWhereThereAreTwo) {
  auto options = with_secret();
  options.subscriber_key = std::string(40, 's');
  const auto of_publisher = token_of("{}");
  const auto of_subscriber = token_of("{}", options.subscriber_key);
  EXPECT_TRUE(verify(of_publisher, options, TokenRole::publisher));
  EXPECT_TRUE(verify(of_subscriber, options, TokenRole::subscriber));
  expect_refused(verify(of_publisher, options, TokenRole::subscriber), "the publisher's");
  expect_refused(verify(of_subscriber, options, TokenRole::publisher), "the subscriber's");
  options.key.clear();
  expect_refused(verify(of_publisher, options, TokenRole::publisher), "nobody may publish");
}

TEST(Tokens, AreVerifiedWithTheKeysOfTheirOwnIssuer) {
  const auto pair = make_key_pair("EC", "P-256");
  TokenOptions options = with_secret();
  options.subscriber_key = pair.public_pem;
  options.issuer = "a";
  options.key_set = fmt::format(R"({{"keys":[{{"kty":"oct","k":"{}"}}]}})",
                                "YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlci1pc3N1ZXItb2YtdG9rZW5z");
  options.key_set_issuer = "b";
  const std::string other = "another-secret-of-another-issuer-of-tokens";
  EXPECT_TRUE(verify(token_of(R"({"iss":"a"})", pair.private_pem, es256), options));
  EXPECT_TRUE(verify(token_of(R"({"iss":"b"})", other), options));
  expect_refused(verify(token_of(R"({"iss":"b"})", pair.private_pem, es256), options), "a's key for b's token");
  expect_refused(verify(token_of(R"({"iss":"a"})", other), options), "b's key for a's token");
  for (const char* claims : {"{}", R"({"iss":"c"})", R"({"iss":1})", R"({"iss":""})"}) {
    expect_refused(verify(token_of(claims, other), options), claims);
  }
  options.issuer.clear();
  EXPECT_TRUE(verify(token_of("{}", pair.private_pem, es256), options)) << "keys of no issuer in particular";
  expect_refused(verify(token_of(R"({"iss":"b"})", pair.private_pem, es256), options),
                 "but not as somebody's who has keys");
}

TEST(Tokens, MustNameTheAudienceThatIsConfigured) {
  auto options = with_secret();
  options.audience = "https://api.example";
  EXPECT_TRUE(verify(token_of(R"({"aud":["x","https://api.example"]})"), options));
  expect_refused(verify(token_of("{}"), options), "none");
  expect_refused(verify(token_of(R"({"aud":"https://api.example/"})"), options), "another");
}

TEST(Tokens, TheFirstDetailThatMatchesASubscriptionGivesItsPayload) {
  const auto token = verify(access_token(modern(
      "[]",
      R"(,"authorization_details":[)"
      R"({"type":"https://mercure.rocks/authorization-detail","actions":["publish"],"topics":[{"match":"*"}],"payload":{"n":0}},)"
      R"({"type":"https://mercure.rocks/authorization-detail","actions":["subscribe"],"topics":[{"match":"a"}],"payload":{"n":1}},)"
      R"({"type":"https://mercure.rocks/authorization-detail","actions":["subscribe"],"topics":[{"match":"b"}]},)"
      R"({"type":"https://mercure.rocks/authorization-detail","actions":["subscribe"],"topics":[{"match":"*"}],"payload":{"n":3}}])")));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_EQ(token->grants.payload_for("a"), R"({"n":1})");
  EXPECT_EQ(token->grants.payload_for("b"), std::nullopt) << "it matches first, and has none";
  EXPECT_EQ(token->grants.payload_for("c"), R"({"n":3})");
}

}  // namespace
}  // namespace inkwell::server
