// Counter and Histogram with one writing thread and any number of readers: an increment is a plain load and store, no
// locked instruction, no shared cache line. Each worker owns its own; a reader sums them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace inkwell::telemetry {

class Counter {
 public:
  /// By the owning thread only.
  void add(std::uint64_t n = 1) noexcept { value_.store(value() + n, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Durations in fixed buckets, 100 microseconds to 10 seconds, whose bounds suit an HTTP request.
class Histogram {
 public:
  static constexpr std::array<double, 14> kBoundsSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                            0.025,  0.05,    0.1,    0.5,   1,      2.5,   10};
  /// By the owning thread only.
  void observe(std::chrono::nanoseconds duration) noexcept {
    const double seconds = std::chrono::duration<double>(duration).count();
    std::size_t bucket = 0;
    while (bucket < kBoundsSeconds.size() && seconds > kBoundsSeconds[bucket]) ++bucket;
    buckets_[bucket].add();
    nanoseconds_.add(static_cast<std::uint64_t>(duration.count()));
  }

  struct Snapshot {
    std::array<std::uint64_t, kBoundsSeconds.size() + 1> buckets{};  ///< not cumulative; the last is beyond all bounds
    std::uint64_t count = 0;
    double sum_seconds = 0;
  };
  /// Adds what was observed so far to `into`. The parts are read one by one: a concurrent observation may be half in.
  void add_to(Snapshot& into) const noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      const auto n = buckets_[i].value();
      into.buckets[i] += n;
      into.count += n;
    }
    into.sum_seconds += static_cast<double>(nanoseconds_.value()) / 1e9;
  }

 private:
  std::array<Counter, kBoundsSeconds.size() + 1> buckets_;
  Counter nanoseconds_;
};

}  // namespace inkwell::telemetry
