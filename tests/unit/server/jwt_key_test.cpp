// Keys and signatures of tokens: each algorithm with a key of its own, and every way to confuse them.
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <openssl/hmac.h>

#include "server/jwt/base64url.hpp"
#include "server/jwt/jws.hpp"
#include "server/jwt/key.hpp"
#include "server/jwt/key_set.hpp"
#include "server/jwt/openssl.hpp"
#include "unit/server/token_keys.hpp"

namespace inkwell::server {
namespace {

using enum JwtAlgorithm;

const KeyPair& pair_for(JwtAlgorithm algorithm) {
  static std::map<std::string, KeyPair> made;
  const auto name = name_of(algorithm);
  const char* curve = algorithm == es256 ? "P-256" : algorithm == es384 ? "P-384" : "P-521";
  const std::string kind = algorithm == eddsa ? "ED25519" : name.starts_with("ES") ? "EC" : "RSA";
  auto& pair = made[kind + (kind == "EC" ? curve : "")];
  if (pair.private_pem.empty()) pair = make_key_pair(kind, curve);
  return pair;
}

std::string private_for(JwtAlgorithm algorithm) {
  return name_of(algorithm).starts_with("HS") ? std::string(kSecret) : pair_for(algorithm).private_pem;
}
std::string public_for(JwtAlgorithm algorithm) {
  return name_of(algorithm).starts_with("HS") ? std::string(kSecret) : pair_for(algorithm).public_pem;
}

bool verifies(const VerificationKey& key, const std::string& token) {
  const auto jws = parse_jws(token);
  return jws && key.verify(jws->algorithm, jws->signed_text, jws->signature);
}

TEST(Base64Url, HasOneSpellingForEachText) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xFF\xFE\xFD"}) {
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
  EXPECT_EQ(base64url_encode("fo"), "Zm8");
  for (const char* wrong : {"Zm8=", "Zm9", "Z", "Zm 8", "Zm+8", "Zm/8", "Zm8\n"})
    EXPECT_FALSE(base64url_decode(wrong)) << wrong;
}

TEST(TokenKeys, VerifyTheirOwnAlgorithmsAndNoOthers) {
  for (const auto signing : jwt_algorithms()) {
    const auto token = token_of("{}", private_for(signing), signing);
    for (const auto keys : jwt_algorithms()) {
      const auto key = VerificationKey::from_text(public_for(keys));
      ASSERT_TRUE(key) << key.error().to_string();
      const bool same_key = public_for(keys) == public_for(signing);
      EXPECT_EQ(verifies(*key, token), same_key) << name_of(signing) << " with a key for " << name_of(keys);
    }
  }
}

TEST(TokenKeys, ARestrictedKeyVerifiesOnlyWhatItIsRestrictedTo) {
  auto key = VerificationKey::from_text(public_for(rs256));
  key->restrict({rs512});
  EXPECT_TRUE(verifies(*key, token_of("{}", private_for(rs512), rs512)));
  EXPECT_FALSE(verifies(*key, token_of("{}", private_for(rs256), rs256)));
}

TEST(TokenKeys, APublicKeyIsNeverASecret) {
  // The classic confusion: the public key, which everybody has, used as the secret of an HMAC.
  const auto& pem = pair_for(rs256).public_pem;
  const auto signed_text = base64url_encode(R"({"alg":"HS256","typ":"JWT"})") + "." + base64url_encode("{}");
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), pem.data(), static_cast<int>(pem.size()), openssl::bytes(signed_text), signed_text.size(),
         mac.data(), &size);
  const std::string token = signed_text + "." + base64url_encode({reinterpret_cast<const char*>(mac.data()), size});
  ASSERT_TRUE(parse_jws(token));
  EXPECT_FALSE(verifies(*VerificationKey::from_text(pem), token));
  EXPECT_FALSE(
      VerificationKey::from_text("-----BEGIN PUBLIC KEY----- but nothing that is one, however long it may be"));
}

TEST(TokenKeys, AnyFlippedBitOfATokenIsNoticed) {
  for (const auto algorithm : {hs256, rs256, ps256, es256, es512, eddsa}) {
    const auto key = VerificationKey::from_text(public_for(algorithm));
    const auto token = token_of(R"({"mercure":{}})", private_for(algorithm), algorithm);
    ASSERT_TRUE(verifies(*key, token));
    for (std::size_t i = 0; i < token.size(); i += 3) {
      std::string other = token;
      other[i] = static_cast<char>(other[i] ^ 1);
      EXPECT_FALSE(verifies(*key, other)) << name_of(algorithm) << " at " << i;
    }
    EXPECT_FALSE(verifies(*key, token.substr(0, token.rfind('.') + 1))) << "without its signature";
  }
}

