// The live message: what the publish script sends over the channel's pub/sub side, and the fields of a log entry, which
// are the same. Big-endian, length-prefixed:
//   u8 version (1) | u32 events | events
//   event: u8 length, id | u8 length, predecessor | u16 fields | fields
//   field: u8 length, name | u32 length, value
// Field names: d data, e type, t topic (may repeat), x "1" when private, r retry in milliseconds; unknown ones are
// skipped. Pure functions over bytes; publish.lua writes the other half.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "events/event.hpp"

namespace inkwell::events::wire {

/// Nothing when the message isn't wholly well-formed. The views borrow from `message`.
std::optional<std::vector<EventView>> decode_live(std::string_view message);

/// Takes one field of an event; false when its value can't be what its name says.
bool apply_field(EventView& event, std::string_view name, std::string_view value);

/// Calls `put(name, value)` for each field of the event, in the order they are stored.
template <class Put>
void for_each_field(const Event& event, Put put) {
  put(std::string_view("d"), std::string_view(event.data));
  if (!event.type.empty()) put(std::string_view("e"), std::string_view(event.type));
  for (const auto& topic : event.topics) put(std::string_view("t"), std::string_view(topic));
  if (event.is_private) put(std::string_view("x"), std::string_view("1"));
  if (event.retry_ms) {
    const std::string retry = std::to_string(*event.retry_ms);
    put(std::string_view("r"), std::string_view(retry));
  }
}

}  // namespace inkwell::events::wire
