#include "redis/link/link.hpp"

#include <boost/asio/post.hpp>

#include "base/random.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis::link {

Link::Link(const asio::any_io_executor& executor, const Options& options, Policy policy,
           std::shared_ptr<Invalidations> invalidations)
    : Session(executor, options, policy, directory_for(executor, options)),
      pipeline_({.max_requests = this->options().max_queued_requests, .max_bytes = this->options().max_queued_bytes},
                this->options().endpoint.to_string(),
                Backoff(this->options().backoff_base, this->options().backoff_cap, random_seed())),
      invalidations_(invalidations ? std::move(invalidations)
                                   : std::make_shared<Invalidations>(this->options().tracking)) {}

// ---- Calls ----

std::optional<Error> Link::submit(Call& call, std::chrono::milliseconds timeout) {
  if (closed_) return closed_;
  // Within a turn one look at the clock serves all: what is asked then is asked now.
  const auto now = in_turn_ ? now_ : Clock::now();
  call.deadline = now + (timeout.count() > 0 ? timeout : options().command_timeout);
  auto refused = pipeline_.submit(call);
  if (refused) return refused;
  wake_at(call.deadline);
  if (!in_turn_ && ready()) turn_soon();
  return std::nullopt;
}

void Link::cancel(Call& call) {
  pipeline_.cancel(call);
  if (!in_turn_) turn_soon();  // never from within the cancellation itself
}

void Link::close(const Error& why) {
  if (closed_) return;
  closed_ = why;
  invalidations_->invalidate_all();
  pipeline_.lost(why, Pipeline::Blame::nobody, false);
  shut();
  if (!in_turn_) turn_soon();
}

// ---- Turns: resuming whoever has answers, then writing, in one piece, whatever they ask ----

void Link::turn() {
  if (in_turn_) return;
  in_turn_ = true;
  now_ = Clock::now();
  while (Call* call = pipeline_.take_ready()) call->continuation.run();
  in_turn_ = false;
  flush();
}

void Link::turn_soon() {
  if (std::exchange(turn_posted_, true)) return;
  asio::post(executor(), [link = self()] {
    link->turn_posted_ = false;
    link->turn();
  });
}

void Link::flush() {
  while (ready() && connection().writable()) {
    const auto pieces = pipeline_.output(now_);
    if (pieces.empty()) return;
    pipeline_.wrote(connection().write(pieces));
  }
}

// ---- The session ----

void Link::on_ready() {
  now_ = Clock::now();
  flush();
}

void Link::on_answer(Reply reply) {
  if (reply.view().type() == Type::push) [[unlikely]]
    return pushed(reply.view());
  const bool demoted = reply.view().is_error() && reply.view().text().starts_with("READONLY");
  if (pipeline_.answer(std::move(reply), connection().last_read())) {
    if (demoted) [[unlikely]] {
      look_for_another({ErrorKind::unavailable, "redis_connection_lost",
                        "Redis at " + server().to_string() + " is the master no more.", "Retry in a moment."});
    }
    return;
  }
  distrust({ErrorKind::upstream, "redis_protocol",
            "Redis at " + options().endpoint.to_string() + " sent a reply that nothing had asked for.",
            "Look at what stands between Inkwell and Redis."});
}

// At once, while the callers of the replies around it wait for the end of the turn: nobody can find in a near cache
// what an invalidation read before has made stale.
void Link::pushed(View push) {
  if (push.size() < 2 || push[0].text() != "invalidate") return;
  const View keys = push[1];
  if (keys.is_null()) return invalidations_->invalidate_all();
  for (const View key : keys) invalidations_->invalidate(key.text());
}

void Link::on_turn_end() { turn(); }

void Link::on_lost(const Error& cause, bool garbled, bool again) {
  if (!again) closed_ = cause;
  invalidations_->invalidate_all();
  pipeline_.lost(cause, garbled ? Pipeline::Blame::first : Pipeline::Blame::nobody, again);
  turn_soon();
}

// Nobody waits out a deadline for a server that refuses us: a person has to put that right.
void Link::on_connect_failed(const Error& why, bool refused_for_good, bool again) {
  if (!again) closed_ = why;
  if (refused_for_good || !again || !policy().patient) pipeline_.end_queued(why);
  turn_soon();
}

void Link::send_ping() {
  pipeline_.ping();
  turn_soon();
}

Link::Clock::time_point Link::on_time(Clock::time_point now) {
  pipeline_.expire(now, offline());
  const auto next = pipeline_.next_deadline(now);
  turn();
  return next;
}

ClientStats Link::stats() const noexcept {
  const auto& counted = pipeline_.counters();
  const auto total = totals();
  ClientStats stats;
  stats.connected = ready();
  stats.requests = counted.requests;
  stats.replies = counted.replies;
  stats.errors = counted.errors;
  stats.timeouts = counted.timeouts;
  stats.unknown = counted.unknown;
  stats.resent = counted.resent;
  stats.rejected = counted.rejected;
  stats.connects = total.connects;
  stats.connect_failures = total.failures;
  stats.writes = total.writes;
  stats.bytes_written = total.bytes_written;
  stats.bytes_read = total.bytes_read;
  stats.invalidations = invalidations_->count();
  stats.pending = pipeline_.pending();
  return stats;
}

}  // namespace inkwell::redis::link
