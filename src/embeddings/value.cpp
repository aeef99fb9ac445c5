#include "embeddings/value.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <xxhash.h>

namespace inkwell::embeddings {
namespace {

constexpr std::string_view kMagic = "IKE";
constexpr char kVersion = 1;
constexpr char kFloat32 = 1;
constexpr std::size_t kCheckedHeaderBytes = 16;

template <class Integer>
void store_le(char* to, Integer value) noexcept {
  for (std::size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

template <class Integer>
Integer load_le(const char* from) noexcept {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<Integer>(static_cast<unsigned char>(from[i])) << (8 * i);
  }
  return value;
}

std::uint64_t checksum(const Digest256& key, const char* value, std::size_t payload_bytes) noexcept {
  const auto seed = load_le<std::uint64_t>(reinterpret_cast<const char*>(key.bytes.data()));
  // Two links of one chain: the header's hash seeds the payload's.
  const auto header = XXH3_64bits_withSeed(value, kCheckedHeaderBytes, seed);
  return XXH3_64bits_withSeed(value + kValueHeaderBytes, payload_bytes, header);
}

// Between little-endian bytes and host floats; a plain copy on nearly every machine.
void copy_floats(void* to, const void* from, std::size_t count) noexcept {
  if (count == 0) return;  // memcpy takes no null, not even for nothing
  std::memcpy(to, from, count * sizeof(float));
  if constexpr (std::endian::native == std::endian::big) {
    auto* bytes = static_cast<unsigned char*>(to);
    for (std::size_t i = 0; i < count; ++i, bytes += 4) {
      std::swap(bytes[0], bytes[3]);
      std::swap(bytes[1], bytes[2]);
    }
  }
}

std::optional<ValueFault> header_fault(std::string_view bytes, std::uint32_t wanted) noexcept {
  if (bytes.size() < kValueHeaderBytes) return ValueFault::truncated;
  if (!bytes.starts_with(kMagic)) return ValueFault::foreign;
  if (bytes[3] != kVersion || bytes[4] != kFloat32) return ValueFault::unknown_version;
  if (bytes[5] != 0 || bytes[6] != 0 || bytes[7] != 0) return ValueFault::unknown_version;  // of a later build
  const auto dimensions = load_le<std::uint32_t>(bytes.data() + 8);
  if (dimensions == 0 || dimensions > kMaxDimensions) return ValueFault::wrong_length;
  const std::size_t whole = kValueHeaderBytes + dimensions * sizeof(float);
  if (bytes.size() < whole) return ValueFault::truncated;
  if (bytes.size() > whole) return ValueFault::wrong_length;
  if (wanted != 0 && dimensions != wanted) return ValueFault::wrong_dimensions;
  return std::nullopt;
}

}  // namespace

bool all_finite(std::span<const float> vector) noexcept {
  for (const float x : vector) {
    if (!std::isfinite(x)) return false;
  }
  return true;
}

std::string encode_value(const Digest256& hot_key, std::span<const float> vector, std::chrono::sys_seconds now) {
  std::string value(kValueHeaderBytes + vector.size_bytes(), '\0');
  kMagic.copy(value.data(), kMagic.size());
  value[3] = kVersion;
  value[4] = kFloat32;
  store_le(value.data() + 8, static_cast<std::uint32_t>(vector.size()));
  store_le(value.data() + 12, static_cast<std::uint32_t>(now.time_since_epoch().count()));
  copy_floats(value.data() + kValueHeaderBytes, vector.data(), vector.size());
  store_le(value.data() + 16, checksum(hot_key, value.data(), vector.size_bytes()));
  return value;
}

std::expected<DecodedValue, ValueFault> decode_value(const Digest256& hot_key, std::string_view bytes,
                                                     std::uint32_t dimensions) {
  if (const auto fault = header_fault(bytes, dimensions)) return std::unexpected(*fault);
  const std::size_t payload = bytes.size() - kValueHeaderBytes;
  const char* const whole = bytes.data();
  if (load_le<std::uint64_t>(whole + 16) != checksum(hot_key, whole, payload)) {
    return std::unexpected(ValueFault::wrong_checksum);
  }
  HotCache::Draft draft = HotCache::allocate(payload);
  const auto room = draft.bytes();
  copy_floats(room.data(), bytes.data() + kValueHeaderBytes, payload / sizeof(float));
  if (!all_finite({reinterpret_cast<const float*>(room.data()), payload / sizeof(float)})) {
    return std::unexpected(ValueFault::not_finite);
  }
  const std::chrono::seconds written(load_le<std::uint32_t>(bytes.data() + 12));
  return DecodedValue{std::move(draft), std::chrono::sys_seconds(written)};
}

}  // namespace inkwell::embeddings
