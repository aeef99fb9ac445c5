// Keys for tests of tokens, made anew in each run by OpenSSL, in the forms the server takes them.
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdexcept>
#include <string>

#include "server/jwt/base64url.hpp"
#include "server/jwt/signing_key.hpp"

namespace inkwell::server {

inline constexpr std::string_view kSecret = "a-secret-that-is-long-enough-for-each-of-the-hashes-of-HMAC-here";

struct KeyPair {
  std::string private_pem;
  std::string public_pem;
};

inline std::string pem_of(EVP_PKEY* key, bool with_private) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(::BIO_new(::BIO_s_mem()), &::BIO_free);
  const int done = with_private ? ::PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr)
                                : ::PEM_write_bio_PUBKEY(bio.get(), key);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  if (done != 1 || size <= 0) throw std::runtime_error("no PEM");
  return {data, static_cast<std::size_t>(size)};
}

/// "RSA" with the size in bits, "EC" with a curve's name, "ED25519".
inline KeyPair make_key_pair(const std::string& kind, const char* curve = nullptr, std::size_t bits = 2048) {
  EVP_PKEY* made = kind == "RSA"  ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)
                   : kind == "EC" ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)
                                  : ::EVP_PKEY_Q_keygen(nullptr, nullptr, kind.c_str());
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(made, &::EVP_PKEY_free);
  if (!key) throw std::runtime_error("no key of kind " + kind);
  return {.private_pem = pem_of(key.get(), true), .public_pem = pem_of(key.get(), false)};
}

/// The public half of an ED25519 pair as a JWK (RFC 8037) with that "kid".
inline std::string jwk_of(const KeyPair& pair, std::string_view key_id) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(::BIO_new_mem_buf(pair.public_pem.data(), -1), &::BIO_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(::PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr),
                                                           &::EVP_PKEY_free);
  std::string raw(32, '\0');
  std::size_t size = raw.size();
  if (!key || ::EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1) {
    throw std::runtime_error("no ED25519 key");
  }
  return R"({"kty":"OKP","crv":"Ed25519","kid":")" + std::string(key_id) + R"(","x":")" + base64url_encode(raw) + "\"}";
}

/// A token of `claims`, signed with a secret or a private key in PEM.
inline std::string token_of(std::string_view claims, std::string_view key = kSecret,
                            JwtAlgorithm algorithm = JwtAlgorithm::hs256, std::string_view type = "JWT",
                            std::string_view key_id = {}) {
  return SigningKey::from_text(key)->sign(algorithm, type, claims, key_id).value();
}

}  // namespace inkwell::server
