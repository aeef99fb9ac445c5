#include "events/wire/live.hpp"

#include <charconv>
#include <cstdint>

namespace inkwell::events::wire {
namespace {

constexpr std::uint8_t kVersion = 1;

/// Reads big-endian numbers and prefixed strings off the front; once something is missing, all further reads fail.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number(std::size_t width) noexcept {
    const std::string_view text = take(width);
    std::uint32_t value = 0;
    for (const char c : text) value = (value << 8U) | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view text(std::size_t width) noexcept { return take(number(width)); }
  bool good() const noexcept { return good_; }
  std::size_t left() const noexcept { return rest_.size(); }

 private:
  std::string_view take(std::size_t size) noexcept {
    if (!good_ || size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
  bool good_ = true;
};

bool decode_event(Cursor& cursor, EventView& event) {
  const auto id = EventId::parse(cursor.text(1));
  const auto predecessor = EventId::parse(cursor.text(1));
  if (!cursor.good() || !id || !predecessor) return false;
  event.id = *id;
  event.predecessor = *predecessor;
  const std::uint32_t fields = cursor.number(2);
  for (std::uint32_t i = 0; i < fields && cursor.good(); ++i) {
    const auto name = cursor.text(1);
    const auto value = cursor.text(4);
    if (!cursor.good() || !apply_field(event, name, value)) return false;
  }
  return cursor.good();
}

}  // namespace

bool apply_field(EventView& event, std::string_view name, std::string_view value) {
  if (name == "d") {
    event.data = value;
  } else if (name == "e") {
    event.type = value;
    return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
  } else if (name == "t") {
    event.topics.push_back(value);
  } else if (name == "x") {
    event.is_private = value == "1";
  } else if (name == "r") {
    std::uint32_t retry = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), retry);
    if (error != std::errc{} || end != value.data() + value.size() || retry > kMaxRetryMs) return false;
    event.retry_ms = retry;
  }
  return true;
}

std::optional<std::vector<EventView>> decode_live(std::string_view message) {
  Cursor cursor(message);
  if (cursor.number(1) != kVersion) return std::nullopt;
  const std::uint32_t count = cursor.number(4);
  if (!cursor.good() || count == 0 || count > kMaxBatchEvents) return std::nullopt;
  std::vector<EventView> events(count);
  for (auto& event : events) {
    if (!decode_event(cursor, event)) return std::nullopt;
  }
  if (cursor.left() != 0) return std::nullopt;
  return events;
}

}  // namespace inkwell::events::wire
