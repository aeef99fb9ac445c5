#include "server/jwt/key.hpp"

#include <array>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "server/jwt/openssl.hpp"

namespace inkwell::server {
namespace {

constexpr int kFewestRsaBits = 2048;
constexpr std::size_t kShortestSecret = 32;
constexpr std::size_t kMaxSignatureBytes = 2048;  // of the largest RSA key anybody uses, with room

std::unexpected<Error> bad_key(std::string message, std::string remedy = {}) {
  ::ERR_clear_error();
  return fail(ErrorKind::invalid_argument, "bad_token_key", std::move(message), std::move(remedy));
}

std::shared_ptr<const std::string> wiped(std::string_view secret) {
  return {new std::string(secret), [](const std::string* text) {
            // Nobody else holds it any more; OpenSSL's own way of forgetting is not optimised away.
            ::OPENSSL_cleanse(const_cast<char*>(text->data()), text->size());
            delete text;
          }};
}

/// "r and s, each as long as the curve's order" (RFC 7518 section 3.4) as the DER that OpenSSL reads.
std::string der_signature(std::string_view raw) {
  const std::size_t half = raw.size() / 2;
  const openssl::EcdsaSignature signature(::ECDSA_SIG_new());
  BIGNUM* r = ::BN_bin2bn(openssl::bytes(raw), static_cast<int>(half), nullptr);
  BIGNUM* s = ::BN_bin2bn(openssl::bytes(raw) + half, static_cast<int>(half), nullptr);
  if (::ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    ::BN_free(r);
    ::BN_free(s);
    return {};
  }
  std::array<unsigned char, 160> der{};
  unsigned char* end = der.data();
  const int size = ::i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > der.size() || ::i2d_ECDSA_SIG(signature.get(), &end) != size) {
    return {};
  }
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(size)};
}

bool verify_secret(const std::string& secret, JwtAlgorithm algorithm, std::string_view text,
                   std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> expected{};
  unsigned size = 0;
  const auto* made = ::HMAC(openssl::digest_of(algorithm), secret.data(), static_cast<int>(secret.size()),
                            openssl::bytes(text), text.size(), expected.data(), &size);
  return made && signature.size() == size && ::CRYPTO_memcmp(expected.data(), signature.data(), size) == 0;
}

}  // namespace

JwtAlgorithmSet openssl::algorithms_for(EVP_PKEY* key) {
  using enum JwtAlgorithm;
  if (::EVP_PKEY_is_a(key, "ED25519") == 1) return {eddsa};
  if (::EVP_PKEY_is_a(key, "RSA") == 1) {
    if (::EVP_PKEY_get_bits(key) < kFewestRsaBits) return {};
    return {rs256, rs384, rs512, ps256, ps384, ps512};
  }
  if (::EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
    return ::EVP_PKEY_get_bits(key) < kFewestRsaBits ? JwtAlgorithmSet{} : JwtAlgorithmSet{ps256, ps384, ps512};
  }
  if (::EVP_PKEY_is_a(key, "EC") != 1) return {};
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (::EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1) {
    return {};
  }
  const std::string_view curve(group.data(), size);
  if (curve == "prime256v1") return {es256};
  if (curve == "secp384r1") return {es384};
  if (curve == "secp521r1") return {es512};
  return {};
}

Result<VerificationKey> VerificationKey::from_secret(std::string_view secret) {
  using enum JwtAlgorithm;
  if (secret.size() < kShortestSecret) {
    return bad_key("A shared secret for tokens is shorter than 32 bytes.", "Make one: openssl rand -hex 32.");
  }
  VerificationKey key;
  key.secret_ = wiped(secret);
  key.algorithms_ = {hs256};
  if (secret.size() >= 48) key.algorithms_.add(hs384);
  if (secret.size() >= 64) key.algorithms_.add(hs512);
  return key;
}

Result<VerificationKey> VerificationKey::from_public(EVP_PKEY* key) {
  VerificationKey made;
  made.public_ = {key, [](EVP_PKEY* one) { ::EVP_PKEY_free(one); }};
  made.algorithms_ = openssl::algorithms_for(key);
  if (made.algorithms_.empty()) {
    return bad_key("A key for tokens is of a kind or size that is not accepted.",
                   "Use RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519.");
  }
  return made;
}

Result<VerificationKey> VerificationKey::from_pem(std::string_view pem) {
  const openssl::Bio bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (EVP_PKEY* key = ::PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)) return from_public(key);
  const openssl::Bio again(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, openssl::Freed<&X509_free>> certificate(
      ::PEM_read_bio_X509(again.get(), nullptr, nullptr, nullptr));
  EVP_PKEY* key = certificate ? ::X509_get_pubkey(certificate.get()) : nullptr;
  if (!key) {
    return bad_key(
        "A key for tokens is no public key or certificate in PEM.",
        pem.find("PRIVATE KEY-----") != std::string_view::npos
            ? "It is a private key, which the server has no need of: openssl pkey -pubout gives the public one."
            : "");
  }
  return from_public(key);
}

Result<VerificationKey> VerificationKey::from_text(std::string_view text) {
  return text.find("-----BEGIN") != std::string_view::npos ? from_pem(text) : from_secret(text);
}

bool VerificationKey::verify(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const {
  if (!algorithms_.has(algorithm) || signature.empty() || signature.size() > kMaxSignatureBytes) return false;
  if (secret_) return verify_secret(*secret_, algorithm, text, signature);
  const bool good = verify_public(algorithm, text, signature);
  if (!good) ::ERR_clear_error();
  return good;
}

bool VerificationKey::verify_public(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const {
  std::string der;
  if (const std::size_t half = openssl::coordinate_bytes(algorithm); half > 0) {
    if (signature.size() != 2 * half) return false;
    der = der_signature(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const openssl::DigestContext context(::EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // the digest context's own
  if (::EVP_DigestVerifyInit(context.get(), &key_context, openssl::digest_of(algorithm), nullptr, public_.get()) != 1 ||
      !openssl::set_padding(key_context, algorithm)) {
    return false;
  }
  return ::EVP_DigestVerify(context.get(), openssl::bytes(signature), signature.size(), openssl::bytes(text),
                            text.size()) == 1;
}

}  // namespace inkwell::server
