// SigningKey: makes tokens, for `inkwell token mint` and for tests. The server itself signs nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

#include "server/jwt/algorithm.hpp"

struct evp_pkey_st;

namespace inkwell::server {

class SigningKey {
 public:
  /// A secret of at least 32 bytes, or a private key in PEM, of the kinds VerificationKey takes.
  static Result<SigningKey> from_text(std::string_view text);

  JwtAlgorithmSet algorithms() const noexcept { return algorithms_; }
  /// The first of them in the order of JwtAlgorithm.
  JwtAlgorithm preferred() const noexcept;

  /// A token in compact form with these claims, a JSON object; `type` is its header's "typ", `key_id`, unless empty,
  /// its "kid". Refused: an algorithm the key isn't fit for.
  Result<std::string> sign(JwtAlgorithm algorithm, std::string_view type, std::string_view claims,
                           std::string_view key_id = {}) const;

 private:
  SigningKey() = default;
  std::string signature_of(JwtAlgorithm algorithm, std::string_view text) const;

  std::string secret_;
  std::shared_ptr<evp_pkey_st> private_;
  JwtAlgorithmSet algorithms_;
};

}  // namespace inkwell::server
