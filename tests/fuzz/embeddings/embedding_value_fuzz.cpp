// decode_value on arbitrary bytes: never reads beyond them, and what it accepts is exactly what encode_value makes of
// the vector it found. The first two bytes choose key and dimensions.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "embeddings/value.hpp"

using namespace inkwell;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Digest256 key;
  key.bytes.fill(std::byte{data[0]});
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  auto decoded = embeddings::decode_value(key, bytes, data[1]);
  if (!decoded) return 0;
  const auto floats = decoded->vector.bytes();
  const std::span vector(reinterpret_cast<const float*>(floats.data()), floats.size() / sizeof(float));
  const auto precision = bytes[4] == 2 ? embeddings::Precision::float16 : embeddings::Precision::float32;
  if (embeddings::encode_value(key, vector, decoded->life, precision) != bytes) std::abort();
  return 0;
}
