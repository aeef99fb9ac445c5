// Base64 with the standard alphabet and padding (RFC 4648 section 4), by AVX2 where the CPU has it. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace inkwell {

constexpr std::size_t base64_length(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

void append_base64(std::string& out, std::span<const std::byte> bytes);

/// How many bytes a text of so many characters stands for; nothing when no text of that length is base64.
std::optional<std::size_t> decoded_base64_length(std::string_view text) noexcept;
/// Decodes into `to`, which is decoded_base64_length() long. False when the text is not base64; `to` is then undefined.
bool decode_base64(std::string_view text, std::span<std::byte> to) noexcept;

// The part without AVX2, for comparison.
void append_base64_by_bytes(std::string& out, std::span<const std::byte> bytes);
bool decode_base64_by_bytes(std::string_view text, std::span<std::byte> to) noexcept;

}  // namespace inkwell
