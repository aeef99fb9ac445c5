// Items as they are stored: as they are, or, when they are large, as 'Z', their length in 8 hexadecimal digits, and a
// zstd frame (RFC 8878). An item's JSON from behind its id on never begins with 'Z'. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inkwell::conversations {

/// `json` as it is stored: compressed when it has more than `above` bytes and that makes it smaller. 0: never.
std::string packed(std::string_view json, std::size_t above);

/// What packed() was given; nothing when `stored` is damaged or longer than an item may be.
std::optional<std::string> unpacked(std::string_view stored);

}  // namespace inkwell::conversations
