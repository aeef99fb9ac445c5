#include "events/channel/chain.hpp"

#include <algorithm>

namespace inkwell::events {

void Chain::subscribed() {
  listening_ = true;
  want(ready_ ? Purpose::verify : Purpose::first);
}

void Chain::lost() {
  listening_ = false;
  read_.reset();
  backlog_.clear();  // the read after the next confirmation covers them
  backlog_bytes_ = 0;
  overflowed_ = false;
}

void Chain::check() {
  if (listening_ && !read_) want(Purpose::check);
}

void Chain::want(Purpose purpose) {
  purpose_ = purpose;
  if (purpose != Purpose::resync) lost_sight_ = purpose == Purpose::verify;
  covered_ = backlog_.size();
  overflowed_ = false;
  const bool newest = purpose == Purpose::first || purpose == Purpose::resync;
  read_ = Read{.kind = newest ? Read::Kind::newest : Read::Kind::from,
               .from = expected_,
               .count = purpose == Purpose::first    ? options_.prefill
                        : purpose == Purpose::resync ? options_.resync_entries
                                                     : options_.repair_batch,
               .ticket = ++tickets_};
  if (purpose == Purpose::verify || purpose == Purpose::repair) ++stats_.repairs;
}

void Chain::live(EventRef event) {
  if (!listening_) return;
  if (!read_) return process(std::move(event));
  backlog_bytes_ += event->weight();
  backlog_.push_back(std::move(event));
  if (backlog_.size() > options_.backlog_events || backlog_bytes_ > options_.backlog_bytes) {
    backlog_.clear();
    backlog_bytes_ = 0;
    covered_ = 0;
    overflowed_ = true;
  }
}

void Chain::answer(std::uint64_t ticket, const LogPiece& piece) {
  if (!read_ || read_->ticket != ticket) return;
  read_.reset();
  switch (purpose_) {
    case Purpose::first:
      return start(piece);
    case Purpose::resync:
      return resync(piece);
    case Purpose::verify:
    case Purpose::repair:
    case Purpose::check:
      return fill(piece);
  }
}

void Chain::start(const LogPiece& piece) {
  ready_ = true;
  expected_ = piece.empty() ? kNoEvent : piece.events.front()->predecessor;
  ring_.restart(expected_);
  append_from(piece.events, 0);
  settle();
}

void Chain::fill(const LogPiece& piece) {
  // Nothing from our last event on: the log is gone, or has only older entries.
  if (piece.empty()) return want(Purpose::resync);
  const auto& run = piece.events;
  const auto next = continue_after(expected_, run);
  const bool from_nothing = expected_ == kNoEvent;
  const bool unbroken = from_nothing ? run.front()->predecessor == kNoEvent : next.unbroken;
  if (!unbroken && !from_nothing && !starts_at_oldest(expected_, run)) return want(Purpose::resync);
  // A log that began anew while we listened without a break lost nothing of ours: it had expired.
  const bool began_anew = purpose_ == Purpose::check && run.front()->predecessor == kNoEvent;
  if (!unbroken && !began_anew) gap(run.front()->id, GapReason::trimmed);
  append_from(run, next.first);
  const bool progress = run.size() > next.first;
  if (piece.complete || !progress) return settle();
  want(Purpose::repair);
}

void Chain::log_is_empty() {
  if (lost_sight_ && expected_ != kNoEvent) gap(std::nullopt, GapReason::unknown_cursor);
  // What came live and is in no log any more (it expired at once) is still an event.
  for (std::size_t i = 0; i < covered_; ++i) {
    const auto& event = backlog_[i];
    if (ring_.contains(event->id)) continue;
    if (event->predecessor != expected_) gap(event->id, GapReason::trimmed);
    append(event);
  }
  expected_ = kNoEvent;
}

void Chain::resync(const LogPiece& piece) {
  const auto& run = piece.events;
  if (run.empty()) {
    log_is_empty();
    return settle();
  }
  std::size_t first = 0;
  for (std::size_t i = run.size(); i > 0; --i) {
    if (run[i - 1]->is_gap() || !ring_.contains(run[i - 1]->id)) continue;
    first = i;
    break;
  }
  // A log that was empty when it was read from our last event on may have begun anew since: not a fork.
  const bool follows = first == 0 && run.front()->predecessor == expected_;
  const bool began_anew =
      first == 0 && !lost_sight_ && run.front()->predecessor == kNoEvent && run.front()->id > ring_.last();
  if (!follows && !began_anew) {
    gap(first < run.size() ? std::optional(run[first]->id) : std::nullopt, GapReason::unknown_cursor);
  }
  append_from(run, first);
  expected_ = run.back()->id;
  settle();
}

void Chain::settle() {
  while (!backlog_.empty() && !read_) {
    EventRef event = std::move(backlog_.front());
    backlog_.pop_front();
    backlog_bytes_ -= event->weight();
    if (covered_ == 0) {
      process(std::move(event));
      continue;
    }
    --covered_;
    if (event->predecessor == expected_ && !ring_.contains(event->id)) {
      append(std::move(event));
    } else {
      ++stats_.duplicates;  // the log was read after it came: it is in there, or has been trimmed since
    }
  }
  if (overflowed_ && !read_) want(Purpose::repair);
}

void Chain::process(EventRef event) {
  if (ring_.contains(event->id)) {
    ++stats_.duplicates;
    return;
  }
  const bool log_began_anew = event->predecessor == kNoEvent && event->id > ring_.last();
  if (event->predecessor == expected_ || log_began_anew) return append(std::move(event));
  backlog_bytes_ += event->weight();
  backlog_.push_front(std::move(event));
  want(Purpose::repair);
}

void Chain::append(EventRef event) {
  if (!event->is_gap()) expected_ = event->id;
  ring_.push(event);
  if (event->is_gap()) {
    ++stats_.gaps;
  } else {
    ++stats_.appended;
  }
  appended_.push_back(std::move(event));
}

void Chain::gap(std::optional<EventId> to, GapReason reason) {
  append(make_broadcast(Gap{.from = ring_.last(), .to = to, .reason = reason}));
}

void Chain::append_from(const std::vector<EventRef>& events, std::size_t first) {
  for (std::size_t i = first; i < events.size(); ++i) {
    if (events[i]->is_gap() || !ring_.contains(events[i]->id)) append(events[i]);
  }
}

}  // namespace inkwell::events
