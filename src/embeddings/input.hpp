// What is embedded: a text, or the tokens a caller made of one. Plain values, immutable once shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace inkwell::embeddings {

using Tokens = std::vector<std::uint32_t>;
/// A text is UTF-8.
using Input = std::variant<std::string, Tokens>;

/// Which vector of a model is meant. `dimensions` 0 is the model's own length.
struct ModelChoice {
  std::string model;
  std::uint32_t dimensions = 0;
  bool operator==(const ModelChoice&) const = default;
};

}  // namespace inkwell::embeddings
