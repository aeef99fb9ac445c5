#include "events/channel/ring.hpp"

#include <algorithm>

namespace inkwell::events {

void Ring::restart(std::optional<EventId> base) {
  first_ += events_.size();  // positions handed out before never become valid again
  events_.clear();
  bytes_ = 0;
  descents_ = 0;
  base_ = base;
  last_ = base.value_or(kNoEvent);
}

void Ring::push(EventRef event) {
  if (!events_.empty() && event->id < events_.back()->id) ++descents_;
  bytes_ += event->weight();
  if (!event->is_gap()) last_ = event->id;
  events_.push_back(std::move(event));
  while (bytes_ > max_bytes_ && events_.size() > 1) drop_first();
}

void Ring::drop_first() {
  const auto& first = events_.front();
  if (events_.size() > 1 && events_[1]->id < first->id) --descents_;
  bytes_ -= first->weight();
  // A cursor that stands before a gap must not be attached after it untold.
  base_ = first->is_gap() ? std::nullopt : std::optional(first->id);
  events_.pop_front();
  ++first_;
}

std::optional<std::uint64_t> Ring::find(EventId id) const noexcept {
  const auto matches = [&](const EventRef& event) { return event->id == id && !event->is_gap(); };
  if (descents_ > 0) {
    const auto it = std::find_if(events_.rbegin(), events_.rend(), matches);
    if (it == events_.rend()) return std::nullopt;
    return end() - 1 - static_cast<std::uint64_t>(it - events_.rbegin());
  }
  auto it = std::lower_bound(events_.begin(), events_.end(), id,
                             [](const EventRef& event, EventId value) { return event->id < value; });
  while (it != events_.end() && (*it)->id == id && !matches(*it)) ++it;
  if (it == events_.end() || !matches(*it)) return std::nullopt;
  return first_ + static_cast<std::uint64_t>(it - events_.begin());
}

std::optional<std::uint64_t> Ring::after(EventId id) const noexcept {
  if (base_ == id && id != kNoEvent) return first_;
  if (const auto position = find(id)) return *position + 1;
  return std::nullopt;
}

}  // namespace inkwell::events
