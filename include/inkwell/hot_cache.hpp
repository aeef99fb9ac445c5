// HotCache: a bytes-bounded, thread-safe map from 256-bit digests to immutable byte strings, with a lifetime per entry
// and zero-copy reads. Needs no Redis and no event loop. It owns its entries; a Handle shares ownership of one value
// and may outlive both the entry's eviction and the cache itself.
//
//   inkwell::HotCache cache({.max_bytes = 256u << 20});
//   const auto now = inkwell::HotCache::Clock::now();
//   cache.put(key, bytes, now + 1h, now);
//   if (auto value = cache.get(key, now)) use(value.as<float>());   // no copy, no allocation
//
// Layout. A value is one allocation: a 64-byte header (key, reference count, length, expiry, links) directly before the
// payload, so that a hit with its key check touches one cold line more than the index. The index is a flat table of
// (hash, pointer) slots with linear probing. Both are cut into shards by the upper bits of the hash, each with its own
// short mutex.
//
// Bound. `max_bytes` covers everything the cache is answerable for: payloads, headers, allocator rounding, the index,
// and values that were evicted, replaced or erased while somebody still holds a Handle to them. It is enforced before a
// value is let in, never after. Where room cannot be made because what is oldest is held, the new value is not kept.
//
// Time is passed in (a monotonic clock), so the caller decides how often to read the clock, and tests need none.
//
// Threads: every member may be called from any thread at any time, except construction and destruction. Handles may be
// copied and dropped on any thread. One Handle object is no more thread-safe than a shared_ptr.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace inkwell {

/// A 256-bit digest of whatever names the value. The cache trusts it to be unique: it never sees the thing itself.
struct Digest256 {
  std::array<std::byte, 32> bytes{};
  bool operator==(const Digest256&) const = default;
};

namespace hot_cache_detail {

struct Account;

/// The header before a payload. The links belong to the eviction policy while the entry is in the cache; afterwards
/// `account` says who is answerable for its bytes until the last Handle is gone.
struct alignas(16) Entry {
  Digest256 key;
  std::atomic<std::uint32_t> references;
  std::uint32_t length;
  std::chrono::steady_clock::time_point expires_at;
  union {
    Entry* previous;
    Account* account;
  };
  Entry* next;

  std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* payload() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }
};
static_assert(sizeof(Entry) == 64 || sizeof(void*) != 8);

/// Gives one reference back; the last one frees the entry.
void release(Entry* entry) noexcept;

}  // namespace hot_cache_detail

class HotCache {
  using Entry = hot_cache_detail::Entry;

 public:
  using Key = Digest256;
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  struct Options {
    std::size_t max_bytes = 256u << 20;
    /// Rounded up to a power of two. 0 chooses: at most 64, each of at least 4 MiB. Each shard holds an equal part of
    /// max_bytes and evicts by itself, so 1 gives one exact order over all entries.
    std::size_t shards = 0;
  };

