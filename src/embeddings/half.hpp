// float16 (IEEE 754 binary16) to and from float32, by F16C where the CPU has it and by integers elsewhere: the same
// bits either way. Rounds to nearest, ties to even. Pure; host byte order.
#pragma once

#include <cstdint>
#include <span>

namespace inkwell::embeddings {

/// `to` is as long as `from`. Beyond the range (65520 and up) becomes infinite.
void to_half(std::span<const float> from, std::span<std::uint16_t> to) noexcept;
void from_half(std::span<const std::uint16_t> from, std::span<float> to) noexcept;

/// The greatest magnitude that becomes finite.
inline constexpr float kMaxHalf = 65504.0F;

// The two ways, for their comparison.
std::uint16_t to_half_by_integers(float value) noexcept;
float from_half_by_integers(std::uint16_t half) noexcept;
bool cpu_converts_halves() noexcept;

}  // namespace inkwell::embeddings
