// Durations ("30s", "1h30m", "30d") and sizes ("64MiB", "1048576") as people write them. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inkwell::config {

/// Whole numbers each with a unit of d, h, m, s, ms, the larger unit first, no spaces; a lone "0" needs no unit.
/// Nothing when it is anything else or doesn't fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// A whole number of bytes, bare or with a unit: B, KiB, MiB, GiB, TiB (powers of 1024), kB, MB, GB, TB (powers of
/// 1000). Nothing when it is anything else or doesn't fit.
std::optional<std::int64_t> parse_size(std::string_view text);

/// The shortest text that parse_duration reads back as the same: "1h30m". Negative durations have none: undefined.
std::string format_duration(std::chrono::milliseconds duration);

/// The text in the largest power-of-1024 unit that divides it: "64MiB", "1000B".
std::string format_size(std::int64_t bytes);

}  // namespace inkwell::config
