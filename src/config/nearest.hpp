// Which known word somebody meant. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inkwell::config {

/// How many single-character insertions, deletions, replacements or swaps of neighbours turn one word into the other
/// (optimal string alignment distance). Time and memory grow with the product of the lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word of `known` nearest to `word`, the first of equals; words that end in `.word`, `_word` or `-word` count as
/// near ("port" means "listen.port"). `known` must not be empty. A `word` beyond 128 characters is looked at in its
/// first 128.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace inkwell::config