  /// Shared ownership of one immutable value. Empty when default-made or when get() found nothing.
  class Handle {
   public:
    Handle() noexcept = default;
    Handle(const Handle& other) noexcept : entry_(other.entry_) {
      if (entry_) entry_->references.fetch_add(1, std::memory_order_relaxed);
    }
    Handle(Handle&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Handle& operator=(Handle other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Handle() {
      if (entry_) hot_cache_detail::release(entry_);
    }

    explicit operator bool() const noexcept { return entry_ != nullptr; }
    /// The value; valid as long as any Handle to it. Aligned to 16 bytes. Empty for an empty handle.
    std::span<const std::byte> bytes() const noexcept {
      return entry_ ? std::span<const std::byte>(entry_->payload(), entry_->length) : std::span<const std::byte>();
    }
    /// The value as an array of T; a rest shorter than a T is left out.
    template <class T>
      requires std::is_trivially_copyable_v<T> && (alignof(T) <= 16)
    std::span<const T> as() const noexcept {
      const auto all = bytes();
      return {reinterpret_cast<const T*>(all.data()), all.size() / sizeof(T)};
    }
    /// Must not be empty.
    TimePoint expires_at() const noexcept { return entry_->expires_at; }

   private:
    friend class HotCache;
    explicit Handle(Entry* owned) noexcept : entry_(owned) {}
    Entry* entry_ = nullptr;
  };

  /// A value being filled, before it is put: spares the copy that put() of a span makes. Move-only; the caller's own
  /// memory, not counted by any cache, until it has been put.
  class Draft {
   public:
    Draft(Draft&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Draft& operator=(Draft&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Draft() {
      if (entry_) hot_cache_detail::release(entry_);
    }
    std::span<std::byte> bytes() noexcept { return {entry_->payload(), entry_->length}; }

   private:
    friend class HotCache;
    explicit Draft(Entry* owned) noexcept : entry_(owned) {}
    Entry* entry_;
  };

  /// A snapshot. Counters count since construction; the rest is as of now, shard by shard.
  struct Stats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;      ///< lookups that found nothing, or only something expired
    std::uint64_t expired = 0;     ///< entries removed because their time was up
    std::uint64_t inserted = 0;    ///< values kept by put(), replacements included
    std::uint64_t replaced = 0;    ///< of them: took the place of an entry of the same key
    std::uint64_t evicted = 0;     ///< entries removed to make room
    std::uint64_t not_kept = 0;    ///< values put() could not keep: expired, too large, or no room beside what is held
    std::uint64_t erased = 0;      ///< entries removed by erase() and clear()
    std::size_t entries = 0;       ///
    std::size_t bytes = 0;         ///< all that counts against max_bytes, pinned_bytes and the index included
    std::size_t pinned_bytes = 0;  ///< of them: no longer in the cache, but still held by a Handle
    std::size_t max_bytes = 0;     ///< the bound, rounded down to a multiple of the shards
  };

  explicit HotCache(Options options);
  HotCache(const HotCache&) = delete;
  HotCache& operator=(const HotCache&) = delete;
  /// Handles may outlive it.
  ~HotCache();

  /// The value under `key`, or an empty handle. Never one whose expiry is at or before `now`. Counts as a use. Doesn't
  /// allocate.
  Handle get(const Key& key, TimePoint now) noexcept;
  /// Whether get() would find something; doesn't count as a use nor in the statistics.
  bool contains(const Key& key, TimePoint now) const noexcept;

  /// Uninitialised room for a value of `bytes` (at most 2^32 - 1: more throws std::length_error).
  static Draft allocate(std::size_t bytes);
  /// Puts a value under `key` in place of whatever is there, evicting others to make room. Returns the value whether or
  /// not it could be kept (see Stats::not_kept).
  Handle put(const Key& key, Draft value, TimePoint expires_at, TimePoint now);
  Handle put(const Key& key, std::span<const std::byte> value, TimePoint expires_at, TimePoint now);

  /// Removes an entry; true if it was there.
  bool erase(const Key& key) noexcept;
  /// Removes all entries and gives the index's memory back.
  void clear() noexcept;
  /// Removes what has expired, looking at every entry. put() does a little of it each time, so calling this is only
  /// worthwhile to have the memory back without new values coming in.
  std::size_t remove_expired(TimePoint now) noexcept;

  /// Calls `visit` with every entry, each shard from the most to the least recently used, outside all locks: it may
  /// call the cache. Entries that come or go meanwhile may or may not be seen. Doesn't count as a use.
  void for_each(const std::function<void(const Key&, const Handle&)>& visit) const;

  Stats stats() const noexcept;
  std::size_t shards() const noexcept { return shard_count_; }

  /// What an entry with a payload of so many bytes counts, without its share of the index.
  static std::size_t cost_of(std::size_t payload_bytes) noexcept;

  /// Walks the whole structure under its locks and says what is inconsistent, or nothing. Slow; for tests and for who
  /// suspects memory corruption.
  std::string find_inconsistency() const;

 private:
  class Shard;
  Shard& shard_of(std::uint64_t hash) const noexcept;

  std::size_t shard_count_;
  unsigned shard_shift_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace inkwell