TEST(TokenKeys, WeakOnesAreRefused) {
  EXPECT_FALSE(VerificationKey::from_text("a short secret"));
  EXPECT_FALSE(VerificationKey::from_text(""));
  EXPECT_FALSE(VerificationKey::from_text(make_key_pair("RSA", nullptr, 1024).public_pem));
  EXPECT_FALSE(VerificationKey::from_text(make_key_pair("X25519").public_pem));
  EXPECT_FALSE(VerificationKey::from_text(make_key_pair("EC", "secp256k1").public_pem));
  EXPECT_FALSE(VerificationKey::from_text(pair_for(rs256).private_pem)) << "the server has no need of it";
  const auto short_secret = VerificationKey::from_text(std::string(32, 's'));
  EXPECT_EQ(short_secret->algorithms(), (JwtAlgorithmSet{hs256})) << "a hash longer than the secret adds nothing";
}

TEST(Jws, IsRefusedUnlessItCouldBeVerified) {
  const auto made = [](std::string_view header, std::string_view payload = "{}") {
    return base64url_encode(header) + "." + base64url_encode(payload) + ".c2ln";
  };
  EXPECT_TRUE(parse_jws(made(R"({"alg":"HS256"})")));
  EXPECT_EQ(parse_jws(made(R"({"alg":"HS256","kid":"a","typ":"at+jwt"})"))->key_id, "a");
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"hs256"})", R"({"alg":""})", R"({"alg":1})", "{}", "[]", "",
        R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":"HS256","kid":1})", R"({"alg":"HS256")"}) {
    EXPECT_FALSE(parse_jws(made(header))) << header;
  }
  const auto good = made(R"({"alg":"HS256"})");
  for (const auto& wrong : {good + ".", good + "=", "." + good, good.substr(0, good.rfind('.')), " " + good,
                            std::string("a.b"), std::string(), std::string("..")}) {
    EXPECT_FALSE(parse_jws(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_jws(made(R"({"alg":"HS256"})", std::string(kMaxTokenBytes, 'x'))));
}

// RFC 7517 appendix A.1 and RFC 8037 appendix A.2: public keys as others spell them.
constexpr std::string_view kPublishedSet = R"({"keys":[
  {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
   "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
  {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
   "e":"AQAB","alg":"RS256","kid":"2011-04-29"},
  {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

TEST(KeySets, HoldTheKeysThatAreForSignatures) {
  const auto keys = parse_key_set(kPublishedSet, SharedSecrets::refused);
  ASSERT_TRUE(keys) << keys.error().to_string();
  ASSERT_EQ(keys->size(), 2U) << "the first is for encryption";
  EXPECT_EQ((*keys)[0].id(), "2011-04-29");
  EXPECT_EQ((*keys)[0].algorithms(), (JwtAlgorithmSet{rs256}));
  EXPECT_EQ((*keys)[1].algorithms(), (JwtAlgorithmSet{eddsa}));
  // RFC 8037 appendix A.4.
  EXPECT_TRUE((*keys)[1].verify(
      eddsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      *base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
}

TEST(KeySets, PassOverWhatTheyDoNotUnderstandAndTakeSecretsOnlyWhereTheyMay) {
  const std::string secret = base64url_encode(kSecret);
  const std::string set = fmt::format(
      R"({{"keys":[{{"kty":"oct","k":"{}","kid":"s"}},{{"kty":"PQ","x":"y"}},7,{{}},{{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}},)"
      R"({{"kty":"oct","k":"{}","key_ops":["sign"]}},{{"kty":"oct","k":"{}","alg":"RS256"}},{{"kty":"RSA","n":"AQAB","e":"AQAB"}}]}})",
      secret, secret, secret);
  EXPECT_EQ(parse_key_set(set, SharedSecrets::allowed)->size(), 1U);
  EXPECT_TRUE(parse_key_set(set, SharedSecrets::refused)->empty());
  for (const char* wrong : {"", "[]", "{}", R"({"keys":{}})", "x"})
    EXPECT_FALSE(parse_key_set(wrong, SharedSecrets::allowed)) << wrong;
}

}  // namespace
}  // namespace inkwell::server
