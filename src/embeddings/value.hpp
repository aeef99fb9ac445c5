// The value of an embedding in Redis: a 24-byte header and the vector as raw little-endian float32. Pure functions.
//
//   offset  size  what
//   0       3     "IKE"
//   3       1     version, 1
//   4       1     element type, 1 = float32
//   5       3     zero
//   8       4     dimensions, unsigned
//   12      4     when it was written, seconds since 1970 (unsigned: until 2106)
//   16      8     XXH3-64 of bytes 0 to 15 and the payload, seeded with the first 8 bytes of the hot key
//   24      4 x d the vector
//
// The seed ties a value to its key: one copied or renamed to another key reads as damaged, not as another input's
// vector. The time of writing lets a reader see that half of the lifetime has passed without asking Redis for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <inkwell/hot_cache.hpp>

namespace inkwell::embeddings {

inline constexpr std::size_t kValueHeaderBytes = 24;
inline constexpr std::uint32_t kMaxDimensions = 65'536;

enum class ValueFault : std::uint8_t {
  truncated,         ///< shorter than a header, or than the header says
  foreign,           ///< not an embedding: wrong magic
  unknown_version,   ///< a version or element type this build doesn't know
  wrong_length,      ///< longer than the header says, or an impossible number of dimensions
  wrong_dimensions,  ///< not as many as were asked for
  wrong_checksum,    ///< damaged, or written under another key
  not_finite,        ///< holds a NaN or an infinity
};

struct DecodedValue {
  HotCache::Draft vector;  ///< floats in host order, ready to be put
  std::chrono::sys_seconds written_at;
};

/// `vector` has 1 to kMaxDimensions elements.
std::string encode_value(const Digest256& hot_key, std::span<const float> vector, std::chrono::sys_seconds now);

/// Accepts only what encode_value made for this key. `dimensions` 0 takes any number.
std::expected<DecodedValue, ValueFault> decode_value(const Digest256& hot_key, std::string_view bytes,
                                                     std::uint32_t dimensions);

bool all_finite(std::span<const float> vector) noexcept;

}  // namespace inkwell::embeddings
