// StreamLimits: how many event streams one address may have open on this server. Shared by its workers; thread-safe.
// Counts go down with the tickets, whichever way a stream ends, so they can't leak.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <inkwell/error.hpp>

namespace inkwell::server {

struct StreamLimitOptions {
  std::size_t per_address = 0;  ///< 0: no limit. Behind a proxy all streams come from the proxy's address
};

class StreamLimits {
 public:
  explicit StreamLimits(StreamLimitOptions options) : options_(options) {}
  StreamLimits(const StreamLimits&) = delete;
  StreamLimits& operator=(const StreamLimits&) = delete;

  /// Counts one stream until the last copy of the ticket is gone, which this must outlive; null when there is no limit.
  /// Refused (overloaded, with a time to wait) at the limit.
  Result<std::shared_ptr<void>> admit(const std::string& address);

 private:
  bool count(const std::string& address);
  void release(const std::string& address);

  const StreamLimitOptions options_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> open_;  ///< guarded by mutex_
};

}  // namespace inkwell::server
