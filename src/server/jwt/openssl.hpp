// Owners of the OpenSSL objects that tokens are verified and signed with, and what both need to know of algorithms.
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "server/jwt/algorithm.hpp"

namespace inkwell::server::openssl {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using Pkey = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<&EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<&ECDSA_SIG_free>>;

/// Null for EdDSA, which hashes by itself.
inline const EVP_MD* digest_of(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
    case JwtAlgorithm::rs256:
    case JwtAlgorithm::ps256:
    case JwtAlgorithm::es256:
      return EVP_sha256();
    case JwtAlgorithm::hs384:
    case JwtAlgorithm::rs384:
    case JwtAlgorithm::ps384:
    case JwtAlgorithm::es384:
      return EVP_sha384();
    case JwtAlgorithm::hs512:
    case JwtAlgorithm::rs512:
    case JwtAlgorithm::ps512:
    case JwtAlgorithm::es512:
      return EVP_sha512();
    case JwtAlgorithm::eddsa:
      break;
  }
  return nullptr;
}

inline bool is_pss(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::ps256 || algorithm == JwtAlgorithm::ps384 || algorithm == JwtAlgorithm::ps512;
}

/// Bytes of each of the two numbers of a signature on the algorithm's curve; 0 for algorithms without a curve.
inline std::size_t coordinate_bytes(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::es256:
      return 32;
    case JwtAlgorithm::es384:
      return 48;
    case JwtAlgorithm::es512:
      return 66;
    default:
      return 0;
  }
}

/// For PSS, what RFC 7518 section 3.5 asks for: MGF1 with the same hash, a salt as long as it.
inline bool set_padding(EVP_PKEY_CTX* context, JwtAlgorithm algorithm) {
  if (!is_pss(algorithm)) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/// Which algorithms a key's type and size are fit for; none for a kind of key that tokens are not signed with.
JwtAlgorithmSet algorithms_for(EVP_PKEY* key);

inline const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace inkwell::server::openssl
