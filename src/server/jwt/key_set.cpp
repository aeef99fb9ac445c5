#include "server/jwt/key_set.hpp"

#include <algorithm>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "server/json.hpp"
#include "server/jwt/base64url.hpp"
#include "server/jwt/openssl.hpp"

namespace inkwell::server {
namespace {

using Params = std::unique_ptr<OSSL_PARAM, openssl::Freed<&OSSL_PARAM_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, openssl::Freed<&OSSL_PARAM_BLD_free>>;
using Number = std::unique_ptr<BIGNUM, openssl::Freed<&BN_free>>;

std::string_view text_of(const json::object& key, std::string_view name) {
  const auto* value = key.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

std::string bytes_of(const json::object& key, std::string_view name) {
  return base64url_decode(text_of(key, name)).value_or("");
}

EVP_PKEY* from_params(const char* type, const OSSL_PARAM* params) {
  const openssl::PkeyContext context(::EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || !params || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
      ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params)) != 1) {
    return nullptr;
  }
  return key;
}

EVP_PKEY* rsa_key(const json::object& jwk) {
  constexpr std::size_t kMaxModulus = 16384 / 8;
  const std::string modulus = bytes_of(jwk, "n");
  const std::string exponent = bytes_of(jwk, "e");
  if (modulus.empty() || modulus.size() > kMaxModulus || exponent.empty() || exponent.size() > 8) return nullptr;
  const Number n(::BN_bin2bn(openssl::bytes(modulus), static_cast<int>(modulus.size()), nullptr));
  const Number e(::BN_bin2bn(openssl::bytes(exponent), static_cast<int>(exponent.size()), nullptr));
  const ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const Params params(::OSSL_PARAM_BLD_to_param(builder.get()));
  return from_params("RSA", params.get());
}

EVP_PKEY* ec_key(const json::object& jwk) {
  struct Curve {
    std::string_view name;
    const char* group;
    std::size_t bytes;
  };
  static constexpr Curve kCurves[] = {
      {"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
  const auto* const curve = std::ranges::find(kCurves, text_of(jwk, "crv"), &Curve::name);
  if (curve == std::end(kCurves)) return nullptr;
  const std::string x = bytes_of(jwk, "x");
  const std::string y = bytes_of(jwk, "y");
  if (x.size() != curve->bytes || y.size() != curve->bytes) return nullptr;
  const std::string point = "\x04" + x + y;  // uncompressed
  const ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (::OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) != 1 ||
      ::OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  const Params params(::OSSL_PARAM_BLD_to_param(builder.get()));
  return from_params("EC", params.get());
}

EVP_PKEY* okp_key(const json::object& jwk) {
  const std::string x = bytes_of(jwk, "x");
  if (text_of(jwk, "crv") != "Ed25519" || x.size() != 32) return nullptr;
  return ::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, openssl::bytes(x), x.size());
}

std::optional<VerificationKey> material_of(const json::object& jwk, SharedSecrets secrets) {
  const auto type = text_of(jwk, "kty");
  if (type == "oct") {
    if (secrets == SharedSecrets::refused) return std::nullopt;
    auto key = VerificationKey::from_secret(bytes_of(jwk, "k"));
    return key ? std::optional(std::move(*key)) : std::nullopt;
  }
  EVP_PKEY* made = type == "RSA" ? rsa_key(jwk) : type == "EC" ? ec_key(jwk) : type == "OKP" ? okp_key(jwk) : nullptr;
  if (!made) return std::nullopt;
  auto key = VerificationKey::from_public(made);
  return key ? std::optional(std::move(*key)) : std::nullopt;
}

bool for_signatures(const json::object& jwk) {
  if (const auto* use = jwk.if_contains("use"); use && text_of(jwk, "use") != "sig") return false;
  const auto* operations = jwk.if_contains("key_ops");
  if (!operations) return true;
  const auto* list = operations->if_array();
  return list && std::ranges::any_of(*list, [](const json::value& one) { return one == "verify"; });
}

std::optional<VerificationKey> read_key(const json::object& jwk, SharedSecrets secrets) {
  if (!for_signatures(jwk)) return std::nullopt;
  auto key = material_of(jwk, secrets);
  if (!key) return std::nullopt;
  if (jwk.if_contains("alg")) {
    const auto algorithm = parse_jwt_algorithm(text_of(jwk, "alg"));
    if (!algorithm) return std::nullopt;
    key->restrict({*algorithm});
    if (key->algorithms().empty()) return std::nullopt;
  }
  key->name(std::string(text_of(jwk, "kid")));
  return key;
}

}  // namespace

Result<std::vector<VerificationKey>> parse_key_set(std::string_view text, SharedSecrets secrets) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  const auto* set = value->if_object();
  const auto* member = set ? set->if_contains("keys") : nullptr;
  const auto* list = member ? member->if_array() : nullptr;
  if (!list || list->size() > kMaxKeysOfASet) {
    return fail(ErrorKind::invalid_argument, "bad_key_set", "This is no JWK Set of at most 100 keys.",
                "It is an object with an array `keys`.");
  }
  std::vector<VerificationKey> keys;
  for (const auto& one : *list) {
    const auto* jwk = one.if_object();
    if (!jwk) continue;
    if (auto key = read_key(*jwk, secrets)) keys.push_back(std::move(*key));
  }
  ::ERR_clear_error();  // of the keys that were passed over
  return keys;
}

}  // namespace inkwell::server
