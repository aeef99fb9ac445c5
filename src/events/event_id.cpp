#include "events/event_id.hpp"

#include <charconv>

namespace inkwell::events {
namespace {

std::optional<std::uint64_t> parse_part(std::string_view text) noexcept {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<EventId> EventId::parse(std::string_view text) noexcept {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto milliseconds = parse_part(text.substr(0, dash));
  const auto sequence = parse_part(text.substr(dash + 1));
  if (!milliseconds || !sequence) return std::nullopt;
  return EventId{*milliseconds, *sequence};
}

void EventId::append_to(std::string& out) const {
  char text[48];
  auto end = std::to_chars(text, text + sizeof text, milliseconds).ptr;
  *end++ = '-';
  end = std::to_chars(end, text + sizeof text, sequence).ptr;
  out.append(text, end);
}

std::string EventId::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

}  // namespace inkwell::events
