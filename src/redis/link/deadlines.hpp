// Deadlines: calls by when they expire, on a hashed timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", SOSP 1987, scheme 6): adding and removing cost a pointer each and no allocation, and one timer serves all. A
// deadline further off than a turn of the wheel is passed over until its turn has come. Pure: no clock. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "redis/link/call.hpp"

namespace inkwell::redis::link {

class Deadlines {
 public:
  static constexpr std::chrono::milliseconds kTick{16};
  static constexpr std::size_t kSlots = 512;  // a turn is 8.2 s, longer than most deadlines

  void add(Call& call) {
    const std::size_t slot = slot_of(call.deadline);
    slots_[slot].push_back(call);
    used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  static void remove(Call& call) { call.deadline_hook.unlink(); }

  /// When to look next: no later than the earliest deadline after `now`; max() when none waits.
  Clock::time_point next(Clock::time_point now) {
    const std::size_t first = slot_of(now);
    auto earliest = Clock::time_point::max();
    for (std::size_t step = 0; step < kSlots; ++step) {
      if (earliest <= now + kTick * step) break;  // all further slots hold later ones
      const std::size_t slot = (first + step) % kSlots;
      if ((used_[slot / 64] >> (slot % 64) & 1) == 0) continue;
      if (slots_[slot].empty()) {
        used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
        continue;
      }
      for (const Call& call : slots_[slot]) earliest = std::min(earliest, call.deadline);
    }
    return earliest;
  }

  /// Hands every call whose deadline is not after `now` to `expired`, unlinked. `since` is when that was last done.
  template <class F>
  void expire(Clock::time_point since, Clock::time_point now, F&& expired) {
    const auto ticks = now - since >= turn() ? kSlots - 1 : static_cast<std::size_t>((now - since) / kTick + 1);
    const std::size_t first = slot_of(since);
    for (std::size_t step = 0; step <= ticks && step < kSlots; ++step) {
      List& list = slots_[(first + step) % kSlots];
      for (auto it = list.begin(); it != list.end();) {
        Call& call = *it++;
        if (call.deadline > now) continue;
        call.deadline_hook.unlink();
        expired(call);
      }
    }
  }

 private:
  using List = boost::intrusive::list<Call, boost::intrusive::member_hook<Call, Hook, &Call::deadline_hook>,
                                      boost::intrusive::constant_time_size<false>>;
  static constexpr Clock::duration turn() { return kTick * kSlots; }
  static std::size_t slot_of(Clock::time_point time) {
    return static_cast<std::size_t>(time.time_since_epoch() / kTick) % kSlots;
  }

  std::array<List, kSlots> slots_;
  std::array<std::uint64_t, kSlots / 64> used_{};
};

}  // namespace inkwell::redis::link
