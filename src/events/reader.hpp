// Reader: one subscriber's place in a channel. It has no queue: it is a cursor, into the ring of recent events its
// worker shares among all its readers, or, while it is behind, into a piece of the log. Whoever derives from it takes
// events when told that there are some, at its own pace. Lives on its node's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "events/channel/resume.hpp"

namespace inkwell::events {

class Feed;

/// What a reader wants of its channel. Immutable.
class Selector {
 public:
  virtual ~Selector() = default;
  virtual bool wants(const BroadcastEvent& event) const = 0;
};

/// Where a reader begins.
struct Start {
  enum class Kind : std::uint8_t {
    live,       ///< with the first event after the subscription holds
    oldest,     ///< with everything retained
    after,      ///< after the event `id`
    malformed,  ///< the client's cursor is no id: told as a gap, then live
  };
  Kind kind = Kind::live;
  EventId id{};
};
/// What a client sent as its last event id: an id, "earliest", or something malformed.
Start start_after(std::string_view cursor) noexcept;

class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader();

  /// An event to send next.
  struct Item {
    const EventRef* event;  ///< valid until control returns to the loop, or until the item is consumed
    std::uint64_t after;    ///< the reader's place once it has been taken
  };
  /// Fills `items` with what comes next and returns how many; 0 when there is nothing now (on_ready will tell).
  /// It may find that the ring has moved on past the reader, which then goes back to the log.
  std::size_t peek(std::span<Item> items);
  /// Takes the item and everything before it. Items are taken in order, each at most once.
  void consume(const Item& item);

  /// Leaves the channel. Nothing is called afterwards. May be called at any time, in callbacks too.
  void leave();
  bool following() const noexcept { return feed_ != nullptr; }
  /// The last event taken (or passed over by the selector).
  EventId cursor() const noexcept { return cursor_; }

 protected:
  /// The reader has found its place: with nothing lost, or with a gap that its first event tells of. Called once.
  virtual void on_joined(std::optional<GapReason> gap) = 0;
  /// peek() may have something. Called at most once a turn of the loop for live events. May leave().
  virtual void on_ready() = 0;

 private:
  friend class Feed;
  friend class Node;

  enum class State : std::uint8_t {
    joining,   ///< the feed has no snapshot yet
    waiting,   ///< for a read of the log from its cursor on
    history,   ///< in a piece of the log
    parked,    ///< at the end of the log as it was read; the ring hasn't come so far
    attached,  ///< in the ring
  };

  Feed* feed_ = nullptr;
  std::uint32_t index_ = 0;  ///< in the feed's list of readers in this state
  State state_ = State::joining;
  bool joined_ = false;
  bool queued_ = false;   ///< on_ready is on its way
  bool rewound_ = false;  ///< its cursor was lost: it goes on from the oldest, with a gap told first
  Start start_;
  EventId cursor_{};
  std::uint64_t place_ = 0;                ///< the next event's position in the ring or index in the piece
  std::shared_ptr<const LogPiece> piece_;  ///< in state history
  EventRef notice_;                        ///< a gap of its own, to be sent first
  std::unique_ptr<const Selector> selector_;
};

}  // namespace inkwell::events
