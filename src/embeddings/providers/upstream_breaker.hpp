// UpstreamBreaker: gives an upstream up for the moment when requests to it keep failing, so that callers fail at once
// (or go to the next upstream) instead of each waiting out its time-outs (Nygard, "Release It!", 2nd ed., chapter 5).
// Unlike the Redis link's, it has no probe of its own: after open_for one caller's request is let through, and what
// becomes of it decides. A pure machine; one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "embeddings/options.hpp"

namespace inkwell::embeddings {

class UpstreamBreaker {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t { closed, open, half_open };

  explicit UpstreamBreaker(UpstreamBreakerOptions options) : options_(options), open_for_(options.open_for) {}

  /// Whether a request may be sent now; if so, it must end in one of the three below.
  bool admits(Clock::time_point now) noexcept {
    if (state_ == State::closed) return true;
    if (state_ == State::half_open || now < retry_at_) return false;
    state_ = State::half_open;
    return true;
  }
  /// It answered, whatever it answered.
  void answered() noexcept {
    state_ = State::closed;
    failures_ = 0;
    open_for_ = options_.open_for;
  }
  /// It did not, or with a sign that it is unwell. True when that opened the breaker.
  bool failed(Clock::time_point now) noexcept {
    if (options_.failures == 0) return false;
    ++failures_;
    if (state_ == State::open) return false;  // one that was sent before it opened
    const bool probe = state_ == State::half_open;
    if (!probe && failures_ < options_.failures) return false;
    if (probe) open_for_ = std::min(2 * open_for_, options_.open_cap);
    state_ = State::open;
    retry_at_ = now + open_for_;
    return !probe;
  }
  /// The request was given up by its caller: nothing is known.
  void abandoned() noexcept {
    if (state_ == State::half_open) state_ = State::open;
  }

  State state() const noexcept { return state_; }
  /// How long from `now` no request will be let through, about.
  std::chrono::milliseconds wait(Clock::time_point now) const noexcept {
    if (state_ == State::closed) return {};
    using std::chrono::milliseconds;
    return std::max(std::chrono::ceil<milliseconds>(retry_at_ - now), milliseconds(1));
  }

 private:
  UpstreamBreakerOptions options_;
  State state_ = State::closed;
  unsigned failures_ = 0;  // in a row
  std::chrono::milliseconds open_for_;
  Clock::time_point retry_at_{};
};

}  // namespace inkwell::embeddings
