#include "redis/cluster/key_slot.hpp"

#include <array>

namespace inkwell::redis::cluster {
namespace {

constexpr std::array<std::uint16_t, 256> make_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8u;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1u) ^ ((crc & 0x8000u) != 0 ? 0x1021u : 0u);
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}
constexpr auto kTable = make_table();

std::uint16_t crc16(std::string_view text) noexcept {
  unsigned crc = 0;
  for (const char c : text) crc = ((crc << 8u) & 0xffffu) ^ kTable[(crc >> 8u) ^ static_cast<unsigned char>(c)];
  return static_cast<std::uint16_t>(crc);
}

// What is between the first { and the first } behind it, unless that is nothing.
std::string_view tag_of(std::string_view key) noexcept {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

std::uint16_t key_slot(std::string_view key) noexcept { return crc16(tag_of(key)) % kSlots; }

}  // namespace inkwell::redis::cluster
