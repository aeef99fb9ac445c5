#include "server/auth.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <cstring>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <optional>

#include "server/cookie.hpp"
#include "server/jwt/token_verifier.hpp"

namespace inkwell::server {
namespace {

constexpr std::size_t kMaxOwnerBytes = 256;
/// The cookie of Mercure's 0.x form, for tokens of that form.
constexpr std::string_view kLegacyCookie = "mercureAuthorization";

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

/// Whether a page of a foreign origin could have made the browser send it, with a cookie, to change something.
bool changes_something(const HttpRequest& request) {
  return request.method != http::verb::get && request.method != http::verb::head &&
         request.method != http::verb::options && !request.is_query;
}

Identity identity_for(std::string tenant) {
  Identity identity;
  identity.tenant = std::move(tenant);
  return identity;
}

}  // namespace

KeyDigest key_digest_of(std::string_view key) {
  KeyDigest digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

std::string metadata_url(std::string_view hub_url) {
  const auto path = hub_url.find('/', std::min(hub_url.find("://") + 3, hub_url.size()));
  return fmt::format("{}/.well-known/oauth-protected-resource{}", hub_url.substr(0, path), hub_url.substr(path));
}

Authenticator::Authenticator(std::string_view key, std::string tenant, const std::vector<ApiKeyOptions>& keys,
                             TokenAuthOptions tokens)
    : tenant_(std::move(tenant)), tokens_(std::move(tokens)) {
  for (const auto& one : keys) keys_.emplace(start_of(one.digest), one);
  if (key.empty()) return;
  const KeyDigest digest = key_digest_of(key);
  keys_.emplace(start_of(digest), ApiKeyOptions{.digest = digest, .tenant = tenant_});
}

const std::string* Authenticator::tenant_of_key(std::string_view key) const {
  const KeyDigest digest = key_digest_of(key);
  const auto [first, last] = keys_.equal_range(start_of(digest));
  for (auto one = first; one != last; ++one) {
    if (::CRYPTO_memcmp(digest.data(), one->second.digest.data(), digest.size()) == 0) return &one->second.tenant;
  }
  return nullptr;
}

std::string Authenticator::hub_url(const HttpRequest& request) const {
  constexpr std::string_view kPath = "/.well-known/mercure";
  if (!tokens_.public_url.empty()) return tokens_.public_url + std::string(kPath);
  return fmt::format("http://{}{}", request.header("Host").value_or("localhost"), kPath);
}

Result<Identity> Authenticator::from_token(const HttpRequest& request, std::string_view text) const {
  const auto role = request.method == http::verb::post ? TokenRole::publisher : TokenRole::subscriber;
  auto token = tokens_.verifier->verify(text, role, hub_url(request), std::chrono::system_clock::now());
  if (!token) return std::unexpected(std::move(token.error()));
  Identity identity = identity_for(tenant_);
  identity.owner = std::move(token->subject);
  identity.grants = std::make_shared<const Grants>(std::move(token->grants));
  identity.expires_at = token->expires_at;
  return identity;
}

Result<Identity> Authenticator::from_bearer(const HttpRequest& request, Access access, std::string_view token) const {
  if (const auto* tenant = tenant_of_key(token)) return identity_for(*tenant);
  const bool is_token = tokens_.verifier && (keys_.empty() || looks_like_jws(token));
  if (!is_token) {
    return fail(ErrorKind::unauthenticated, "invalid_api_key", "The API key is not one this server was started with.");
  }
  if (access == Access::topics) return from_token(request, token);
  return fail(ErrorKind::permission_denied, "token_not_for_this", "Tokens are for events; this path needs an API key.");
}

std::optional<Result<Identity>> Authenticator::from_cookie(const HttpRequest& request) const {
  auto value = cookie_of(request, tokens_.cookie);
  const bool legacy = !value;
  if (!value) value = cookie_of(request, kLegacyCookie);
  if (!value) return std::nullopt;
  if (changes_something(request)) {
    auto origin = request.header("Origin").value_or("");
    if (origin.empty()) origin = origin_of_url(request.header("Referer").value_or(""));
    if (!tokens_.publish_origins.has(origin)) {
      return fail(ErrorKind::permission_denied, "origin_not_allowed",
                  "Pages of this origin may not publish with a cookie.",
                  "Name the origin in auth.jwt.publish_origins, or send the token as a bearer.");
    }
  }
  auto identity = from_token(request, *value);
  if (identity && legacy && identity->grants->form() == Grants::Form::details) return std::nullopt;
  return identity;
}

Result<Identity> Authenticator::known(const HttpRequest& request, Access access) const {
  if (!required()) {
    Identity identity = identity_for(tenant_);
    identity.anonymous = true;
    return identity;
  }
  const bool tokens_count = access == Access::topics && tokens_.verifier;
  const auto header = request.header("Authorization");
  const auto token = header ? bearer_token(*header) : std::nullopt;
  if (tokens_count && header && (!token || request.headers.count(http::field::authorization) > 1)) {
    return fail(ErrorKind::invalid_argument, "invalid_authorization",
                "There must be one Authorization header, of the form 'Bearer TOKEN'.");
  }
  if (token) return from_bearer(request, access, *token);
  if (tokens_count) {
    if (auto identity = from_cookie(request)) return std::move(*identity);
    if (tokens_.anonymous && !changes_something(request)) {
      Identity identity = identity_for(tenant_);
      identity.grants = std::make_shared<const Grants>();
      identity.anonymous = true;
      return identity;
    }
  }
  return fail(ErrorKind::unauthenticated, "missing_api_key", "This server needs an API key.",
              "Send it as 'Authorization: Bearer YOUR_KEY'.");
}

Result<Identity> Authenticator::identify(const HttpRequest& request, Access access) const {
  auto identity = known(request, access);
  if (!identity || (identity->grants && !identity->anonymous)) return identity;  // a token's subject is its owner
  auto owner = owner_of(request);
  if (!owner) return std::unexpected(std::move(owner.error()));
  identity->owner = std::move(*owner);
  return identity;
}

}  // namespace inkwell::server
