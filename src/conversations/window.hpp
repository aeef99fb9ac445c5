// Windows: the newest part of a conversation that a model is shown, by number of items and by an estimate of tokens,
// which never begins between a tool call and its output, nor between a reasoning item and what it led to: models refuse
// such input. Pure; no I/O.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace inkwell::conversations {

inline constexpr std::size_t kMaxWindow = 1000;

struct WindowLimits {
  std::size_t items = kMaxWindow;
  std::size_t tokens = 0;  ///< 0: no limit
};

/// About as many tokens as a model sees in an item: a quarter of its ASCII bytes and one for every other character.
/// Errs on the high side for text in languages with spaces; base64 counts as text.
std::size_t estimated_tokens(std::string_view json) noexcept;

/// Where the window begins in `items` (JSON texts, the oldest first): the earliest place that keeps the limits and
/// splits nothing, items.size() if there is none. `more`: items exist before the first one given.
std::size_t window_begin(std::span<const std::string_view> items, bool more, const WindowLimits& limits);

}  // namespace inkwell::conversations
