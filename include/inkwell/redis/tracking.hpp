// Client-side caching, the server's half (CLIENT TRACKING,
// https://redis.io/docs/latest/develop/reference/client-side-caching/): which keys the server watches for a client, and
// who hears that one has changed. What most programs want stands on it: NearCache (near_cache.hpp).
//
// Order. An invalidation is delivered when it is read off the connection: before any caller sees a reply that arrived
// behind it. (Callers of replies that arrived just before it may resume after it; NearCache's tickets take care of
// that.) A lost connection invalidates everything: nobody tells what has changed meanwhile. Tracking is turned on
// again, with the handshake, before the next command is sent.
//
// Threads: all of it lives on its client's executor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace inkwell::redis {

/// What a client asks the server to watch (Options::tracking).
struct Tracking {
  enum class Mode : std::uint8_t {
    off,
    opted,     ///< keys read by execute_tracked(), until each changes once (OPTIN): the server remembers those
    reads,     ///< every key read over the connection, until each changes once: costs the server more memory
    prefixes,  ///< every key with one of `prefixes`, always (BCAST): costs it no memory, but each change is sent
  };
  Mode mode = Mode::off;
  /// Mode::prefixes: none of them may begin with another one (the server refuses the connection then). An empty list
  /// means every key.
  std::vector<std::string> prefixes;
  /// Don't tell this client of the keys it changes itself (NOLOOP).
  bool skip_own_writes = false;
};

/// Hears of changes. Both are called on the client's executor, must not throw, and must not add or remove listeners.
class InvalidationListener {
 public:
  /// `key` was written, deleted, has expired or was evicted, or the server no longer watches it. Valid during the call.
  virtual void on_invalidated(std::string_view key) = 0;
  /// Anything may have changed: the database was flushed, or the connection was lost.
  virtual void on_all_invalidated() = 0;

 protected:
  ~InvalidationListener() = default;
};

/// A client's listeners. Shared by the client and who listens, so that either may go first.
class Invalidations {
 public:
  explicit Invalidations(Tracking tracking) : tracking_(std::move(tracking)) {}
  Invalidations(const Invalidations&) = delete;
  Invalidations& operator=(const Invalidations&) = delete;

  /// Called from now on, until it is removed; `listener` must stay alive as long.
  void add(InvalidationListener& listener) { listeners_.push_back(&listener); }
  void remove(InvalidationListener& listener) { std::erase(listeners_, &listener); }

  const Tracking& tracking() const noexcept { return tracking_; }
  /// True when a change of `key`, read as the mode asks for, would be told of.
  bool tracks(std::string_view key) const noexcept;

  // ---- For the link ----

  void invalidate(std::string_view key);
  void invalidate_all();
  std::uint64_t count() const noexcept { return count_; }

 private:
  const Tracking tracking_;
  std::vector<InvalidationListener*> listeners_;
  std::uint64_t count_ = 0;
};

}  // namespace inkwell::redis
