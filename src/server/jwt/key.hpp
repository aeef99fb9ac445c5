// VerificationKey: one key that tokens are verified with, and the algorithms it may be used with. The key's own type
// decides those, never the token: a public key cannot be taken for a secret. Copies share the key material. Immutable
// but for restrict() and name() before it is used; verify() is safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

#include "server/jwt/algorithm.hpp"

struct evp_pkey_st;

namespace inkwell::server {

class VerificationKey {
 public:
  /// A shared secret of at least 32 bytes, for HMAC with hashes no longer than it (RFC 7518 section 3.2).
  static Result<VerificationKey> from_secret(std::string_view secret);
  /// A public key or a certificate in PEM: RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519.
  static Result<VerificationKey> from_pem(std::string_view pem);
  /// Either: what holds "-----BEGIN" is PEM, and never a secret.
  static Result<VerificationKey> from_text(std::string_view text);
  /// A public key of OpenSSL's, whose reference it takes over.
  static Result<VerificationKey> from_public(evp_pkey_st* key);

  /// Whether `signature` is one of `text` by this key. False for an algorithm that isn't among algorithms().
  bool verify(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const;

  JwtAlgorithmSet algorithms() const noexcept { return algorithms_; }
  void restrict(JwtAlgorithmSet to) noexcept { algorithms_ = algorithms_ & to; }

  /// By which a token's "kid" names it; empty: it has none, and is tried whatever a token names.
  const std::string& id() const noexcept { return id_; }
  void name(std::string id) { id_ = std::move(id); }

 private:
  VerificationKey() = default;
  bool verify_public(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const;

  std::shared_ptr<const std::string> secret_;  ///< wiped when the last copy goes
  std::shared_ptr<evp_pkey_st> public_;
  JwtAlgorithmSet algorithms_;
  std::string id_;
};

}  // namespace inkwell::server
