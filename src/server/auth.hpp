// Authenticator: from a request's credentials to its Identity. Holds digests of keys only. Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>

#include "server/http.hpp"
#include "server/identity.hpp"

namespace inkwell::server {

/// SHA-256 of a key. Fit for keys of high entropy, such as `inkwell key new` makes, not for passwords.
using KeyDigest = std::array<unsigned char, 32>;
KeyDigest key_digest_of(std::string_view key);

/// A key that opens the server, and for whom.
struct ApiKeyOptions {
  KeyDigest digest{};
  std::string tenant;
};

class Authenticator {
 public:
  /// `key`, unless empty, opens `tenant`, as do `keys` theirs. With none of them there is no authentication: every
  /// request is `tenant`'s.
  Authenticator(std::string_view key, std::string tenant, const std::vector<ApiKeyOptions>& keys = {});

  bool required() const noexcept { return !keys_.empty(); }
  /// From "Authorization: Bearer KEY" and, where a caller speaks for one of its users, "Inkwell-Owner: USER" (1 to 256
  /// bytes of UTF-8 without controls). Takes about the same time for every wrong key: keys are found by their digests,
  /// which a caller cannot choose, and compared in constant time.
  Result<Identity> identify(const HttpRequest& request) const;

 private:
  Result<std::string> tenant_of(const HttpRequest& request) const;

  std::string tenant_;
  std::unordered_multimap<std::uint64_t, ApiKeyOptions> keys_;  ///< by the first bytes of their digests
};

}  // namespace inkwell::server
