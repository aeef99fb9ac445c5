// HotSet: which embeddings are asked for most, kept in Redis (a sorted set a model), so that a server that starts can
// fill its memory with them. Notes a sample of the uses in memory, bounded, and writes them now and then and at the
// end. One instance a worker, on that worker's executor (one thread).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/hot_cache.hpp>

#include "embeddings/input.hpp"
#include "embeddings/key.hpp"
#include "embeddings/options.hpp"
#include "embeddings/redis_tier.hpp"
#include "embeddings/stats.hpp"
#include "keyspace/store.hpp"

namespace inkwell::embeddings {

class HotSet {
 public:
  /// All outlive it.
  HotSet(keyspace::Store& store, RedisTier& redis, HotCache& hot, const Options& options, Stats& stats)
      : store_(store), redis_(redis), hot_(hot), options_(options), stats_(stats) {}

  /// A use of `input` under `choice`. True when this is the first one since the last write: one is then due in
  /// options.hot_set_interval.
  bool note(const ModelChoice& choice, const Digest256& input);
  /// Writes what was noted, or forgets it where Redis is away.
  boost::asio::awaitable<void> write();
  /// Reads the hottest vectors, pipelined, into the hot tier: for options.warm_limit at most, or until it is nearly
  /// full. `models` are looked for first, under the tenant of the store; then all there are.
  boost::asio::awaitable<void> warm(std::vector<std::string> models);

 private:
  using Clock = std::chrono::steady_clock;
  struct Noted {
    ModelChoice choice;
    std::unordered_map<Digest256, std::uint32_t, DigestHash> uses;
  };
  boost::asio::awaitable<void> warm_model(std::string tenant, std::string model, Clock::time_point until);
  bool enough(Clock::time_point until) const;

  keyspace::Store& store_;
  RedisTier& redis_;
  HotCache& hot_;
  const Options& options_;
  Stats& stats_;
  Digester digest_;
  std::unordered_map<Digest256, Noted, DigestHash> noted_;  ///< by choice
  std::size_t noted_inputs_ = 0;                            ///< at most kMaxNoted
};

}  // namespace inkwell::embeddings
