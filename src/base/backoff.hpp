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

  /// The next wait; each call doubles the range, up to the cap.
  Duration next() {
    const auto range = std::min<std::int64_t>(cap_.count(), base_.count() << std::min(attempt_, 20U));
    ++attempt_;
    return Duration(std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(range, 0))(random_));
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
