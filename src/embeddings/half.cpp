#include "embeddings/half.hpp"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace inkwell::embeddings {

// binary16: 1 sign, 5 exponent (bias 15), 10 fraction; binary32: 1, 8 (127), 23.
std::uint16_t to_half_by_integers(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fff'ffffU;
  if (magnitude > 0x7f80'0000U) return static_cast<std::uint16_t>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
  if (magnitude >= 0x4780'0000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65536 and up
  if (magnitude < 0x3300'0000U) return sign;                                         // below half of the least half
  const std::uint32_t exponent = magnitude >> 23;
  std::uint32_t kept = 0;
  std::uint32_t rest = 0;  // what is rounded off, and ...
  std::uint32_t half = 0;  // ... half of the last place kept
  if (exponent < 113) {    // subnormal as a half
    const std::uint32_t shift = 126 - exponent;
    const std::uint32_t fraction = (magnitude & 0x7f'ffffU) | 0x80'0000U;
    kept = fraction >> shift;
    rest = fraction & ((1U << shift) - 1);
    half = 1U << (shift - 1);
  } else {
    kept = (magnitude - (112U << 23)) >> 13;
    rest = magnitude & 0x1fffU;
    half = 0x1000U;
  }
  if (rest > half || (rest == half && (kept & 1U) != 0)) ++kept;  // may carry into the exponent, rightly
  return static_cast<std::uint16_t>(sign | kept);
}

float from_half_by_integers(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 31) {
    const std::uint32_t quiet = fraction != 0 ? 0x40'0000U : 0;
    return std::bit_cast<float>(sign | 0x7f80'0000U | quiet | (fraction << 13));
  }
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24F;  // exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

#if defined(__x86_64__)

namespace {

__attribute__((target("avx,f16c"))) void to_half_by_f16c(std::span<const float> from,
                                                         std::span<std::uint16_t> to) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= from.size(); i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(from.data() + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to.data() + i), halves);
  }
  for (; i < from.size(); ++i) to[i] = to_half_by_integers(from[i]);
}

__attribute__((target("avx,f16c"))) void from_half_by_f16c(std::span<const std::uint16_t> from,
                                                           std::span<float> to) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= from.size(); i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from.data() + i));
    _mm256_storeu_ps(to.data() + i, _mm256_cvtph_ps(halves));
  }
  for (; i < from.size(); ++i) to[i] = from_half_by_integers(from[i]);
}

}  // namespace

bool cpu_converts_halves() noexcept {
  static const bool can = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
  return can;
}

void to_half(std::span<const float> from, std::span<std::uint16_t> to) noexcept {
  if (cpu_converts_halves()) return to_half_by_f16c(from, to);
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = to_half_by_integers(from[i]);
}

void from_half(std::span<const std::uint16_t> from, std::span<float> to) noexcept {
  if (cpu_converts_halves()) return from_half_by_f16c(from, to);
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from_half_by_integers(from[i]);
}

#else

bool cpu_converts_halves() noexcept { return false; }

void to_half(std::span<const float> from, std::span<std::uint16_t> to) noexcept {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = to_half_by_integers(from[i]);
}

void from_half(std::span<const std::uint16_t> from, std::span<float> to) noexcept {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from_half_by_integers(from[i]);
}

#endif

}  // namespace inkwell::embeddings
