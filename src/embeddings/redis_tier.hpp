// RedisTier: the embeddings in Redis, as one worker sees them, and what keeps the hot tier in step with them. One
// instance a worker, on that worker's executor (one thread); the hot tier behind it is shared by all workers.
//
// Coherence. Every key read or written is read in a way that makes the server tell when it changes
// (inkwell/redis/tracking.hpp); then its entry in the hot tier goes. A lost connection empties the hot tier: nobody
// tells what changes meanwhile. A value whose key changed between the reading and the keeping is answered with but not
// kept; the change that a write of our own causes is known by coming before the write's answer, and ignored. Where
// nothing is told (tracking is off, or the write was lost) an entry stays for untracked_ttl at most.
//
// Leases. An input that is in no tier is claimed before it is computed: of all processes that miss it at once one gets
// the lease, and the others find either the value or, when that one fails or dies, the lease.
//
// When the link is down nothing is asked or waited for; what fails or is skipped is counted.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <inkwell/hot_cache.hpp>
#include <inkwell/redis/tracking.hpp>

#include "base/gate.hpp"
#include "embeddings/input.hpp"
#include "embeddings/key.hpp"
#include "embeddings/options.hpp"
#include "embeddings/stats.hpp"
#include "embeddings/value.hpp"
#include "keyspace/store.hpp"

namespace inkwell::embeddings {

/// One vector's names in both tiers.
struct Place {
  keyspace::Key key;
  keyspace::Key lease;
  Digest256 hot;
};

class RedisTier final : redis::InvalidationListener {
 public:
  /// All outlive it. What goes on behind its callers' backs is in `gate`.
  RedisTier(keyspace::Store& store, HotCache& hot, const Options& options, Gate& gate, Stats& stats);
  RedisTier(const RedisTier&) = delete;
  RedisTier& operator=(const RedisTier&) = delete;
  ~RedisTier();

  Place place_of(const ModelChoice& choice, const Digest256& input, const Digest256& hot) const;
  /// Whose keys are meant where a ModelChoice names no tenant.
  const std::string& tenant() const noexcept { return store_.keys().tenant(); }
  /// Not while the link is down; but while it is being made for the first time, which takes a moment after the start.
  bool is_worth_asking() const;

  /// By place: the vector, now in the hot tier too, or an empty handle. Values past half of their life live anew.
  boost::asio::awaitable<std::vector<HotCache::Handle>> read(std::vector<Place> places, std::uint32_t dimensions);

  struct Claim {
    HotCache::Handle vector;  ///< it is there after all
    bool held = false;        ///< it is ours to compute; write() or give_back() must follow
    bool unknown = false;     ///< Redis did not answer: compute it
  };
  boost::asio::awaitable<std::vector<Claim>> claim(std::vector<Place> places, std::uint32_t dimensions);
  boost::asio::awaitable<void> give_back(std::vector<Place> places);
  /// Gives all leases back that are still held: those of work that was cancelled. Waits for it a moment at most.
  boost::asio::awaitable<void> give_all_back();

  struct Write {
    Place place;
    HotCache::Handle vector;
    std::optional<std::chrono::milliseconds> ttl;  ///< its own, fixed; none: the lifetime, refreshed by reads
    bool leased = false;
  };
  /// Writes vectors that keep() has put into the hot tier, and gives their leases back.
  boost::asio::awaitable<void> write(std::vector<Write> writes);

  /// Puts a vector into the hot tier: one that has just been computed, with the `ttl` of its Write.
  HotCache::Handle keep(const Digest256& key, HotCache::Draft draft, std::optional<std::chrono::milliseconds> ttl);
  /// A vector that is kept nowhere.
  HotCache::Handle wrap(HotCache::Draft draft);

 private:
  using Clock = std::chrono::steady_clock;
  class Reading;

  void on_invalidated(std::string_view key) override;
  void on_all_invalidated() override;

  HotCache::Handle take(const Place& place, std::string_view bytes, std::uint32_t dimensions, const Reading& reading,
                        std::vector<std::pair<keyspace::Key, std::chrono::milliseconds>>& stale);
  boost::asio::awaitable<void> extend(std::vector<std::pair<keyspace::Key, std::chrono::milliseconds>> stale);
  void extend_later(std::vector<std::pair<keyspace::Key, std::chrono::milliseconds>> stale);
  void shorten_hot(const Write& write);
  keyspace::Store::Entry entry_of(const Write& write);
  std::chrono::milliseconds lifetime_with_jitter();
  std::chrono::milliseconds longest_in_hot(const keyspace::Key& key) const;

  keyspace::Store& store_;
  HotCache& hot_;
  const Options& options_;
  Gate& gate_;
  Stats& stats_;
  std::shared_ptr<redis::Invalidations> invalidations_;
  const std::string holder_;  ///< of leases: this instance
  Digester digest_;
  std::mt19937_64 random_;

  std::uint64_t epoch_ = 0;                                        ///< counts the times that everything was invalidated
  std::size_t reading_ = 0;                                        ///< reads under way
  std::unordered_set<Digest256, DigestHash> overtaken_;            ///< invalidated while something is being read
  std::unordered_map<Digest256, unsigned, DigestHash> writing_;    ///< writes of our own under way
  std::unordered_map<Digest256, keyspace::Key, DigestHash> held_;  ///< leases, by hot key
};

}  // namespace inkwell::embeddings
