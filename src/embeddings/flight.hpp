// Single flight: of all callers in the process that miss the same input at once, one fetches it and all get the result.
//
// A FlightTable is shared by all workers (any thread; a mutex a shard, held for a few instructions). Whoever joins a
// key first is given a Lead and must settle it; a Lead that is destroyed unsettled (its owner was cancelled) abandons
// the flight, and its waiters try again. A settled flight stays in the table until its Lead goes, and answers whoever
// joins until then: a Lead lives on until its value can be found elsewhere.
//
// A Waiting collects the results of all flights one caller waits for, on the caller's executor.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/hot_cache.hpp>

#include "embeddings/key.hpp"

namespace inkwell::embeddings {

/// Where a vector came from.
enum class Source : std::uint8_t { hot, redis, provider };

/// How a flight ended.
struct Outcome {
  enum class State : std::uint8_t { pending, value, error, abandoned };
  State state = State::pending;
  Source source = Source::provider;
  std::uint64_t tokens = 0;  ///< what the provider counted for it; 0 when it came from a cache
  HotCache::Handle vector;
  std::shared_ptr<const Error> error;
};

class FlightTable;

class Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  using Clock = std::chrono::steady_clock;

  Waiting(boost::asio::any_io_executor executor, FlightTable& table, std::size_t flights);

  /// Waits until every flight has ended; false when `deadline` passes first, or the caller is cancelled.
  boost::asio::awaitable<bool> wait(Clock::time_point deadline);
  /// After wait(): the outcome of the flight joined as `index`; pending ones have not ended.
  const Outcome& outcome(std::size_t index) const noexcept { return outcomes_[index]; }

  /// Leaves the flights that have not ended: nothing is posted to the executor afterwards. Whoever waits calls it
  /// before it goes.
  void leave() noexcept;

 private:
  friend class FlightTable;
  void settle(std::size_t index, const Outcome& outcome);

  boost::asio::any_io_executor executor_;
  FlightTable& table_;
  std::atomic<std::size_t> pending_;
  std::vector<Outcome> outcomes_;  // each written once, before pending_ is counted down
  std::vector<Digest256> keys_;
  // On the executor only. The timer is wait()'s own: the last reference to this may go on another thread, when the loop
  // is no more.
  bool landed_;
  boost::asio::steady_timer* timer_ = nullptr;
};

class FlightTable {
  struct Flight;

 public:
  class Lead {
   public:
    Lead(Lead&& other) noexcept;
    Lead& operator=(Lead&&) = delete;
    ~Lead();
    const Digest256& key() const noexcept;
    /// Hands `outcome` to all who wait and to who joins from now on. At most once.
    void settle(Outcome outcome);

   private:
    friend class FlightTable;
    Lead(FlightTable& table, std::shared_ptr<Flight> flight);
    FlightTable* table_;
    std::shared_ptr<Flight> flight_;
  };

  /// Makes `waiting` wait, as `index`, for the flight of `key`. A Lead when there was none.
  std::optional<Lead> join(const Digest256& key, const std::shared_ptr<Waiting>& waiting, std::size_t index);
  std::size_t size() const;

 private:
  friend class Waiting;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<Digest256, std::shared_ptr<Flight>, DigestHash> flights;
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard_of(const Digest256& key) noexcept;
  void settle(Flight& flight, Outcome outcome);
  void remove(Flight& flight);
  void leave(const Digest256& key, const Waiting* waiting) noexcept;

  std::array<Shard, kShards> shards_;
};

}  // namespace inkwell::embeddings
