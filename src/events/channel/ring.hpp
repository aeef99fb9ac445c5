// Ring: the recent events of a channel in log order, ready to be sent, bounded in bytes. Positions are absolute: they
// count up for ever and stay valid until the event has been dropped from the front. Events are shared; the ring itself
// belongs to one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "events/event.hpp"

namespace inkwell::events {

class Ring {
 public:
  /// Keeps at most `max_bytes` (by BroadcastEvent::weight) but always the newest event.
  explicit Ring(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Forgets everything. `base` is the event that stands right before whatever is appended next: kNoEvent when the log
  /// was empty, nothing when a gap stands there.
  void restart(std::optional<EventId> base);

  void push(EventRef event);

  std::uint64_t begin() const noexcept { return first_; }
  std::uint64_t end() const noexcept { return first_ + events_.size(); }
  bool empty() const noexcept { return events_.empty(); }
  /// `position` must be in [begin, end).
  const EventRef& operator[](std::uint64_t position) const noexcept { return events_[position - first_]; }

  /// The position right after the event `id`, where that event, or the one right before the ring's first, is `id`.
  std::optional<std::uint64_t> after(EventId id) const noexcept;
  bool contains(EventId id) const noexcept { return find(id).has_value(); }

  /// The newest event's id; the base when the ring is empty.
  EventId last() const noexcept { return last_; }
  /// What stands right before the first event, unless a gap does.
  std::optional<EventId> base() const noexcept { return base_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return events_.size(); }

 private:
  std::optional<std::uint64_t> find(EventId id) const noexcept;
  void drop_first();

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::deque<EventRef> events_;
  std::uint64_t first_ = 0;
  EventId last_{};
  std::optional<EventId> base_ = kNoEvent;
  std::size_t descents_ = 0;  ///< neighbours whose ids fall: after a failover that lost a tail. Search is linear then.
};

}  // namespace inkwell::events
