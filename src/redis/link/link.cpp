#include "redis/link/link.hpp"

#include <boost/asio/post.hpp>

#include "base/random.hpp"
#include "redis/link/server_error.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis::link {

Link::Link(const asio::any_io_executor& executor, const Options& options, Policy policy,
           std::shared_ptr<Invalidations> invalidations)
    : Session(executor, options, policy, directory_for(executor, options)),
      pipeline_({.max_requests = this->options().max_queued_requests, .max_bytes = this->options().max_queued_bytes},
                this->options().endpoint.to_string(),
                Backoff(this->options().backoff_base, this->options().backoff_cap, random_seed())),
      invalidations_(invalidations ? std::move(invalidations)
                                   : std::make_shared<Invalidations>(this->options().tracking)),
      breaker_(policy.reconnects && policy.patient ? options.breaker : BreakerOptions{.failures = 0}) {}

// ---- Calls ----

std::optional<Error> Link::submit(Call& call, std::chrono::milliseconds timeout) {
  if (closed_) return closed_;
  if (!breaker_.admits()) [[unlikely]] {
    breaker_refused_ += call.commands;
    return circuit_open();
  }
  // Within a turn one look at the clock serves all: what is asked then is asked now.
  const auto now = in_turn_ ? now_ : Clock::now();
  call.deadline = now + (timeout.count() > 0 ? timeout : options().command_timeout);
  auto refused = pipeline_.submit(call);
  if (refused) return refused;
  wake_at(call.deadline);
  if (!in_turn_ && ready()) turn_soon();
  return std::nullopt;
}

bool Link::ask(Call& call, std::chrono::milliseconds timeout) {
  const auto refused = submit(call, timeout);
  if (!refused) return true;
  while (call.answered < call.commands) call.answer(std::unexpected(*refused));
  return false;
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

// ---- The breaker ----

Error Link::circuit_open() const {
  const auto& why = offline();
  if (why && why->kind() != ErrorKind::unavailable) return *why;  // a person has to put that right
  return Error(ErrorKind::unavailable, "redis_circuit_open",
               "Redis at " + options().endpoint.to_string() +
                   " has been given up for the moment: " + (why ? why->message() : std::string("it does not answer.")),
               "It is probed all the time; retry in a moment.")
      .with_retry_after(breaker_.probe_every());
}

void Link::failed() {
  const auto now = Clock::now();
  const bool opened = breaker_.failed(now);
  if (breaker_.next_probe() > now) wake_at(breaker_.next_probe());
  if (!opened) return;
  ++breaker_opened_;
  const Error why = circuit_open();
  pipeline_.end_queued(why);
  emit(LinkEvent::Kind::breaker_opened, why.message());
}

void Link::on_connecting() { breaker_.probing(Clock::now()); }

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
  if (breaker_.answered()) emit(LinkEvent::Kind::breaker_closed, server().to_string());
  flush();
}

void Link::on_answer(Reply reply) {
  if (reply.view().type() == Type::push) [[unlikely]]
    return pushed(reply.view());
  const bool demoted = reply.view().is_error() && reaction_to(reply.view().text()) == Reaction::move;
  if (breaker_.answered()) [[unlikely]]
    emit(LinkEvent::Kind::breaker_closed, server().to_string());
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
  failed();
  turn_soon();
}

// Nobody waits out a deadline for a server that refuses us: a person has to put that right.
void Link::on_connect_failed(const Error& why, bool refused_for_good, bool again) {
  if (!again) closed_ = why;
  if (refused_for_good || !again || !policy().patient) pipeline_.end_queued(why);
  failed();
  turn_soon();
}

void Link::send_ping() {
  pipeline_.ping();
  turn_soon();
}

Link::Clock::time_point Link::on_time(Clock::time_point now) {
  const auto timeouts = pipeline_.counters().timeouts;
  pipeline_.expire(now, offline());
  if (pipeline_.counters().timeouts != timeouts) failed();
  if (ready() && breaker_.probe_due(now)) send_ping();
  const auto next = std::min(pipeline_.next_deadline(now), ready() ? breaker_.next_probe() : Clock::time_point::max());
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
  stats.breaker = breaker_.state();
  stats.breaker_opened = breaker_opened_;
  stats.breaker_refused = breaker_refused_;
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
