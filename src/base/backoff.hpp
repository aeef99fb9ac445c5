// Backoff: waits between attempts, exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS
// Architecture Blog 2015): the n-th wait is uniform in [0, min(cap, base * 2^n)]. A pure machine: no clock, seeded, one
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace inkwell {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  Backoff(Duration base, Duration cap, std::uint64_t seed) : base_(base), cap_(cap), random_(seed) {}

  /// The next wait, not above `at_most`; each call doubles the range, up to the cap.
  Duration next(Duration at_most = Duration::max()) {
    const auto doubled = std::min<std::int64_t>(cap_.count(), base_.count() << std::min(attempt_, 20U));
    const auto range = std::min<std::int64_t>(doubled, at_most.count());
    ++attempt_;
    return Duration(std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(range, 0))(random_));
  }
  /// The longest sensible wait in an outage that has lasted so long: a twentieth of it, and at least 40 ms. Who waits
  /// so is back soon after the server is, in proportion, whether it was restarted or away for an hour.
  static constexpr Duration in_proportion_to(std::chrono::nanoseconds outage) {
    return std::max(Duration(40), std::chrono::duration_cast<Duration>(outage / 20));
  }

  /// Called when an attempt worked: the next wait starts small again.
  void reset() { attempt_ = 0; }

 private:
  Duration base_;
  Duration cap_;
  unsigned attempt_ = 0;
  std::mt19937_64 random_;
};

}  // namespace inkwell
