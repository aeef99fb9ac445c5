// Log: the stored side of a channel, a Redis stream. Publishing is one script (publish.lua: idempotency record, append,
// trim, lifetimes, live push); reading is XRANGE in bounded pieces. Each entry names the entry before it, so a reader
// can tell whether it missed one. Holds no state; lives on its store's executor (one thread).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "events/channel/resume.hpp"
#include "events/event.hpp"
#include "events/options.hpp"
#include "keyspace/store.hpp"

namespace inkwell::events {

struct Published {
  std::vector<EventId> ids;  ///< in the order of the events
  bool replayed = false;     ///< an earlier publish with the same key had appended them
};

/// A page of the log as it was published.
struct LogPage {
  std::vector<StoredEvent> events;
  std::optional<Gap> gap;  ///< before the first of them, when the cursor was lost
  bool has_more = false;
};

class Log {
 public:
  /// `store` must outlive the log.
  explicit Log(keyspace::Store& store) : store_(store) {}

  /// Appends `events` (valid ones, 1 to kMaxBatchEvents) as one step and pushes them to whoever listens. An Error with
  /// outcome_unknown() names the remedy: the same call with an idempotency key.
  asio::awaitable<Result<Published>> publish(std::string channel, std::vector<Event> events, PublishOptions options);

  /// Entries from `from` on, itself included when it is still there; kNoEvent reads from the oldest.
  asio::awaitable<Result<LogPiece>> read_from(std::string channel, EventId from, std::size_t count);
  /// The newest `count` entries, oldest first.
  asio::awaitable<Result<LogPiece>> read_newest(std::string channel, std::size_t count);

  /// What `read_page` starts after.
  struct After {
    enum class Kind : std::uint8_t { newest, oldest, event, malformed };
    Kind kind = Kind::newest;  ///< `newest`: the last `limit` events
    EventId id{};
  };
  asio::awaitable<Result<LogPage>> read_page(std::string channel, After after, std::size_t limit);

 private:
  keyspace::Store& store_;
};

/// Decodes an XRANGE or XREVRANGE reply's entry; nothing when it isn't an event of ours. Borrows from the reply.
std::optional<EventView> decode_entry(redis::View entry);

}  // namespace inkwell::events
