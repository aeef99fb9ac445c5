// What generations are kept by. Plain values.
#pragma once

#include <chrono>
#include <cstddef>

namespace inkwell::events {

struct GenerationOptions {
  /// A producer that isn't heard of for so long is lost: its generation ends as failed.
  std::chrono::milliseconds lease{10'000};
  /// How often a producer without events renews its lease, and so how late it may hear that it was stopped.
  std::chrono::milliseconds renew{1'000};
  std::size_t max_events = 100'000;      ///< of one generation; beyond, it ends as failed
  std::chrono::milliseconds lifetime{};  ///< of the channel after the last event; zero: the family's
};

}  // namespace inkwell::events
