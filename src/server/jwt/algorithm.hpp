// The signature algorithms of tokens (RFC 7518 section 3.1, RFC 8037). "none" is not among them. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace inkwell::server {

enum class JwtAlgorithm : std::uint8_t {
  hs256,
  hs384,
  hs512,
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  es256,
  es384,
  es512,
  eddsa,
};

std::span<const JwtAlgorithm> jwt_algorithms() noexcept;  ///< all of them
/// "HS256", "EdDSA": as a token's header spells it.
std::string_view name_of(JwtAlgorithm algorithm) noexcept;
/// Names are compared byte for byte.
std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name) noexcept;

class JwtAlgorithmSet {
 public:
  constexpr JwtAlgorithmSet() = default;
  constexpr JwtAlgorithmSet(std::initializer_list<JwtAlgorithm> algorithms) {
    for (const auto one : algorithms) add(one);
  }
  static JwtAlgorithmSet all() noexcept;

  constexpr void add(JwtAlgorithm one) noexcept { bits_ |= bit(one); }
  constexpr bool has(JwtAlgorithm one) const noexcept { return (bits_ & bit(one)) != 0; }
  /// Whether one of them takes a secret that verifiers know too.
  constexpr bool has_shared_secret() const noexcept {
    return has(JwtAlgorithm::hs256) || has(JwtAlgorithm::hs384) || has(JwtAlgorithm::hs512);
  }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr JwtAlgorithmSet operator&(JwtAlgorithmSet other) const noexcept {
    JwtAlgorithmSet both;
    both.bits_ = bits_ & other.bits_;
    return both;
  }
  bool operator==(const JwtAlgorithmSet&) const = default;

 private:
  static constexpr std::uint32_t bit(JwtAlgorithm one) noexcept { return 1U << static_cast<unsigned>(one); }
  std::uint32_t bits_ = 0;
};

}  // namespace inkwell::server
