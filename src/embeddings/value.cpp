#include "embeddings/value.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>
#include <xxhash.h>

#include "embeddings/half.hpp"

namespace inkwell::embeddings {
namespace {

constexpr std::string_view kMagic = "IKE";
constexpr char kVersion = 2;
constexpr char kFloat32 = 1;
constexpr char kFloat16 = 2;
constexpr char kFixedLife = 1;
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

// Between little-endian bytes and the host's numbers; a plain copy on nearly every machine.
template <class Number>
void copy_numbers(void* to, const void* from, std::size_t count) noexcept {
  if (count == 0) return;  // memcpy takes no null, not even for nothing
  std::memcpy(to, from, count * sizeof(Number));
  if constexpr (std::endian::native == std::endian::big) {
    auto* bytes = static_cast<unsigned char*>(to);
    for (std::size_t i = 0; i < count; ++i, bytes += sizeof(Number)) std::reverse(bytes, bytes + sizeof(Number));
  }
}

std::size_t element_bytes(char type) noexcept { return type == kFloat16 ? sizeof(std::uint16_t) : sizeof(float); }

bool fits_half(std::span<const float> vector) noexcept {
  return std::ranges::all_of(vector, [](float x) { return std::fabs(x) <= kMaxHalf; });
}

std::optional<ValueFault> header_fault(std::string_view bytes, std::uint32_t wanted) noexcept {
  if (bytes.size() < kValueHeaderBytes) return ValueFault::truncated;
  if (!bytes.starts_with(kMagic)) return ValueFault::foreign;
  if (bytes[3] != kVersion || (bytes[4] != kFloat32 && bytes[4] != kFloat16)) return ValueFault::unknown_version;
  if ((bytes[5] & ~kFixedLife) != 0 || bytes[6] != 0 || bytes[7] != 0) return ValueFault::unknown_version;
  const auto dimensions = load_le<std::uint32_t>(bytes.data() + 8);
  if (dimensions == 0 || dimensions > kMaxDimensions) return ValueFault::wrong_length;
  const std::size_t whole = kValueHeaderBytes + dimensions * element_bytes(bytes[4]);
  if (bytes.size() < whole) return ValueFault::truncated;
  if (bytes.size() > whole) return ValueFault::wrong_length;
  if (wanted != 0 && dimensions != wanted) return ValueFault::wrong_dimensions;
  return std::nullopt;
}

}  // namespace

bool all_finite(std::span<const float> vector) noexcept {
  constexpr std::uint32_t kExponent = 0x7f80'0000;  // all ones: infinite, or no number
  std::uint32_t bad = 0;                            // without a branch, so that it is done many at a time
  for (const float x : vector)
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent);
  return bad == 0;
}

std::string encode_value(const Digest256& hot_key, std::span<const float> vector, ValueLife life, Precision precision) {
  const bool halved = precision == Precision::float16 && fits_half(vector);
  const char type = halved ? kFloat16 : kFloat32;
  const std::size_t payload = vector.size() * element_bytes(type);
  std::string value(kValueHeaderBytes + payload, '\0');
  kMagic.copy(value.data(), kMagic.size());
  value[3] = kVersion;
  value[4] = type;
  value[5] = life.fixed ? kFixedLife : 0;
  store_le(value.data() + 8, static_cast<std::uint32_t>(vector.size()));
  store_le(value.data() + 12, static_cast<std::uint32_t>(life.ends_at.time_since_epoch().count()));
  if (halved) {
    std::vector<std::uint16_t> halves(vector.size());
    to_half(vector, halves);
    copy_numbers<std::uint16_t>(value.data() + kValueHeaderBytes, halves.data(), halves.size());
  } else {
    copy_numbers<float>(value.data() + kValueHeaderBytes, vector.data(), vector.size());
  }
  store_le(value.data() + 16, checksum(hot_key, value.data(), payload));
  return value;
}

void round_as_written(std::span<float> vector, Precision precision) {
  if (precision != Precision::float16 || !fits_half(vector)) return;
  std::vector<std::uint16_t> halves(vector.size());
  to_half(vector, halves);
  from_half(halves, vector);
}

std::expected<DecodedValue, ValueFault> decode_value(const Digest256& hot_key, std::string_view bytes,
                                                     std::uint32_t dimensions) {
  if (const auto fault = header_fault(bytes, dimensions)) return std::unexpected(*fault);
  const std::size_t payload = bytes.size() - kValueHeaderBytes;
  const char* const whole = bytes.data();
  if (load_le<std::uint64_t>(whole + 16) != checksum(hot_key, whole, payload)) {
    return std::unexpected(ValueFault::wrong_checksum);
  }
  const std::size_t count = payload / element_bytes(whole[4]);
  HotCache::Draft draft = HotCache::allocate(count * sizeof(float));
  const std::span<float> floats(reinterpret_cast<float*>(draft.bytes().data()), count);
  if (whole[4] == kFloat16) {
    std::vector<std::uint16_t> halves(count);
    copy_numbers<std::uint16_t>(halves.data(), whole + kValueHeaderBytes, count);
    from_half(halves, floats);
  } else {
    copy_numbers<float>(floats.data(), whole + kValueHeaderBytes, count);
  }
  if (!all_finite(floats)) return std::unexpected(ValueFault::not_finite);
  const std::chrono::seconds ends(load_le<std::uint32_t>(whole + 12));
  return DecodedValue{std::move(draft), {std::chrono::sys_seconds(ends), (whole[5] & kFixedLife) != 0}};
}

}  // namespace inkwell::embeddings
