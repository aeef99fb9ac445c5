#include "server/jwt/token_verifier.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <cmath>
#include <fmt/format.h>

#include "server/jwt/key_set.hpp"
#include "server/jwt/remote_keys.hpp"

namespace inkwell::server {
namespace {

using Time = std::chrono::system_clock::time_point;

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorKind::unauthenticated, "invalid_token", std::move(message));
}
std::unexpected<Error> invalid() { return invalid("The token is not one this server accepts."); }

/// A NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction, within what a clock can say.
std::optional<Time> time_of(const json::value& value) {
  constexpr double kLatest = 9'000'000'000.0;  // the year 2255; system_clock ends soon after
  const double seconds = value.is_number() ? value.to_number<double>() : std::nan("");
  if (!(seconds >= 0)) return std::nullopt;
  return Time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min(seconds, kLatest) * 1000)));
}

std::string_view text_of(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

/// at+jwt, whose case and "application/" don't matter (RFC 9068 section 4).
bool is_access_token(std::string_view type) {
  constexpr std::string_view kMedia = "application/";
  if (type.size() > kMedia.size() && boost::beast::iequals(type.substr(0, kMedia.size()), kMedia)) {
    type.remove_prefix(kMedia.size());
  }
  return boost::beast::iequals(type, "at+jwt");
}

bool names_audience(const json::object& claims, std::string_view audience) {
  const auto* value = claims.if_contains("aud");
  if (!value) return false;
  const auto is_it = [&](const json::value& one) {
    const auto* text = one.if_string();
    return text && std::string_view(text->data(), text->size()) == audience;
  };
  const auto* list = value->if_array();
  return list ? std::ranges::any_of(*list, is_it) : is_it(*value);
}

/// Behind a proxy that ends TLS the scheme the client saw isn't known: the host decides.
bool names_hub(const json::object& claims, std::string_view hub) {
  const auto rest = hub.substr(std::min(hub.find("://"), hub.size()));
  return names_audience(claims, fmt::format("https{}", rest)) || names_audience(claims, fmt::format("http{}", rest));
}

/// A claim that must be a time where it is there at all.
Result<std::optional<Time>> optional_time(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  if (!value) return std::nullopt;
  const auto time = time_of(*value);
  if (!time) return invalid();
  return time;
}

}  // namespace

Result<TokenVerifier> TokenVerifier::make(const TokenOptions& options) {
  TokenVerifier verifier;
  verifier.audience_ = options.audience;
  verifier.leeway_ = options.leeway;
  for (const auto& name : options.algorithms) {
    const auto algorithm = parse_jwt_algorithm(name);
    if (!algorithm) {
      return fail(ErrorKind::invalid_argument, "bad_value", fmt::format("There is no signature algorithm {}.", name),
                  "Known are HS256, RS256, PS256, ES256 (each also with 384 and 512) and EdDSA.");
    }
    verifier.algorithms_.add(*algorithm);
  }
  if (options.algorithms.empty()) verifier.algorithms_ = JwtAlgorithmSet::all();
  const auto add_key = [&](const std::string& text, bool publishers, bool subscribers) -> Result<void> {
    if (text.empty()) return {};
    auto key = VerificationKey::from_text(text);
    if (!key) return std::unexpected(key.error());
    Source source{.issuer = options.issuer, .publishers = publishers, .subscribers = subscribers, .keys = {}};
    source.keys = std::make_shared<const Keys>(Keys{std::move(*key)});
    verifier.sources_.push_back(std::move(source));
    return {};
  };
  if (auto good = add_key(options.key, true, options.subscriber_key.empty()); !good) {
    return std::unexpected(good.error());
  }
  if (auto good = add_key(options.subscriber_key, false, true); !good) return std::unexpected(good.error());
  if (!options.key_set.empty()) {
    auto keys = parse_key_set(options.key_set, SharedSecrets::allowed);
    if (!keys) return std::unexpected(keys.error());
    Source source{.issuer = options.key_set_issuer, .keys = std::make_shared<const Keys>(std::move(*keys))};
    verifier.sources_.push_back(std::move(source));
  }
  if (!options.key_set_url.empty()) {
    verifier.remote_ = std::make_shared<RemoteKeys>(options.key_set_url);
    verifier.sources_.push_back({.issuer = options.key_set_issuer, .keys = nullptr});
  }
  return verifier;
}

std::vector<std::string> TokenVerifier::issuers() const {
  std::vector<std::string> out;
  for (const auto& source : sources_) {
    if (!source.issuer.empty() && std::ranges::find(out, source.issuer) == out.end()) out.push_back(source.issuer);
  }
  return out;
}

bool TokenVerifier::trusted(std::string_view issuer) const {
  return std::ranges::any_of(sources_, [&](const Source& source) { return source.issuer == issuer; });
}

TokenVerifier::Signature TokenVerifier::check(const Jws& jws, std::string_view issuer, TokenRole role) const {
  if (!algorithms_.has(jws.algorithm)) return Signature::bad;
  // Keys bound to no issuer may speak for any, but for one that has keys of its own.
  const std::string_view bound = !issuer.empty() && trusted(issuer) ? issuer : std::string_view();
  bool remote_asked = false;
  for (const auto& source : sources_) {
    const bool for_role = role == TokenRole::publisher ? source.publishers : source.subscribers;
    if (!for_role || source.issuer != bound) continue;
    const auto keys = source.keys ? source.keys : remote_->current();
    bool named = false;
    for (const auto& key : *keys) {
      if (!jws.key_id.empty() && !key.id().empty() && key.id() != jws.key_id) continue;
      named = true;
      if (key.verify(jws.algorithm, jws.signed_text, jws.signature)) return Signature::good;
    }
    remote_asked = remote_asked || (!source.keys && !named);
  }
  return remote_asked ? Signature::unknown_key : Signature::bad;
}

Result<Token> TokenVerifier::verify(std::string_view text, TokenRole role, std::string_view hub, Time now) const {
  const auto jws = parse_jws(text);
  if (!jws) return invalid();
  const auto payload = parse_json(jws->payload);
  const auto* claims = payload ? payload->if_object() : nullptr;
  if (!claims) return invalid();
  const auto issuer = text_of(*claims, "iss");
  const auto signature = check(*jws, issuer, role);
  if (signature == Signature::unknown_key) {
    return fail(ErrorKind::unauthenticated, "token_key_unknown", "The token is not one this server accepts.");
  }
  if (signature == Signature::bad) return invalid();

  // From here on the token is its issuer's; reasons may be told.
  const auto expires = optional_time(*claims, "exp");
  const auto begins = optional_time(*claims, "nbf");
  if (!expires || !begins) return invalid("A time of the token is no number of seconds.");
  if (*expires && now >= **expires + leeway_) return invalid("The token has expired.");
  if (*begins && now + leeway_ < **begins) return invalid("The token is not valid yet.");
  auto grants = Grants::from_claims(*claims);
  if (!grants) return std::unexpected(grants.error());
  if (grants->form() == Grants::Form::details) {
    if (!is_access_token(jws->type))
      return invalid("The token's header doesn't say that it is an access token, at+jwt.");
    if (!*expires) return invalid("The token has no `exp`.");
    if (issuer.empty()) return invalid("The token has no `iss`.");
    if (audience_.empty() && !names_hub(*claims, hub)) return invalid("The token's `aud` is not this hub.");
  }
  if (!audience_.empty() && !names_audience(*claims, audience_))
    return invalid("The token's `aud` is not this server.");
  return Token{.grants = std::move(*grants), .subject = std::string(text_of(*claims, "sub")), .expires_at = *expires};
}

}  // namespace inkwell::server
