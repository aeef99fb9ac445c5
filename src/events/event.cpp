#include "events/event.hpp"

#include <fmt/format.h>

#include "events/wire/sse.hpp"

namespace inkwell::events {
namespace {

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool has_control(std::string_view text) noexcept {
  for (const char c : text) {
    if (is_control(c)) return true;
  }
  return false;
}

/// Well-formed UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = 1;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      length = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      length = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else if (lead >= 0x80) {
      return false;
    }
    if (i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next < (k == 1 ? low : 0x80) || next > (k == 1 ? high : 0xBF)) return false;
    }
    i += length;
  }
  return true;
}

std::unexpected<Error> refuse(std::string param, std::string message) {
  return std::unexpected(
      Error(ErrorKind::invalid_argument, "invalid_event", std::move(message)).with_param(std::move(param)));
}

Result<void> validate_type(std::string_view type) {
  if (type.size() > kMaxTypeBytes) return refuse("type", "The event type is longer than 256 bytes.");
  if (has_control(type) || !is_utf8(type)) {
    return refuse("type", "The event type holds a control character or is not UTF-8.");
  }
  if (type.starts_with(kReservedTypePrefix)) {
    return refuse("type", "Event types that begin with \"inkwell.\" are the server's own.");
  }
  return {};
}

Result<void> validate_topics(const Event& event, std::size_t& bytes) {
  if (event.topics.size() > kMaxTopics) return refuse("topics", "An event can have at most 100 topics.");
  for (const auto& topic : event.topics) {
    if (topic.empty() || topic.size() > kMaxTopicBytes) {
      return refuse("topics", "A topic must have 1 to 1024 bytes.");
    }
    if (has_control(topic) || !is_utf8(topic)) {
      return refuse("topics", "A topic holds a control character or is not UTF-8.");
    }
    bytes += topic.size();
  }
  return {};
}

}  // namespace

StoredEvent EventView::copy() const {
  StoredEvent stored{.id = id, .predecessor = predecessor, .event = {}};
  stored.event.data = data;
  stored.event.type = type;
  stored.event.topics.assign(topics.begin(), topics.end());
  stored.event.is_private = is_private;
  stored.event.retry_ms = retry_ms;
  return stored;
}

Result<void> validate(const Event& event) {
  if (auto good = validate_type(event.type); !good) return good;
  std::size_t bytes = event.data.size() + event.type.size();
  if (auto good = validate_topics(event, bytes); !good) return good;
  if (event.retry_ms && *event.retry_ms > kMaxRetryMs) {
    return refuse("retry", "The reconnection time must be at most 300000 milliseconds.");
  }
  if (!is_utf8(event.data)) return refuse("data", "The data is not UTF-8.");
  if (bytes > kMaxEventBytes) {
    return std::unexpected(Error(ErrorKind::too_large, "event_too_large", "The event is larger than 1 MiB.",
                                 "Store the payload elsewhere and publish a reference to it.")
                               .with_param("data"));
  }
  return {};
}

Result<void> validate_channel_name(std::string_view name) {
  const char* fault = nullptr;
  if (name.empty() || name.size() > kMaxChannelNameBytes) {
    fault = "A channel name must have 1 to 256 bytes.";
  } else if (has_control(name)) {
    fault = "A channel name cannot hold control characters.";
  } else if (!is_utf8(name)) {
    fault = "A channel name must be UTF-8.";
  }
  if (!fault) return {};
  return std::unexpected(Error(ErrorKind::invalid_argument, "invalid_channel_name", fault).with_param("name"));
}

std::string_view name_of(GapReason reason) noexcept {
  switch (reason) {
    case GapReason::trimmed:
      return "trimmed";
    case GapReason::unknown_cursor:
      return "unknown_cursor";
    case GapReason::malformed_cursor:
      return "malformed_cursor";
    case GapReason::removed:
      return "removed";
  }
  return "unknown_cursor";
}

EventRef make_broadcast(const EventView& event) {
  auto made = std::make_shared<BroadcastEvent>();
  made->id = event.id;
  made->predecessor = event.predecessor;
  made->is_private = event.is_private;
  if (event.type == kEndType) made->kind = BroadcastEvent::Kind::end;
  made->topics.assign(event.topics.begin(), event.topics.end());
  const std::string id = event.id.to_string();
  wire::append_event(made->wire, {.type = event.type, .retry_ms = event.retry_ms, .id = id, .data = event.data});
  return made;
}

EventRef make_broadcast(const Gap& gap) {
  auto made = std::make_shared<BroadcastEvent>();
  made->id = gap.from;
  made->predecessor = gap.from;
  made->kind = BroadcastEvent::Kind::gap;
  const auto quoted = [](const EventId& id) { return fmt::format("\"{}\"", id.to_string()); };
  const std::string data =
      fmt::format(R"({{"from":{},"to":{},"reason":"{}"}})", gap.from == kNoEvent ? "null" : quoted(gap.from),
                  gap.to ? quoted(*gap.to) : "null", name_of(gap.reason));
  // It has no id line: the client's cursor stays where it was until the next real event moves it.
  wire::append_event(made->wire, {.type = kGapType, .retry_ms = std::nullopt, .id = {}, .data = data});
  return made;
}

}  // namespace inkwell::events
