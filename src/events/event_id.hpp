// EventId: the id of an event, which is the id of its entry in the channel's stream: milliseconds and a sequence
// number, ordered. A value; safe from any thread. (https://redis.io/docs/latest/develop/data-types/streams/#entry-ids)
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inkwell::events {

struct EventId {
  std::uint64_t milliseconds = 0;
  std::uint64_t sequence = 0;

  auto operator<=>(const EventId&) const = default;

  /// Only the canonical form is an id: decimal digits, '-', decimal digits, no signs, no leading zeros, no overflow.
  /// Whatever else a client sends as its cursor was never given out by us.
  static std::optional<EventId> parse(std::string_view text) noexcept;

  void append_to(std::string& out) const;
  std::string to_string() const;
};

/// No event has this id: it stands for "before the first event ever" where a predecessor is named.
inline constexpr EventId kNoEvent{};

}  // namespace inkwell::events
