// A server that takes tokens, for tests over HTTP.
#pragma once

#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>

#include "integration/server/http_server.hpp"
#include "server/jwt/token_verifier.hpp"
#include "support/redis_server.hpp"
#include "support/sse_client.hpp"
#include "unit/server/token_keys.hpp"

namespace inkwell::server {

class TokenServerTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kPublicUrl = "https://hub.example";

  static Options options_for(const test::RedisServer& redis) {
    auto options = test_options();
    options.redis.endpoint = redis.endpoint();
    return options;
  }

  /// By default with the tests' shared secret.
  Options with_tokens(TokenOptions tokens = {.key = std::string(kSecret)}) const {
    auto options = options_for(redis);
    options.tokens.verifier = std::make_shared<const TokenVerifier>(TokenVerifier::make(tokens).value());
    options.tokens.public_url = std::string(kPublicUrl);
    return options;
  }

  /// A header line with a token of these claims.
  static std::string bearer(std::string_view claims, std::string_view type = "JWT") {
    return "Authorization: Bearer " + token_of(claims, kSecret, JwtAlgorithm::hs256, type) + "\r\n";
  }

  static std::int64_t in_seconds(int seconds) {
    const auto at = std::chrono::system_clock::now() + std::chrono::seconds(seconds);
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  }

  /// The claims of an access token that lets publish to and subscribe to one topic.
  static std::string modern_claims(std::string_view topic, std::string_view more = {}) {
    return fmt::format(
        R"({{"iss":"https://issuer.example","aud":"{}/.well-known/mercure","exp":{},"authorization_details":)"
        R"([{{"type":"https://mercure.rocks/authorization-detail","actions":["subscribe","publish"],"topics":)"
        R"([{{"match":"{}"}}]}}]{}}})",
        kPublicUrl, in_seconds(600), topic, more);
  }

  test::RedisServer redis;
};

}  // namespace inkwell::server
