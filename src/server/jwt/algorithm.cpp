#include "server/jwt/algorithm.hpp"

#include <array>

namespace inkwell::server {
namespace {

using enum JwtAlgorithm;
constexpr std::array kAll = {hs256, hs384, hs512, rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512, eddsa};
constexpr std::array<std::string_view, kAll.size()> kNames = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                                              "RS512", "PS256", "PS384", "PS512", "ES256",
                                                              "ES384", "ES512", "EdDSA"};

}  // namespace

std::span<const JwtAlgorithm> jwt_algorithms() noexcept { return kAll; }

std::string_view name_of(JwtAlgorithm algorithm) noexcept { return kNames[static_cast<std::size_t>(algorithm)]; }

std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name) noexcept {
  for (const auto algorithm : kAll) {
    if (name_of(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

JwtAlgorithmSet JwtAlgorithmSet::all() noexcept {
  JwtAlgorithmSet set;
  for (const auto algorithm : kAll) set.add(algorithm);
  return set;
}

}  // namespace inkwell::server
