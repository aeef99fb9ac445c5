#include "server/jwt/jws.hpp"

#include <algorithm>

#include "server/json.hpp"
#include "server/jwt/base64url.hpp"

namespace inkwell::server {
namespace {

bool is_base64url(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// A member that must be a string where it is there at all.
bool read_text(const json::object& header, std::string_view name, std::string& out) {
  const auto* value = header.if_contains(name);
  if (!value) return true;
  const auto* text = value->if_string();
  if (text) out.assign(text->data(), text->size());
  return text != nullptr;
}

}  // namespace

bool looks_like_jws(std::string_view text) noexcept {
  return std::ranges::count(text, '.') == 2 &&
         std::ranges::all_of(text, [](char c) { return c == '.' || is_base64url(c); });
}

std::optional<Jws> parse_jws(std::string_view token) {
  if (token.size() > kMaxTokenBytes || !looks_like_jws(token)) return std::nullopt;
  const auto first = token.find('.');
  const auto second = token.rfind('.');
  const auto header_text = base64url_decode(token.substr(0, first));
  auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header_text || !payload || !signature) return std::nullopt;
  const auto header = parse_json(*header_text);
  const auto* members = header ? header->if_object() : nullptr;
  if (!members || members->contains("crit")) return std::nullopt;
  Jws jws;
  std::string algorithm;
  if (!read_text(*members, "alg", algorithm) || !read_text(*members, "typ", jws.type) ||
      !read_text(*members, "kid", jws.key_id)) {
    return std::nullopt;
  }
  const auto known = parse_jwt_algorithm(algorithm);
  if (!known) return std::nullopt;
  jws.algorithm = *known;
  jws.payload = std::move(*payload);
  jws.signature = std::move(*signature);
  jws.signed_text = token.substr(0, second);
  return jws;
}

}  // namespace inkwell::server
