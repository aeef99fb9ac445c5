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

/// Which vector of a model is meant, and for whom: what is cached for one tenant is not found for another, who could
/// tell by it what the first one asked for.
struct ModelChoice {
  std::string model;
  std::uint32_t dimensions = 0;  ///< 0: the model's own length
  std::string tenant{};          ///< empty: the store's
  bool operator==(const ModelChoice&) const = default;
};

}  // namespace inkwell::embeddings
