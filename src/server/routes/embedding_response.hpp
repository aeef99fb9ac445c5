// The answer of POST /v1/embeddings in the OpenAI shape. Pure, but for the memory of vectors written as text.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "embeddings/embeddings.hpp"

namespace inkwell::server {

/// Vectors as JSON arrays, remembered: writing 1,536 numbers takes longer than all else about a hit. What is remembered
/// is a function of the vector's bytes alone, so it is never out of date. Any thread.
class VectorTexts {
 public:
  /// 0 remembers nothing.
  explicit VectorTexts(std::size_t max_bytes) : cache_({.max_bytes = max_bytes}), seed_(random_seed()) {}
  /// As append_floats().
  void append(std::string& out, std::span<const float> vector);

 private:
  HotCache cache_;
  const std::uint64_t seed_;
};

/// Floats in the shortest decimal form that reads back to the same float32, or base64 of them as little-endian bytes.
std::string embedding_response(const embeddings::Answer& answer, std::string_view model, bool base64,
                               VectorTexts& texts);

void append_floats(std::string& out, std::span<const float> vector);
void append_base64(std::string& out, std::span<const float> vector);

}  // namespace inkwell::server
