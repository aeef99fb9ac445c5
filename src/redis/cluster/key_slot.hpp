// The slot of a key
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model): CRC-16/XMODEM of
// its hash tag, or of all of it, modulo 16384. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace inkwell::redis::cluster {

inline constexpr std::uint16_t kSlots = 16384;

std::uint16_t key_slot(std::string_view key) noexcept;

}  // namespace inkwell::redis::cluster
