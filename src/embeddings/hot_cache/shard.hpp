// Shard: one part of a HotCache: an index, a policy, a bound and the mutex that guards all three. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <inkwell/hot_cache.hpp>

#include "embeddings/hot_cache/index.hpp"
#include "embeddings/hot_cache/lru_policy.hpp"

namespace inkwell::hot_cache_detail {

/// The bytes a shard is answerable for. Grows only under the shard's lock; shrinks on any thread, when the last Handle
/// to a value that has left the cache goes. So a check against the bound made under the lock stays true.
struct Account {
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::size_t> pinned{0};
  std::atomic<std::size_t> owners{1};  ///< the shard, and each value that left it while held

  void give_back(std::size_t cost) noexcept { bytes.fetch_sub(cost, std::memory_order_relaxed); }
  void drop_owner() noexcept {
    if (owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
};

std::uint64_t hash_of(const Digest256& key) noexcept;

template <Policy P>
class PolicyShard {
 public:
  using TimePoint = HotCache::TimePoint;

  PolicyShard() = default;
  PolicyShard(const PolicyShard&) = delete;
  PolicyShard& operator=(const PolicyShard&) = delete;
  ~PolicyShard();

  void set_bound(std::size_t bytes) noexcept { max_bytes_ = bytes; }

  /// With a reference for the caller, or null.
  Entry* get(std::uint64_t hash, const Digest256& key, TimePoint now) noexcept;
  bool contains(std::uint64_t hash, const Digest256& key, TimePoint now) const noexcept;
  /// Takes a reference of its own when it keeps `entry`.
  void put(std::uint64_t hash, Entry* entry, TimePoint now);
  bool erase(std::uint64_t hash, const Digest256& key) noexcept;
  void clear() noexcept;
  std::size_t remove_expired(TimePoint now) noexcept;
  /// All entries, hottest first, each with a reference for the caller.
  std::vector<Entry*> entries() const;
  void add_stats(HotCache::Stats& stats) const noexcept;
  std::string find_inconsistency() const;

 private:
  /// Entries that left under the lock and that nobody holds: freed after it, linked by `next`.
  class Garbage {
   public:
    Garbage() = default;
    Garbage(const Garbage&) = delete;
    Garbage& operator=(const Garbage&) = delete;
    ~Garbage();
    void add(Entry* entry) noexcept {
      entry->next = first_;
      first_ = entry;
    }

   private:
    Entry* first_ = nullptr;
  };

  bool fits(std::size_t bytes) const noexcept {
    return account_->bytes.load(std::memory_order_relaxed) + bytes <= max_bytes_;
  }
  void remove(Entry* entry, Garbage& garbage) noexcept;
  bool evict_one(unsigned& spared, Garbage& garbage) noexcept;
  bool make_room(std::size_t cost, Garbage& garbage);
  void expire_some(TimePoint now, Garbage& garbage) noexcept;

  mutable std::mutex mutex_;
  Account* account_ = new Account;  // shared with the values that left while held
  std::size_t max_bytes_ = 0;
  Index index_;
  P policy_;
  std::size_t hand_ = 0;  // the next slot expire_some looks at
  HotCache::Stats counts_;
};

}  // namespace inkwell::hot_cache_detail

namespace inkwell {

class alignas(64) HotCache::Shard : public hot_cache_detail::PolicyShard<hot_cache_detail::LruPolicy> {};

}  // namespace inkwell
