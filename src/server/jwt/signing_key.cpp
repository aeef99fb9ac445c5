#include "server/jwt/signing_key.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "server/json.hpp"
#include "server/jwt/base64url.hpp"
#include "server/jwt/key.hpp"
#include "server/jwt/openssl.hpp"

namespace inkwell::server {
namespace {

/// From OpenSSL's DER to r and s side by side (RFC 7518 section 3.4).
std::string raw_signature(const std::string& der, std::size_t half) {
  const auto* start = openssl::bytes(der);
  const openssl::EcdsaSignature signature(::d2i_ECDSA_SIG(nullptr, &start, static_cast<long>(der.size())));
  if (!signature) return {};
  std::string raw(2 * half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  const int size = static_cast<int>(half);
  if (::BN_bn2binpad(::ECDSA_SIG_get0_r(signature.get()), out, size) != size ||
      ::BN_bn2binpad(::ECDSA_SIG_get0_s(signature.get()), out + half, size) != size) {
    return {};
  }
  return raw;
}

}  // namespace

Result<SigningKey> SigningKey::from_text(std::string_view text) {
  SigningKey made;
  if (text.find("-----BEGIN") == std::string_view::npos) {
    const auto key = VerificationKey::from_secret(text);
    if (!key) return std::unexpected(key.error());
    made.secret_ = text;
    made.algorithms_ = key->algorithms();
    return made;
  }
  const openssl::Bio bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr);
  ::ERR_clear_error();
  if (!key) return fail(ErrorKind::invalid_argument, "bad_token_key", "This is no private key in PEM.");
  made.private_ = {key, [](EVP_PKEY* one) { ::EVP_PKEY_free(one); }};
  made.algorithms_ = openssl::algorithms_for(key);
  if (made.algorithms_.empty()) {
    return fail(ErrorKind::invalid_argument, "bad_token_key", "The key is of a kind or size that is not accepted.",
                "Use RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519.");
  }
  return made;
}

JwtAlgorithm SigningKey::preferred() const noexcept {
  for (const auto algorithm : jwt_algorithms()) {
    if (algorithms_.has(algorithm)) return algorithm;
  }
  return JwtAlgorithm::hs256;
}

std::string SigningKey::signature_of(JwtAlgorithm algorithm, std::string_view text) const {
  if (!private_) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
    unsigned size = 0;
    ::HMAC(openssl::digest_of(algorithm), secret_.data(), static_cast<int>(secret_.size()), openssl::bytes(text),
           text.size(), made.data(), &size);
    return {reinterpret_cast<const char*>(made.data()), size};
  }
  const openssl::DigestContext context(::EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // the digest context's own
  std::size_t size = 0;
  if (::EVP_DigestSignInit(context.get(), &key_context, openssl::digest_of(algorithm), nullptr, private_.get()) != 1 ||
      !openssl::set_padding(key_context, algorithm) ||
      ::EVP_DigestSign(context.get(), nullptr, &size, openssl::bytes(text), text.size()) != 1) {
    return {};
  }
  std::string out(size, '\0');
  if (::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, openssl::bytes(text),
                       text.size()) != 1) {
    return {};
  }
  out.resize(size);
  const std::size_t half = openssl::coordinate_bytes(algorithm);
  return half > 0 ? raw_signature(out, half) : out;
}

Result<std::string> SigningKey::sign(JwtAlgorithm algorithm, std::string_view type, std::string_view claims,
                                     std::string_view key_id) const {
  if (!algorithms_.has(algorithm)) {
    return fail(ErrorKind::invalid_argument, "bad_token_key",
                fmt::format("The key is not fit for {}.", name_of(algorithm)));
  }
  json::object header;
  header["alg"] = name_of(algorithm);
  header["typ"] = type;
  if (!key_id.empty()) header["kid"] = key_id;
  std::string token = base64url_encode(json::serialize(header)) + "." + base64url_encode(claims);
  const std::string signature = signature_of(algorithm, token);
  if (signature.empty()) {
    ::ERR_clear_error();
    return fail(ErrorKind::internal, "token_not_signed", "OpenSSL could not sign the token.");
  }
  token += "." + base64url_encode(signature);
  return token;
}

}  // namespace inkwell::server
