// A token from its first byte to what it grants. The input is a header and claims, each in a line, and a signature's
// bytes: as they are they make a token that must be refused, because nobody signed it; the same claims signed with the
// server's key are taken or refused, but never grant what they don't name. The claims are a JWK Set and a cookie as
// well.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/jwt/base64url.hpp"
#include "server/jwt/jws.hpp"
#include "server/jwt/key_set.hpp"
#include "server/jwt/signing_key.hpp"
#include "server/jwt/token_verifier.hpp"

using namespace inkwell;

namespace {

constexpr const char* kSecret = "a-secret-that-only-the-fuzzer-knows-and-that-is-long-enough";
constexpr std::string_view kHub = "https://hub.example/.well-known/mercure";
const std::chrono::system_clock::time_point kNow{std::chrono::seconds(1'800'000'000)};

const server::TokenVerifier& verifier() {
  static const server::TokenVerifier made =
      server::TokenVerifier::make({.key = kSecret, .algorithms = {"HS256", "ES256", "RS256", "EdDSA"}}).value();
  return made;
}

const server::SigningKey& signing_key() {
  static const server::SigningKey made = server::SigningKey::from_text(kSecret).value();
  return made;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void check(bool good) {
  if (!good) std::abort();
}

void verify_both_roles(const std::string& token, bool ours) {
  for (const auto role : {server::TokenRole::publisher, server::TokenRole::subscriber}) {
    const auto verified = verifier().verify(token, role, kHub, kNow);
    if (!verified) {
      check(verified.error().kind() == ErrorKind::unauthenticated && !verified.error().message().empty());
      continue;
    }
    check(ours);
    const auto& grants = verified->grants;
    if (verified->expires_at) check(*verified->expires_at + std::chrono::seconds(5) > kNow);
    if (grants.form() == server::Grants::Form::details) check(verified->expires_at.has_value());
    if (grants.form() == server::Grants::Form::none) check(!grants.may_publish("t") && !grants.may_read("t"));
    check(grants.readable().size() <= server::Grants::kMaxMatchers);
    (void)grants.payload_for("t");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  (void)server::parse_jws(rest);
  verify_both_roles(std::string(rest), false);
  const auto decoded = server::base64url_decode(rest);
  if (decoded) check(server::base64url_encode(*decoded) == rest);

  const auto header = take_line(rest);
  const auto claims = take_line(rest);
  using server::base64url_encode;
  const std::string forged = base64url_encode(header) + "." + base64url_encode(claims) + "." + base64url_encode(rest);
  const auto jws = server::parse_jws(forged);
  if (jws) check(jws->payload == claims && jws->signature == rest && jws->signed_text.size() < forged.size());
  verify_both_roles(forged, false);
  const auto algorithm = server::JwtAlgorithm::hs256;
  for (const std::string_view type : {"JWT", "at+jwt"}) {
    verify_both_roles(signing_key().sign(algorithm, type, claims).value(), true);
  }
  for (const auto secrets : {server::SharedSecrets::refused, server::SharedSecrets::allowed}) {
    const auto keys = server::parse_key_set(claims, secrets);
    if (!keys) continue;
    check(keys->size() <= server::kMaxKeysOfASet);
    for (const auto& key : *keys) {
      check(!key.algorithms().empty());
      check(secrets == server::SharedSecrets::allowed || !key.algorithms().has_shared_secret());
      if (jws) (void)key.verify(jws->algorithm, jws->signed_text, jws->signature);
    }
  }
  return 0;
}
