// Breaker: decides when a server is given up for the moment, so that callers fail at once instead of waiting out their
// deadlines (Nygard, "Release It!", 2nd ed., chapter 5). A pure machine: it is told of failures and signs of life, and
// when its time has come says that a probe is due; who owns it probes. No caller's command ever is the probe. One
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis {

class Breaker {
 public:
  using Clock = std::chrono::steady_clock;
  using State = BreakerState;

  explicit Breaker(BreakerOptions options) : options_(options) {}

  State state() const noexcept { return state_; }
  bool admits() const noexcept { return state_ == State::closed; }

  /// An attempt to connect failed, the connection was lost, or a command ran out of time. True when that opened it.
  bool failed(Clock::time_point now) noexcept {
    if (options_.failures == 0) return false;
    if (failures_++ == 0) failing_since_ = now;
    const bool give_up = failures_ >= options_.failures && now - failing_since_ >= options_.open_after;
    if (state_ == State::closed && !give_up) return false;
    const bool opened = state_ == State::closed;
    state_ = State::open;
    probe_at_ = now + options_.probe_every;
    return opened;
  }
  /// The server answered something. True when that closed it.
  bool answered() noexcept {
    failures_ = 0;
    if (state_ == State::closed) return false;
    state_ = State::closed;
    return true;
  }
  /// A probe is under way that the breaker did not ask for: an attempt to connect.
  void probing(Clock::time_point now) noexcept {
    if (state_ == State::open) state_ = State::half_open;
    probe_at_ = now + options_.probe_every;
  }
  /// True when a probe is due: it is then under way. One that stays without an answer counts as failed when the next
  /// one is due.
  bool probe_due(Clock::time_point now) noexcept {
    if (state_ == State::closed || now < probe_at_) return false;
    state_ = State::half_open;
    probe_at_ = now + options_.probe_every;
    return true;
  }
  /// When probe_due() should be asked next.
  Clock::time_point next_probe() const noexcept {
    return state_ == State::closed ? Clock::time_point::max() : probe_at_;
  }
  std::chrono::milliseconds probe_every() const noexcept { return options_.probe_every; }

 private:
  BreakerOptions options_;
  State state_ = State::closed;
  unsigned failures_ = 0;  ///< since the last sign of life
  Clock::time_point failing_since_{};
  Clock::time_point probe_at_{};
};

}  // namespace inkwell::redis
