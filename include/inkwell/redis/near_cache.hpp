// NearCache: values read from Redis and kept in the process, never older than the last invalidation the client has
// seen. A value may be anything built from one or several keys (a decoded conversation, a vector, a string).
//
//   NearCache<Profile> near(client.invalidations());            // the client's Options::tracking must be on
//   if (auto hit = near.find(key)) co_return *hit;              // std::shared_ptr<const Profile>
//   auto ticket = near.begin(key);                              // BEFORE the read is sent
//   Request read("HGETALL", key);
//   read.add("PTTL", key);
//   auto answers = co_await client.execute_tracked(std::move(read));
//   ... decode ...
//   near.store(std::move(ticket), profile, bytes, ttl);         // dropped when a key changed since begin()
//
// NearStrings does exactly this for GET.
//
// Coherence. A ticket stands for the read under way (the "placeholder" of the client-side caching documentation): an
// invalidation that arrives between begin() and store() makes store() drop the value, so a value that was overtaken on
// its way is never kept. A lost connection empties the cache and every ticket. Expiry is the server's (`ttl`, counted
// from begin(), so never later than the server's) and at most NearCacheOptions::max_age. Between a change on the server
// and its invalidation's arrival (a network delay; on a connection that died unnoticed at most Options::health_interval
// + health_timeout) a hit may still be the older value. Writes of one's own: the server's invalidation may follow the
// answer, so call forget() after writing what should be read back at once.
//
// Bounded in bytes (least recently used goes first). Lives on the client's executor (one thread); values handed out are
// immutable and may be used anywhere, for as long as wanted. May outlive the client: it then stores nothing more.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/redis/tracking.hpp>

namespace inkwell::redis {

class Client;

struct NearCacheOptions {
  std::size_t max_bytes = 64u << 20;  ///< of values and keys, bookkeeping included by estimate
  /// No entry is served for longer, whatever its TTL: the bound on staleness should an invalidation never come.
  std::chrono::milliseconds max_age{60'000};
};

struct NearCacheStats {
  std::size_t entries = 0;
  std::size_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t stored = 0;
  std::uint64_t overtaken = 0;    ///< not stored: a key changed while it was read
  std::uint64_t untracked = 0;    ///< not stored: the client does not track one of its keys
  std::uint64_t invalidated = 0;  ///< entries dropped because a key changed
  std::uint64_t expired = 0;
  std::uint64_t evicted = 0;  ///< dropped for room
  std::uint64_t flushes = 0;  ///< emptied: the database was flushed, or the connection was lost
};

class NearStore;

/// A read under way. Move-only; dropped unused, it stores nothing. May outlive the cache.
class NearTicket {
 public:
  NearTicket(NearTicket&&) noexcept;
  NearTicket& operator=(NearTicket&&) noexcept;
  ~NearTicket();

 private:
  friend class NearStore;
  struct State;
  explicit NearTicket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The part of a NearCache that does not depend on its values' type. Use NearCache<T>.
class NearStore {
 public:
  using Clock = std::chrono::steady_clock;

  NearStore(std::shared_ptr<Invalidations> source, NearCacheOptions options);
  NearStore(const NearStore&) = delete;
  NearStore& operator=(const NearStore&) = delete;
  ~NearStore();

  std::shared_ptr<const void> find(std::string_view name, Clock::time_point now);
  NearTicket begin(std::string_view name, std::span<const std::string> further_keys, Clock::time_point now);
  bool store(NearTicket ticket, std::shared_ptr<const void> value, std::size_t bytes,
             std::optional<std::chrono::milliseconds> ttl);
  void forget(std::string_view key);
  void clear();
  NearCacheStats stats() const noexcept;

 private:
  friend class NearTicket;
  class Impl;  // NOLINT(cppcoreguidelines-virtual-class-destructor): final, and told so before it is defined
  std::shared_ptr<Impl> impl_;
};

template <class T>
class NearCache {
 public:
  using Value = std::shared_ptr<const T>;
  using Clock = NearStore::Clock;

  /// `source` is Client::invalidations(). With tracking off nothing is ever stored.
  explicit NearCache(std::shared_ptr<Invalidations> source, NearCacheOptions options = {})
      : store_(std::move(source), options) {}

  /// The value under `key`, or null. O(1), no I/O.
  Value find(std::string_view key) { return std::static_pointer_cast<const T>(store_.find(key, Clock::now())); }

  /// Call before the read of `key` (and of `further_keys`, when the value is made of several) is sent.
  NearTicket begin(std::string_view key, std::span<const std::string> further_keys = {}) {
    return store_.begin(key, further_keys, Clock::now());
  }
  /// Keeps `value` under the ticket's first key, unless one of its keys has changed since begin(): false then. `bytes`
  /// is the value's size in memory. `ttl` is what PTTL said of the key that expires first, nullopt when none expires;
  /// zero or negative stores nothing.
  bool store(NearTicket ticket, Value value, std::size_t bytes, std::optional<std::chrono::milliseconds> ttl = {}) {
    return store_.store(std::move(ticket), std::move(value), bytes, ttl);
  }
  /// Drops what was made of `key`, reads under way included.
  void forget(std::string_view key) { store_.forget(key); }
  /// Drops everything, reads under way included.
  void clear() { store_.clear(); }
  NearCacheStats stats() const noexcept { return store_.stats(); }

 private:
  NearStore store_;
};

/// GET through a NearCache: strings, and the fact that a key does not exist.
class NearStrings {
 public:
  /// Null pointee: the key does not exist.
  using Value = std::shared_ptr<const std::optional<std::string>>;

  /// `client` must outlive every get().
  explicit NearStrings(Client& client, NearCacheOptions options = {});
  /// From the cache, or by GET and PTTL in one piece. Errors are those of the link; they are never cached.
  boost::asio::awaitable<Result<Value>> get(std::string key);
  /// After a write of one's own.
  void forget(std::string_view key) { cache_.forget(key); }
  NearCacheStats stats() const noexcept { return cache_.stats(); }

 private:
  Client& client_;
  NearCache<std::optional<std::string>> cache_;
};

}  // namespace inkwell::redis
