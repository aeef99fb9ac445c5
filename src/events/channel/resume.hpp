// The resume rule: how a reader at a cursor goes on in a run of the log, and whether it missed something. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "events/event.hpp"

namespace inkwell::events {

/// One piece of the log in log order, in the form it is sent in. Holes between entries (deleted or damaged ones) are
/// marked by gap events.
struct LogPiece {
  std::vector<EventRef> events;
  std::size_t damaged = 0;  ///< entries that were no events and were left out
  bool complete = false;    ///< the log held nothing beyond it when it was read

  bool empty() const noexcept { return events.empty(); }
};

/// Where in a run of entries, read from a cursor on (inclusive), a reader at that cursor goes on.
struct Continuation {
  std::size_t first = 0;  ///< index of the first entry it hasn't seen
  bool unbroken = false;  ///< nothing between the cursor and that entry is missing
};
/// The resume rule. `from` has been read inclusively: nothing is lost when the first entry is the cursor itself, or
/// names it as its predecessor. In every other case, an empty run included, something may be.
Continuation continue_after(EventId cursor, const std::vector<EventRef>& run) noexcept;

/// Whether the run's first entry is the oldest the log has, given that it was read from `cursor` on and the cursor was
/// not in it: it is when its predecessor is younger than the cursor (and so was cut off) or it has none. Otherwise
/// entries older than the cursor are still there.
bool starts_at_oldest(EventId cursor, const std::vector<EventRef>& run) noexcept;

}  // namespace inkwell::events
