// RemoteKeys: a JWK Set that is had from a URL, kept, and asked for again: every ten minutes, and early when a token
// names a key that isn't in it, but never more often than every five seconds. A fetch that fails keeps what is there.
// Runs a thread of its own, because libcurl's easy interface blocks. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/jwt/key.hpp"

namespace inkwell::server {

class RemoteKeys {
 public:
  using Keys = std::vector<VerificationKey>;

  explicit RemoteKeys(std::string url);
  RemoteKeys(const RemoteKeys&) = delete;
  RemoteKeys& operator=(const RemoteKeys&) = delete;
  /// Stops.
  ~RemoteKeys();

  /// Begins to fetch. `on_failure`, called on a thread of this, is told why a fetch failed.
  void start(std::function<void(std::string_view)> on_failure);
  void stop();

  std::shared_ptr<const Keys> current() const;
  /// How many fetches have ended, well or not.
  std::uint64_t fetches() const;
  /// Asks for a fetch. False when the last one is too recent: there will be none because of this.
  bool refresh();

 private:
  void run();
  Result<Keys> fetch() const;

  const std::string url_;
  std::function<void(std::string_view)> on_failure_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::shared_ptr<const Keys> keys_ = std::make_shared<const Keys>();
  std::chrono::steady_clock::time_point fetched_at_{};
  std::uint64_t fetches_ = 0;
  bool wanted_ = false;
  bool fetching_ = false;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace inkwell::server
