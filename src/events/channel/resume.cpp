#include "events/channel/resume.hpp"

namespace inkwell::events {

Continuation continue_after(EventId cursor, const std::vector<EventRef>& run) noexcept {
  if (cursor == kNoEvent) return {.first = 0, .unbroken = true};  // from the oldest: whatever is there is all
  if (run.empty()) return {};
  if (run.front()->id == cursor) return {.first = 1, .unbroken = true};
  return {.first = 0, .unbroken = run.front()->predecessor == cursor};
}

bool starts_at_oldest(EventId cursor, const std::vector<EventRef>& run) noexcept {
  return !run.empty() && (run.front()->predecessor == kNoEvent || run.front()->predecessor > cursor);
}

}  // namespace inkwell::events
