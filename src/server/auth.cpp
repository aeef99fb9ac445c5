#include "server/auth.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <cstring>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <optional>

namespace inkwell::server {
namespace {

constexpr std::size_t kMaxOwnerBytes = 256;

/// The token of "Bearer TOKEN"; the scheme's case doesn't matter (RFC 9110 section 11.1).
std::optional<std::string_view> bearer_token(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size() || !boost::beast::iequals(value.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  value.remove_prefix(value.find_first_not_of(' ', kScheme.size() - 1));
  return value;
}

std::uint64_t start_of(const KeyDigest& digest) {
  std::uint64_t start = 0;
  std::memcpy(&start, digest.data(), sizeof start);
  return start;
}

Result<std::string> owner_of(const HttpRequest& request) {
  const auto header = request.header("Inkwell-Owner");
  if (!header) return std::string();
  const bool sane = std::ranges::none_of(*header, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (header->empty() || header->size() > kMaxOwnerBytes || !sane) {
    return fail(ErrorKind::invalid_argument, "invalid_owner",
                "An Inkwell-Owner must have 1 to 256 bytes and no control characters.");
  }
  return std::string(*header);
}

}  // namespace

KeyDigest key_digest_of(std::string_view key) {
  KeyDigest digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

Authenticator::Authenticator(std::string_view key, std::string tenant, const std::vector<ApiKeyOptions>& keys)
    : tenant_(std::move(tenant)) {
  for (const auto& one : keys) keys_.emplace(start_of(one.digest), one);
  if (key.empty()) return;
  const KeyDigest digest = key_digest_of(key);
  keys_.emplace(start_of(digest), ApiKeyOptions{.digest = digest, .tenant = tenant_});
}

Result<std::string> Authenticator::tenant_of(const HttpRequest& request) const {
  if (!required()) return tenant_;
  const auto header = request.header("Authorization");
  const auto token = header ? bearer_token(*header) : std::nullopt;
  if (!token) {
    return fail(ErrorKind::unauthenticated, "missing_api_key", "This server needs an API key.",
                "Send it as 'Authorization: Bearer YOUR_KEY'.");
  }
  const KeyDigest digest = key_digest_of(*token);
  const auto [first, last] = keys_.equal_range(start_of(digest));
  for (auto key = first; key != last; ++key) {
    if (::CRYPTO_memcmp(digest.data(), key->second.digest.data(), digest.size()) == 0) return key->second.tenant;
  }
  return fail(ErrorKind::unauthenticated, "invalid_api_key", "The API key is not one this server was started with.");
}

Result<Identity> Authenticator::identify(const HttpRequest& request) const {
  auto tenant = tenant_of(request);
  if (!tenant) return std::unexpected(std::move(tenant.error()));
  auto owner = owner_of(request);
  if (!owner) return std::unexpected(std::move(owner.error()));
  Identity identity;
  identity.tenant = std::move(*tenant);
  identity.owner = std::move(*owner);
  return identity;
}

}  // namespace inkwell::server
