#include "events/channel/feed.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "events/node.hpp"

namespace inkwell::events {
namespace {

/// Item::after of a reader's own notice, which has no place in ring or piece.
constexpr std::uint64_t kNotice = std::numeric_limits<std::uint64_t>::max();

std::optional<std::size_t> index_after(const std::vector<EventRef>& run, EventId cursor) noexcept {
  auto it =
      std::lower_bound(run.begin(), run.end(), cursor, [](const EventRef& e, EventId value) { return e->id < value; });
  if (it == run.end() || (*it)->id != cursor) return std::nullopt;
  return static_cast<std::size_t>(it - run.begin()) + 1;  // a gap mark with this id comes after the event itself
}

}  // namespace

Feed::Feed(Node& node, std::string channel, std::uint64_t token)
    : node_(node),
      channel_(std::move(channel)),
      token_(token),
      ring_(node.options().chain.ring_bytes),
      idle_since_(std::chrono::steady_clock::now()) {}

std::size_t Feed::readers() const noexcept {
  std::size_t count = 0;
  for (const auto& readers : lists_) count += readers.size();
  return count;
}

void Feed::add(Reader& reader) {
  reader.feed_ = this;
  reader.state_ = State::joining;
  reader.index_ = static_cast<std::uint32_t>(list(State::joining).size());
  list(State::joining).push_back(&reader);
  if (live_) place(reader);
}

void Feed::remove(Reader& reader) {
  unlink(reader);
  if (reader.queued_) node_.forget(reader);
  reader.feed_ = nullptr;
  reader.piece_.reset();
  if (readers() == 0) idle_since_ = std::chrono::steady_clock::now();
}

void Feed::unlink(Reader& reader) {
  auto& from = list(reader.state_);
  from[reader.index_] = from.back();
  from[reader.index_]->index_ = reader.index_;
  from.pop_back();
}

void Feed::move(Reader& reader, State to) {
  if (reader.state_ == to) return;
  unlink(reader);
  reader.state_ = to;
  reader.index_ = static_cast<std::uint32_t>(list(to).size());
  list(to).push_back(&reader);
}

void Feed::place(Reader& reader) {
  switch (reader.start_.kind) {
    case Start::Kind::live:
      attach(reader, ring_.end());
      return joined(reader, std::nullopt);
    case Start::Kind::malformed:
      reader.notice_ = make_broadcast(Gap{.from = kNoEvent, .to = {}, .reason = GapReason::malformed_cursor});
      attach(reader, ring_.end());
      return joined(reader, GapReason::malformed_cursor);
    case Start::Kind::oldest:
      if (ring_.base() != kNoEvent) return wait_for_log(reader);
      attach(reader, ring_.begin());
      return joined(reader, std::nullopt);
    case Start::Kind::after:
      reader.cursor_ = reader.start_.id;
      if (!attach_by_cursor(reader)) return wait_for_log(reader);
      ++node_.counts_.attached_from_ring;
      return joined(reader, std::nullopt);
  }
}

void Feed::joined(Reader& reader, std::optional<GapReason> gap) {
  if (std::exchange(reader.joined_, true)) return;
  reader.on_joined(gap);
}

void Feed::attach(Reader& reader, std::uint64_t position) {
  reader.piece_.reset();
  reader.place_ = position;
  if (position == ring_.end()) reader.cursor_ = ring_.last();
  move(reader, State::attached);
  if (position < ring_.end() || reader.notice_) node_.wake_later(reader);
}

bool Feed::attach_by_cursor(Reader& reader) {
  const auto position = ring_.after(reader.cursor_);
  if (position) attach(reader, *position);
  return position.has_value();
}

void Feed::wait_for_log(Reader& reader) {
  reader.piece_.reset();
  move(reader, State::waiting);
  if (std::exchange(reading_, true)) return;
  node_.gate_.spawn("events: history", serve_history(shared_from_this()));
}

void Feed::restart(const Snapshot& snapshot) {
  ring_.restart(snapshot.base);
  for (const auto& event : snapshot.events) ring_.push(event);
  live_ = true;
  for (const State state : {State::attached, State::parked}) {  // a full mailbox cost us events in between
    const auto readers = list(state);
    for (Reader* reader : readers) {
      if (!attach_by_cursor(*reader)) wait_for_log(*reader);
    }
  }
  auto& joining = list(State::joining);
  while (!joining.empty()) place(*joining.back());
}

void Feed::append(EventRef event) {
  if (!live_) return;  // the snapshot on its way has it
  ring_.push(std::move(event));
  auto& parked = list(State::parked);
  for (std::size_t i = parked.size(); i-- > 0;) {
    Reader& reader = *parked[i];
    if (!attach_by_cursor(reader) && ring_.last() > reader.cursor_) wait_for_log(reader);
  }
}

void Feed::flush() {
  auto& attached = list(State::attached);
  for (std::size_t i = 0; i < attached.size();) {
    Reader* reader = attached[i];
    if (reader->place_ < ring_.end()) reader->on_ready();
    if (i < attached.size() && attached[i] == reader) ++i;  // else it left, and another took its index
  }
}

bool Feed::tick() {
  auto& parked = list(State::parked);
  const bool any = !parked.empty();
  while (!parked.empty()) wait_for_log(*parked.back());
  return any;
}

std::size_t Feed::peek(Reader& reader, std::span<Reader::Item> items) {
  std::size_t count = 0;
  if (reader.notice_ && !items.empty()) items[count++] = {.event = &reader.notice_, .after = kNotice};
  if (reader.state_ == State::history) count += peek_piece(reader, items.subspan(count));
  if (reader.state_ == State::attached) count += peek_ring(reader, items.subspan(count));
  return count;
}

std::size_t Feed::peek_piece(Reader& reader, std::span<Reader::Item> items) {
  const auto& run = reader.piece_->events;
  std::size_t count = 0;
  std::uint64_t at = reader.place_;
  for (; at < run.size() && count < items.size(); ++at) {
    const auto& event = run[at];
    if (reader.selector_ && !event->is_gap() && !reader.selector_->wants(*event)) continue;
    items[count++] = {.event = &event, .after = at + 1};
  }
  if (count > 0 || items.empty()) return count;
  reader.cursor_ = run.back()->id;  // nothing in the rest of it is wanted
  end_of_piece(reader);
  return 0;
}

std::size_t Feed::peek_ring(Reader& reader, std::span<Reader::Item> items) {
  if (reader.place_ < ring_.begin()) {
    ++node_.counts_.fell_behind;
    wait_for_log(reader);
    return 0;
  }
  std::size_t count = 0;
  for (std::uint64_t at = reader.place_; at < ring_.end() && count < items.size(); ++at) {
    const auto& event = ring_[at];
    if (reader.selector_ && !event->is_gap() && !reader.selector_->wants(*event)) continue;
    items[count++] = {.event = &event, .after = at + 1};
  }
  if (count == 0 && !items.empty() && reader.place_ < ring_.end()) {
    reader.place_ = ring_.end();
    reader.cursor_ = ring_.last();
  }
  return count;
}

void Feed::consume(Reader& reader, const Reader::Item& item) {
  if (item.after == kNotice) {
    reader.notice_.reset();
    return;
  }
  reader.place_ = item.after;
  reader.cursor_ = (*item.event)->id;
  if (reader.state_ == State::history && reader.place_ >= reader.piece_->events.size()) end_of_piece(reader);
}

void Feed::end_of_piece(Reader& reader) {
  const bool complete = reader.piece_->complete;
  if (attach_by_cursor(reader)) return;
  reader.piece_.reset();
  if (complete) {
    move(reader, State::parked);
  } else {
    wait_for_log(reader);
  }
}

asio::awaitable<void> Feed::serve_history(std::shared_ptr<Feed> self) {
  asio::steady_timer timer(self->node_.executor_);
  Backoff backoff(std::chrono::milliseconds(50), std::chrono::seconds(2), random_seed());
  auto& waiting = self->list(State::waiting);
  while (!waiting.empty()) {
    const EventId from = self->oldest_wanted();
    ++self->node_.counts_.history_reads;
    auto read = co_await self->node_.log_.read_from(self->channel_, from, self->node_.options_.history_batch);
    if (!read) {  // Redis is away: its readers have their heartbeats meanwhile
      timer.expires_after(std::chrono::milliseconds(20) + backoff.next());
      co_await timer.async_wait(asio::use_awaitable);
      continue;
    }
    backoff.reset();
    self->node_.counts_.damaged += read->damaged;
    const auto piece = std::make_shared<const LogPiece>(std::move(*read));
    self->distribute(from, piece);
  }
  self->reading_ = false;
}

EventId Feed::oldest_wanted() const {
  const auto& waiting = lists_[static_cast<std::size_t>(State::waiting)];
  const auto oldest = std::min_element(waiting.begin(), waiting.end(),
                                       [](const Reader* a, const Reader* b) { return a->cursor_ < b->cursor_; });
  return (*oldest)->cursor_;
}

void Feed::distribute(EventId from, const std::shared_ptr<const LogPiece>& piece) {
  auto& waiting = list(State::waiting);
  for (std::size_t i = waiting.size(); i-- > 0;) {
    if (i < waiting.size()) serve(*waiting[i], from, piece);
  }
}

void Feed::serve(Reader& reader, EventId from, const std::shared_ptr<const LogPiece>& piece) {
  if (reader.cursor_ != kNoEvent && attach_by_cursor(reader)) return joined(reader, std::nullopt);
  const auto& run = piece->events;
  if (reader.cursor_ != from) {
    if (const auto index = index_after(run, reader.cursor_)) enter(reader, piece, *index);
    return;
  }
  if (from == kNoEvent) return rewind(reader, piece);
  const auto next = continue_after(from, run);
  if (next.unbroken) return enter(reader, piece, next.first);
  if (starts_at_oldest(from, run)) {
    reader.notice_ = make_broadcast(Gap{.from = from, .to = run.front()->id, .reason = GapReason::trimmed});
    joined(reader, GapReason::trimmed);
    if (reader.feed_) enter(reader, piece, 0);
    return;
  }
  // The log doesn't know the cursor: whatever it holds may be new to this client.
  reader.rewound_ = true;
  reader.start_.id = from;
  reader.cursor_ = kNoEvent;
}

void Feed::rewind(Reader& reader, const std::shared_ptr<const LogPiece>& piece) {
  const auto& run = piece->events;
  std::optional<GapReason> reason;
  if (std::exchange(reader.rewound_, false)) {
    reason = GapReason::unknown_cursor;
  } else if (reader.joined_ && !run.empty() && run.front()->predecessor != kNoEvent) {
    reason = GapReason::trimmed;  // it joined an empty log, fell behind, and the log has been cut since
  }
  if (reason) {
    const EventId lost = *reason == GapReason::unknown_cursor ? reader.start_.id : kNoEvent;
    reader.notice_ = make_broadcast(
        Gap{.from = lost, .to = run.empty() ? std::nullopt : std::optional(run.front()->id), .reason = *reason});
  }
  if (run.empty()) {
    attach(reader, ring_.begin());
    return joined(reader, reason);
  }
  joined(reader, reason);
  if (reader.feed_) enter(reader, piece, 0);
}

void Feed::enter(Reader& reader, const std::shared_ptr<const LogPiece>& piece, std::size_t index) {
  joined(reader, std::nullopt);
  if (!reader.feed_) return;
  if (index < piece->events.size()) {
    reader.piece_ = piece;
    reader.place_ = index;
    move(reader, State::history);
    return node_.wake_later(reader);
  }
  // It has all there was. Where the log has more it stays and waits for the next read, which begins at its cursor; but
  // a read that began there and gave nothing new would give nothing again.
  const bool nothing_new = piece->events.empty() || piece->events.size() == 1;
  if (piece->complete || nothing_new) move(reader, State::parked);
}

}  // namespace inkwell::events
