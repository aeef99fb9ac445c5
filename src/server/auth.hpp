// Authenticator: from a request's credentials to its Identity. Holds digests of keys, and the keys that tokens are
// verified with, which are public ones or wiped when they go. Immutable; any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>

#include "server/access.hpp"
#include "server/http.hpp"
#include "server/identity.hpp"
#include "server/origins.hpp"

namespace inkwell::server {

class TokenVerifier;

/// SHA-256 of a key. Fit for keys of high entropy, such as `inkwell key new` makes, not for passwords.
using KeyDigest = std::array<unsigned char, 32>;
KeyDigest key_digest_of(std::string_view key);

/// A key that opens the server, and for whom.
struct ApiKeyOptions {
  KeyDigest digest{};
  std::string tenant;
};

/// Tokens (JWT), where the server takes them.
struct TokenAuthOptions {
  std::shared_ptr<const TokenVerifier> verifier;  ///< null: none are taken
  std::string cookie = "__Secure-mercure_access_token";
  OriginList publish_origins;  ///< pages that may publish by cookie
  bool anonymous = false;      ///< public events are shown to who has no credentials
  std::string public_url;      ///< the server's origin, as clients know it; empty: as each request's Host says
};

class Authenticator {
 public:
  /// `key`, unless empty, opens `tenant`, as do `keys` theirs; tokens are for `tenant`. With neither keys nor tokens
  /// there is no authentication: every request is `tenant`'s, of nobody known.
  Authenticator(std::string_view key, std::string tenant, const std::vector<ApiKeyOptions>& keys = {},
                TokenAuthOptions tokens = {});

  bool required() const noexcept { return !keys_.empty() || tokens_.verifier; }
  const TokenAuthOptions& tokens() const noexcept { return tokens_; }

  /// From "Authorization: Bearer KEY" and, where a caller speaks for one of its users, "Inkwell-Owner: USER" (1 to 256
  /// bytes of UTF-8 without controls). Takes about the same time for every wrong key: keys are found by their digests,
  /// which a caller cannot choose, and compared in constant time.
  /// On routes of Access::topics also from a token, as a bearer or in a cookie, and perhaps from nothing. The error
  /// token_key_unknown says that the keys may have changed meanwhile (TokenVerifier::remote).
  Result<Identity> identify(const HttpRequest& request, Access access = Access::authenticated) const;

  /// The hub's URL as this client knows it.
  std::string hub_url(const HttpRequest& request) const;

 private:
  using Now = std::chrono::system_clock::time_point;
  Result<Identity> known(const HttpRequest& request, Access access) const;
  Result<Identity> from_bearer(const HttpRequest& request, Access access, std::string_view token) const;
  Result<Identity> from_token(const HttpRequest& request, std::string_view token) const;
  /// Nothing when there is no cookie that counts.
  std::optional<Result<Identity>> from_cookie(const HttpRequest& request) const;
  const std::string* tenant_of_key(std::string_view key) const;

  std::string tenant_;
  std::unordered_multimap<std::uint64_t, ApiKeyOptions> keys_;  ///< by the first bytes of their digests
  TokenAuthOptions tokens_;
};

/// Where the metadata of the hub at `hub_url` is (RFC 9728 section 3.1).
std::string metadata_url(std::string_view hub_url);

}  // namespace inkwell::server
