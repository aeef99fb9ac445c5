// The value of an embedding in Redis: a 24-byte header and the vector as raw little-endian floats. Pure functions.
//
//   offset  size  what
//   0       3     "IKE"
//   3       1     version, 2
//   4       1     element type: 1 = float32, 2 = float16 (IEEE 754 binary16)
//   5       1     flags: 1 = its lifetime is fixed, never set anew
//   6       2     zero
//   8       4     dimensions, unsigned
//   12      4     when its first lifetime ends, seconds since 1970 (unsigned: until 2106)
//   16      8     XXH3-64 of bytes 0 to 15 and the payload, seeded with the first 8 bytes of the hot key
//   24      4 x d or 2 x d   the vector
//
// The seed ties a value to its key: one copied or renamed to another key reads as damaged, not as another input's
// vector. The end of the lifetime lets a reader see that half of it has passed without asking Redis for it.
//
// float16: rounded to nearest, ties to even. Of a number x with 2^-14 <= |x| < 65520 the error is at most |x| / 2048;
// below 2^-14, at most 2^-25. A vector that holds a larger number is written as float32.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <inkwell/hot_cache.hpp>

#include "embeddings/options.hpp"

namespace inkwell::embeddings {

inline constexpr std::size_t kValueHeaderBytes = 24;
inline constexpr std::uint32_t kMaxDimensions = 65'536;

enum class ValueFault : std::uint8_t {
  truncated,         ///< shorter than a header, or than the header says
  foreign,           ///< not an embedding: wrong magic
  unknown_version,   ///< a version, element type or flag this build doesn't know
  wrong_length,      ///< longer than the header says, or an impossible number of dimensions
  wrong_dimensions,  ///< not as many as were asked for
  wrong_checksum,    ///< damaged, or written under another key
  not_finite,        ///< holds a NaN or an infinity
};

/// How long a value is meant to live.
struct ValueLife {
  std::chrono::sys_seconds ends_at;  ///< unless it is refreshed
  bool fixed = false;                ///< never refreshed
};

struct DecodedValue {
  HotCache::Draft vector;  ///< float32 in host order, ready to be put
  ValueLife life;
};

/// `vector` has 1 to kMaxDimensions elements.
std::string encode_value(const Digest256& hot_key, std::span<const float> vector, ValueLife life,
                         Precision precision = Precision::float32);

/// Accepts only what encode_value made for this key. `dimensions` 0 takes any number.
std::expected<DecodedValue, ValueFault> decode_value(const Digest256& hot_key, std::string_view bytes,
                                                     std::uint32_t dimensions);

/// Makes of `vector` what it will be once it was written with `precision` and read back.
void round_as_written(std::span<float> vector, Precision precision);

bool all_finite(std::span<const float> vector) noexcept;

}  // namespace inkwell::embeddings
