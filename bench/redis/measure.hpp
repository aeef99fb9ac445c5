// What the benchmark measures and how: the same for ours and for every peer.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/resource.h>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis::bench {

using Clock = std::chrono::steady_clock;
inline constexpr unsigned kTimedEvery = 8;

inline std::uint64_t allocations = 0;  // of the one client thread

inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Latencies on a scale of 16 steps a doubling.
class Latencies {
 public:
  void add(Clock::duration took) {
    const auto ns = static_cast<std::uint64_t>(took.count()) | 16;
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 5;
    ++counts_[shift * 16 + ((ns >> shift) & 15)];
    ++total_;
  }
  double percentile_us(double share) const {
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return static_cast<double>((16 + i % 16) << (i / 16)) / 1000.0;
      left -= counts_[i];
    }
    return 0;
  }

 private:
  std::array<std::uint64_t, 16 * 60> counts_{};
  std::uint64_t total_ = 0;
};

struct Measured {
  double ops = 0;
  double wall = 0;
  double cpu = 0;
  double allocations = 0;
  Latencies latencies;

  double us_per_op() const { return cpu / ops * 1e6; }
};

/// Starts counting when the warm-up is over and says when to stop.
class Stopwatch {
 public:
  explicit Stopwatch(double seconds) : seconds_(seconds), warm_at_(Clock::now() + std::chrono::milliseconds(200)) {}

  /// After each op; true while there is more to do.
  bool more() {
    ++ops_;
    if (ops_ % 64 != 0) return !over_;
    const auto now = Clock::now();
    if (!began_ && now >= warm_at_) {
      began_ = now;
      ops_ = 0;
      cpu_ = cpu_seconds();
      allocations_ = allocations;
      result_.latencies = Latencies();
    } else if (began_ && !over_ && std::chrono::duration<double>(now - *began_).count() >= seconds_) {
      result_.ops = static_cast<double>(ops_);
      result_.wall = std::chrono::duration<double>(now - *began_).count();
      result_.cpu = cpu_seconds() - cpu_;
      result_.allocations = static_cast<double>(allocations - allocations_);
      over_ = true;
    }
    return !over_;
  }
  void took(Clock::duration time) { result_.latencies.add(time); }
  const Measured& result() const { return result_; }

 private:
  double seconds_;
  Clock::time_point warm_at_;
  std::optional<Clock::time_point> began_;
  bool over_ = false;
  std::uint64_t ops_ = 0;
  double cpu_ = 0;
  std::uint64_t allocations_ = 0;
  Measured result_;
};

/// What is asked of ours and of each peer: GET of one key by so many callers at once, for so long.
struct Task {
  Endpoint endpoint;
  std::string key;
  std::size_t size = 0;  ///< of the value
  std::size_t callers = 1;
  double seconds = 1.0;
};

[[noreturn]] void give_up(std::string_view why);

// Peers whose sources are not packaged: built when a checkout is pointed at (bench/CMakeLists.txt).
Measured measure_boost_redis(const Task& task);
Measured measure_redis_plus_plus(const Task& task);

}  // namespace inkwell::redis::bench
