// What an event is, in its three forms: as its publisher wrote it (Event), as a borrowed view of bytes that came from
// Redis (EventView), and as the immutable buffer all its subscribers are sent (BroadcastEvent). Values; a
// BroadcastEvent is shared by reference between threads and never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "events/event_id.hpp"

namespace inkwell::events {

/// An event as its publisher gives it.
struct Event {
  std::string data{};                       ///< any UTF-8 text; line breaks of every kind reach the client as LF
  std::string type{};                       ///< the SSE event type; empty means "message"
  std::vector<std::string> topics{};        ///< labels to select by
  bool is_private = false;                  ///< for subscribers that are authorised for one of its topics only
  std::optional<std::uint32_t> retry_ms{};  ///< reconnection time it sets at the client
};

/// An event as it stands in the log.
struct StoredEvent {
  EventId id;
  EventId predecessor;
  Event event;
};

/// The same, borrowed: lives no longer than the bytes it was decoded from.
struct EventView {
  EventId id;
  EventId predecessor;  ///< the event before it in the log when it was appended; kNoEvent for a log's first
  std::string_view data;
  std::string_view type;
  std::vector<std::string_view> topics;
  bool is_private = false;
  std::optional<std::uint32_t> retry_ms{};

  StoredEvent copy() const;
};

/// Bounds of what may be published.
inline constexpr std::size_t kMaxEventBytes = 1U << 20;  ///< data, type and topics together
inline constexpr std::size_t kMaxTypeBytes = 256;
inline constexpr std::size_t kMaxTopics = 100;
inline constexpr std::size_t kMaxTopicBytes = 1024;
inline constexpr std::uint32_t kMaxRetryMs = 300'000;
inline constexpr std::size_t kMaxBatchEvents = 1000;
inline constexpr std::size_t kMaxChannelNameBytes = 256;
inline constexpr std::size_t kMaxIdempotencyKeyBytes = 256;

/// Types that begin so are the hub's own ("inkwell.gap"); nobody else may publish them.
inline constexpr std::string_view kReservedTypePrefix = "inkwell.";
inline constexpr std::string_view kGapType = "inkwell.gap";
inline constexpr std::string_view kEndType = "inkwell.end";  ///< ends a generation

/// Whether it may be published; the error names the field at fault. Control characters in the type or in a topic are
/// refused: they could forge lines of the stream.
Result<void> validate(const Event& event);

/// 1 to 256 bytes of UTF-8 without control characters.
Result<void> validate_channel_name(std::string_view name);

/// Why a client may have missed something.
enum class GapReason : std::uint8_t {
  trimmed,           ///< the log was cut to its length, or expired, past the cursor
  unknown_cursor,    ///< the log never held the cursor, or holds nothing, or lost its end in a failover
  malformed_cursor,  ///< what the client sent is no id
  removed,           ///< events in the middle of the log were deleted or damaged
};
std::string_view name_of(GapReason reason) noexcept;

struct Gap {
  EventId from;               ///< the last event before it; kNoEvent when that is not known
  std::optional<EventId> to;  ///< the first event after it, where there is one yet
  GapReason reason;
};

/// An event ready to be sent. Also what marks a gap, so that a gap keeps its place among the events.
struct BroadcastEvent {
  enum class Kind : std::uint8_t { event, gap, end };

  EventId id;           ///< of a gap: the event before it, so that ids never fall inside a run
  EventId predecessor;  ///< of a gap: the same
  Kind kind = Kind::event;
  bool is_private = false;
  std::vector<std::string> topics;
  std::string wire;  ///< the whole of it as text/event-stream

  bool is_gap() const noexcept { return kind == Kind::gap; }
  bool is_end() const noexcept { return kind == Kind::end; }
  /// What it costs to keep, roughly.
  std::size_t weight() const noexcept { return sizeof(BroadcastEvent) + 64 + wire.size(); }
};
using EventRef = std::shared_ptr<const BroadcastEvent>;

EventRef make_broadcast(const EventView& event);
EventRef make_broadcast(const Gap& gap);

}  // namespace inkwell::events
