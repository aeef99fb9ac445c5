// HttpStats: what one worker counts about HTTP. Written by the worker's thread only, read from any (relaxed atomics).
// The number of series is bounded by the routes: a raw path is never a label.
#pragma once

#include <array>
#include <boost/beast/http/status.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "telemetry/counter.hpp"

namespace inkwell::server {

/// The statuses that are counted one by one; any other is counted as the last entry, 0.
inline constexpr std::array<std::uint16_t, 26> kCountedStatuses = {200, 201, 202, 204, 206, 304, 400, 401, 403,
                                                                   404, 405, 408, 409, 410, 412, 413, 415, 417,
                                                                   422, 429, 431, 500, 502, 503, 504, 0};

struct RouteStats {
  std::array<telemetry::Counter, kCountedStatuses.size()> by_status;
  telemetry::Histogram duration;
};

class HttpStats {
 public:
  /// One row a route, and one more for requests that matched none.
  explicit HttpStats(std::size_t routes) : routes_(routes + 1) {}

  void answered(std::size_t route, unsigned status, std::chrono::nanoseconds duration) noexcept {
    auto& row = routes_[route];
    std::size_t i = 0;
    while (kCountedStatuses[i] != status && kCountedStatuses[i] != 0) ++i;
    row.by_status[i].add();
    row.duration.observe(duration);
  }

  std::size_t unmatched() const noexcept { return routes_.size() - 1; }
  const RouteStats& route(std::size_t index) const noexcept { return routes_[index]; }

  telemetry::Counter begun;            ///< requests whose header was read
  telemetry::Counter ended;            ///< of those: answered, taken over or given up
  telemetry::Counter accepted;         ///< connections
  telemetry::Counter refused;          ///< connections over the limit
  telemetry::Counter taken_over;       ///< connections that became streams
  telemetry::Counter handler_throws;   ///< exceptions that escaped a handler: bugs
  telemetry::Counter bytes_sent;       ///< of answers, header and body
  telemetry::Counter body_bytes_read;  ///< of requests' bodies

 private:
  std::deque<RouteStats> routes_;
};

}  // namespace inkwell::server
