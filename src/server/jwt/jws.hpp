// A token in JWS compact form (RFC 7515 section 7.1), taken apart but not yet believed. Pure; fuzzed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/jwt/algorithm.hpp"

namespace inkwell::server {

inline constexpr std::size_t kMaxTokenBytes = 16U << 10;

struct Jws {
  JwtAlgorithm algorithm{};
  std::string type;     ///< "typ" of the header, as it is there
  std::string key_id;   ///< "kid"; empty when there is none
  std::string payload;  ///< JSON, if the token is one
  std::string signature;
  std::string_view signed_text;  ///< a view of the token
};

/// Whether `text` has the outward form of a token: three parts of base64url characters.
bool looks_like_jws(std::string_view text) noexcept;

/// Nothing for whatever is no token that could be verified: an algorithm not known here ("none" is not), critical
/// extensions (none are known), a header that is no JSON object.
std::optional<Jws> parse_jws(std::string_view token);

}  // namespace inkwell::server
