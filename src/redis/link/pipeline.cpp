#include "redis/link/pipeline.hpp"

#include "redis/link/encoded.hpp"
#include "redis/link/server_error.hpp"
#include "redis/spare_wire.hpp"

namespace inkwell::redis::link {
namespace {

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::size_t kCopyBelow = 8192;                     // smaller requests are cheaper copied than scattered
constexpr std::size_t kCopyAtOnce = std::size_t{256} << 10;  // about what a socket takes in one go

Error with_unknown_outcome(const Error& cause) {
  return Error(cause.kind(), cause.code(),
               cause.message() + " The command had been sent; whether it was applied is not known.",
               "Retry it only if applying it twice does no harm.")
      .with_unknown_outcome();
}

}  // namespace

Call::~Call() {
  if (pipeline != nullptr) pipeline->forget(*this);
  give_spare_wire(std::move(wire));
}

Pipeline::Pipeline(Bounds bounds, std::string server, Backoff refusal_backoff)
    : bounds_(bounds), server_(std::move(server)), refusal_backoff_(refusal_backoff) {}

Pipeline::~Pipeline() {
  for (auto place = places_.first(); place != places_.end(); ++place) {
    if (Call* call = places_[place].call) ready_.push_back(*call);
  }
  for (List* list : {&ready_, &queue_, &refused_}) detach(*list);
}

void Pipeline::detach(List& list) noexcept {
  while (!list.empty()) {
    Call& call = list.front();
    list.pop_front();
    call.deadline_hook.unlink();
    call.pipeline = nullptr;
    call.state = Call::State::idle;
    call.continuation.drop();  // may destroy the call
  }
}

// ---- Calls ----

std::optional<Error> Pipeline::submit(Call& call) {
  if (pending() + call.commands > bounds_.max_requests || queued_bytes_ + call.wire.size() > bounds_.max_bytes) {
    counters_.rejected += call.commands;
    return Error(ErrorKind::overloaded, "redis_overloaded",
                 "Too many commands wait for Redis at " + server_ + "; this one was not sent.",
                 "Retry later; raise the queue's bounds if this is normal load.")
        .with_retry_after(std::chrono::seconds(1));
  }
  counters_.requests += call.commands;
  call.pipeline = this;
  enqueue(call, queue_);
  deadlines_.add(call);
  return std::nullopt;
}

void Pipeline::enqueue(Call& call, List& list) {
  call.state = Call::State::queued;
  queued_commands_ += call.commands - call.answered;
  queued_bytes_ += call.wire.size() - call.offset;
  list.push_back(call);
}

void Pipeline::dequeue(Call& call) noexcept {
  call.queue_hook.unlink();
  queued_commands_ -= call.commands - call.answered;
  queued_bytes_ -= call.wire.size() - call.offset;
}

void Pipeline::forget(Call& call) noexcept {
  if (call.state == Call::State::queued) dequeue(call);
  if (call.state == Call::State::in_flight) {
    places_[call.place].call = nullptr;
    if (call.wire.size() >= kCopyBelow && next_piece_ < pieces_.size()) kept_.push_back(std::move(call.wire));
  }
  call.queue_hook.unlink();
  call.deadline_hook.unlink();
  call.pipeline = nullptr;
  call.state = Call::State::idle;
}

Call* Pipeline::take_ready() noexcept {
  if (ready_.empty()) return nullptr;
  Call& call = ready_.front();
  ready_.pop_front();
  call.state = Call::State::idle;
  call.pipeline = nullptr;
  return &call;
}

// The call has all its answers. Its place is gone or no longer knows it.
void Pipeline::make_ready(Call& call) {
  call.deadline_hook.unlink();
  // A server may answer, with an error, what is still being written: those bytes stay until then.
  if (call.wire.size() >= kCopyBelow && next_piece_ < pieces_.size()) kept_.push_back(std::move(call.wire));
  call.state = Call::State::ready;
  ready_.push_back(call);
}

void Pipeline::fill_up(Call& call, const Error& error) {
  if (error.outcome_unknown()) ++counters_.unknown;
  while (call.answered < call.commands) call.answer(std::unexpected(error));
}

// The waiter stops waiting.
void Pipeline::leave(Call& call, const Error& not_applied, const Error& unknown) {
  if (call.state == Call::State::queued) {
    dequeue(call);
    fill_up(call, call.maybe_applied ? with_unknown_outcome(not_applied) : not_applied);
  } else {
    places_[call.place].call = nullptr;
    fill_up(call, with_unknown_outcome(unknown));
  }
  make_ready(call);
}

void Pipeline::cancel(Call& call) {
  if (call.state != Call::State::queued && call.state != Call::State::in_flight) return;
  const Error cancelled(ErrorKind::cancelled, "cancelled", "The wait for Redis was cancelled.");
  leave(call, cancelled, cancelled);
}

// ---- Writing ----

std::span<const std::string_view> Pipeline::output(Clock::time_point now) {
  if (next_piece_ < pieces_.size()) return std::span(pieces_).subspan(next_piece_);
  pieces_.clear();
  kept_.clear();
  out_.clear();
  next_piece_ = piece_begin_ = 0;
  if (now < hold_until_) return {};
  queue_.splice(queue_.begin(), refused_);
  if (queue_.empty() && !ping_due_) return {};
  out_.reserve(kCopyAtOnce + kCopyBelow);  // pieces point into it: it must not move
  if (std::exchange(ping_due_, false)) {
    out_.append(kPing);
    taken_ += kPing.size();
    ++in_flight_commands_;
    places_.push({nullptr, 1, 1, taken_});
  }
  while (!queue_.empty() && out_.size() < kCopyAtOnce && pieces_.size() + 3 <= kPieces) take_into_write(queue_.front());
  close_piece();
  return pieces_;
}

void Pipeline::take_into_write(Call& call) {
  dequeue(call);
  const std::string_view bytes = std::string_view(call.wire).substr(call.offset);
  if (bytes.size() < kCopyBelow) {
    out_.append(bytes);
  } else {
    close_piece();
    pieces_.push_back(bytes);
  }
  taken_ += bytes.size();
  const std::uint32_t left = call.commands - call.answered;
  in_flight_commands_ += left;
  call.state = Call::State::in_flight;
  call.place = places_.push({&call, left, left, taken_});
}

void Pipeline::close_piece() {
  if (out_.size() > piece_begin_) pieces_.push_back(std::string_view(out_).substr(piece_begin_));
  piece_begin_ = out_.size();
}

void Pipeline::wrote(std::size_t bytes) noexcept {
  written_ += bytes;
  while (next_piece_ < pieces_.size() && bytes >= pieces_[next_piece_].size()) bytes -= pieces_[next_piece_++].size();
  if (next_piece_ < pieces_.size()) {
    pieces_[next_piece_].remove_prefix(bytes);
  } else {
    kept_.clear();
  }
}

// ---- Replies ----

bool Pipeline::answer(Reply reply, Clock::time_point now) {
  if (places_.empty()) return false;
  ++counters_.replies;
  --in_flight_commands_;
  Place& place = places_.front();
  Call* const call = place.call;
  if (reply.view().is_error()) [[unlikely]] {
    refuse(call, reply.view().text());
  } else {
    if (call != nullptr) call->answer(std::move(reply));
    if (refused_before_) [[unlikely]] {
      refused_before_ = false;
      refusal_backoff_.reset();
    }
  }
  if (--place.left > 0) return true;
  places_.pop();
  if (call == nullptr) return true;
  if (call->refused > 0 && try_again_later(*call, now)) return true;
  make_ready(*call);
  return true;
}

void Pipeline::refuse(Call* call, std::string_view line) {
  ++counters_.errors;
  if (call == nullptr) return;
  if (reaction_to(line) == Reaction::wait) ++call->refused;
  call->answer(std::unexpected(server_error(line)));
}

// A server that loads its data has applied nothing of what it refused, so all of it can be sent again. A request of
// which a part was applied is not: the rest would come out of order.
bool Pipeline::try_again_later(Call& call, Clock::time_point now) {
  if (call.refused < call.commands) return false;
  call.answered = call.refused = 0;
  call.answers.clear();
  call.offset = 0;
  call.was_refused = true;
  if (!std::exchange(refused_before_, true)) refused_since_ = now;
  if (hold_until_ <= now) {
    const auto wait = refusal_backoff_.next(Backoff::in_proportion_to(now - refused_since_));
    hold_until_ = now + wait + std::chrono::milliseconds(1);
  }
  enqueue(call, refused_);
  return true;
}

// ---- Loss ----

void Pipeline::lost(const Error& cause, Blame blame, bool again) {
  List resend;
  for (bool first = true; !places_.empty(); first = false) {
    const Place place = places_.front();
    places_.pop();
    if (place.call == nullptr) continue;
    if (first && blame == Blame::first) {
      fill_up(*place.call, with_unknown_outcome(cause));
      make_ready(*place.call);
    } else {
      after_loss(place, cause, again, resend);
    }
  }
  in_flight_commands_ = 0;
  queue_.splice(queue_.begin(), refused_);
  queue_.splice(queue_.begin(), resend);
  pieces_.clear();
  kept_.clear();
  next_piece_ = 0;
  taken_ = written_ = 0;
  ping_due_ = false;
  hold_until_ = {};
  if (!again) end_queued(cause);
}

void Pipeline::after_loss(const Place& place, const Error& cause, bool again, List& resend) {
  Call& call = *place.call;
  const std::string_view wire = call.wire;
  for (std::uint32_t i = place.left; i < place.asked; ++i) call.offset += length_of_command(wire.substr(call.offset));
  std::uint64_t end = place.end - (wire.size() - call.offset) + length_of_command(wire.substr(call.offset));
  const bool none_applied = end > written_;  // a server applies whole commands only
  const bool torn = call.answered > 0 && has_wait(wire.substr(call.offset));
  if (torn && again && call.idempotent) return send_again_whole(call, resend);
  if (again && !torn && (none_applied || call.idempotent)) {
    if (!none_applied) {
      counters_.resent += place.left;
      call.maybe_applied = true;
    }
    enqueue(call, resend);
    return;
  }
  const Error unknown = with_unknown_outcome(cause);
  for (std::size_t at = call.offset; call.answered < call.commands;) {
    const bool maybe_applied = end <= written_ || call.maybe_applied;
    if (maybe_applied) ++counters_.unknown;
    call.answer(std::unexpected(maybe_applied ? unknown : cause));
    at += length_of_command(wire.substr(at));
    if (at < wire.size()) end += length_of_command(wire.substr(at));
  }
  make_ready(call);
}

// What was answered by the connection lost may not have reached its replicas, and another connection's WAIT would say
// nothing of it.
void Pipeline::send_again_whole(Call& call, List& resend) {
  counters_.resent += call.commands;
  call.answered = call.refused = 0;
  call.answers.clear();
  call.offset = 0;
  call.maybe_applied = true;
  enqueue(call, resend);
}

void Pipeline::end_queued(const Error& cause) {
  queue_.splice(queue_.begin(), refused_);
  while (!queue_.empty()) {
    leave(queue_.front(), cause, cause);
  }
}

// ---- Time ----

void Pipeline::expire(Clock::time_point now, const std::optional<Error>& offline) {
  deadlines_.expire(last_expiry_, now, [&](Call& call) {
    ++counters_.timeouts;
    const Error unanswered(ErrorKind::deadline_exceeded, "redis_timeout",
                           "Redis at " + server_ + " did not answer within the deadline.",
                           "Look at its load and latency (SLOWLOG, redis-cli --latency).");
    leave(call, why_unsent(call, offline), unanswered);
  });
  last_expiry_ = now;
}

Error Pipeline::why_unsent(const Call& call, const std::optional<Error>& offline) const {
  if (offline) return *offline;
  if (call.was_refused) return server_error("LOADING Redis is loading the dataset in memory");
  return {ErrorKind::deadline_exceeded, "redis_timeout",
          "The command could not be sent to Redis at " + server_ + " within its deadline; it was not applied.",
          "Look at its load and at the network."};
}

Clock::time_point Pipeline::next_deadline(Clock::time_point now) noexcept {
  const auto next = deadlines_.next(now);
  const bool held = hold_until_ > now && !(queue_.empty() && refused_.empty());
  return held ? std::min(next, hold_until_) : next;
}

}  // namespace inkwell::redis::link
