#include "config/units.hpp"

#include <array>
#include <charconv>
#include <fmt/format.h>

namespace inkwell::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first: parse_duration relies on it to refuse "30m1h", and both formatters to pick.
constexpr std::array kDurations{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                                Unit{"ms", 1}};
constexpr std::array kSizes{Unit{"TiB", std::int64_t{1} << 40},
                            Unit{"GiB", std::int64_t{1} << 30},
                            Unit{"MiB", std::int64_t{1} << 20},
                            Unit{"KiB", std::int64_t{1} << 10},
                            Unit{"B", 1},
                            Unit{"TB", 1'000'000'000'000},
                            Unit{"GB", 1'000'000'000},
                            Unit{"MB", 1'000'000},
                            Unit{"kB", 1'000}};
constexpr std::size_t kBinarySizes = 5;

// Takes the digits at the front of `text` off it.
std::optional<std::int64_t> take_number(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<std::int64_t> multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(name.size());
    while (next_unit < kDurations.size() && kDurations[next_unit].name != name) ++next_unit;
    if (next_unit == kDurations.size()) return std::nullopt;
    const auto part = multiply(*number, kDurations[next_unit++].factor);
    if (!part || __builtin_add_overflow(total, *part, &total)) return std::nullopt;
  }
  return std::chrono::milliseconds(total);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  if (text.empty()) return number;
  for (const Unit& unit : kSizes)
    if (unit.name == text) return multiply(*number, unit.factor);
  return std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0";
  std::string text;
  for (const Unit& unit : kDurations) {
    if (rest >= unit.factor) text += fmt::format("{}{}", rest / unit.factor, unit.name);
    rest %= unit.factor;
  }
  return text;
}

std::string format_size(std::int64_t bytes) {
  if (bytes == 0) return "0";
  for (std::size_t i = 0; i < kBinarySizes; ++i) {
    if (bytes % kSizes[i].factor == 0) return fmt::format("{}{}", bytes / kSizes[i].factor, kSizes[i].name);
  }
  return fmt::format("{}B", bytes);
}

}  // namespace inkwell::config
