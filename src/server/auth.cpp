#include "server/auth.hpp"

#include <boost/beast/core/string.hpp>
#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace inkwell::server {
namespace {

/// The token of "Bearer TOKEN"; the scheme's case doesn't matter (RFC 9110 section 11.1).
std::optional<std::string_view> bearer_token(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size() || !boost::beast::iequals(value.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  value.remove_prefix(value.find_first_not_of(' ', kScheme.size() - 1));
  return value;
}

}  // namespace

ApiKey::ApiKey(std::string_view key) : required_(!key.empty()), digest_(digest_of(key)) {}

ApiKey::Digest ApiKey::digest_of(std::string_view text) {
  Digest digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

std::optional<Error> ApiKey::refuse(const HttpRequest& request) const {
  if (!required_) return std::nullopt;
  const auto header = request.header("Authorization");
  const auto token = header ? bearer_token(*header) : std::nullopt;
  if (!token) {
    return Error(ErrorKind::unauthenticated, "missing_api_key", "This server needs an API key.",
                 "Send it as 'Authorization: Bearer YOUR_KEY'.");
  }
  const Digest digest = digest_of(*token);
  if (::CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0) return std::nullopt;
  return Error(ErrorKind::unauthenticated, "invalid_api_key",
               "The API key is not the one this server was started with.");
}

}  // namespace inkwell::server
