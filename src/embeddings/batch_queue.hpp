// BatchQueue: inputs that wait to be put together into calls of a provider. A pure machine: it is told what comes, what
// runs and what time it is, and says which batch to send now, if any, and when to ask again.
//
// The rule. While nothing runs, whatever waits is sent at once: a lone request waits for nobody. While something runs,
// a batch is sent as soon as it is full, and one that is not full when its oldest input has waited for the window.
// Nothing is sent while as many calls run as are allowed: what comes meanwhile fills the next batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

template <class Item>
class BatchQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit BatchQueue(BatchLimits limits) : limits_(limits) {}

  /// `tokens` as token_bound() has it.
  void add(Item item, std::size_t tokens, Clock::time_point now) {
    tokens_ += tokens;
    waiting_.push_back({std::move(item), tokens, now});
  }
  /// The next batch to send now, where `running` calls are under way: 1 to limits.inputs items, in the order they came.
  /// Asked again until it has none.
  std::optional<std::vector<Item>> take(std::size_t running, Clock::time_point now) {
    if (waiting_.empty() || running >= limits_.at_once) return std::nullopt;
    const bool full = waiting_.size() >= limits_.inputs || tokens_ >= limits_.tokens;
    if (running > 0 && !full && now < due()) return std::nullopt;
    std::vector<Item> batch;
    std::size_t tokens = 0;
    while (!waiting_.empty() && batch.size() < limits_.inputs) {
      auto& next = waiting_.front();
      if (!batch.empty() && tokens + next.tokens > limits_.tokens) break;
      tokens += next.tokens;
      batch.push_back(std::move(next.item));
      waiting_.pop_front();
    }
    tokens_ -= tokens;
    return batch;
  }
  /// When take() has something although nothing changes; the far future when nothing waits.
  Clock::time_point due() const {
    return waiting_.empty() ? Clock::time_point::max() : waiting_.front().since + limits_.window;
  }
  bool empty() const noexcept { return waiting_.empty(); }

 private:
  struct Waiting {
    Item item;
    std::size_t tokens;
    Clock::time_point since;
  };
  BatchLimits limits_;
  std::deque<Waiting> waiting_;
  std::size_t tokens_ = 0;
};

}  // namespace inkwell::embeddings
