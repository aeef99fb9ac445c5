// Tenants: what each tenant may use. Shared by the workers; thread-safe, without locks.
//
// The rate is a token bucket in its GCRA form (ITU-T I.371): one number a tenant, the moment its bucket will be full
// again. It is of this server alone: behind a balancer with N servers, a tenant gets up to N times as much.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>

#include "conversations/options.hpp"

namespace inkwell::server {

struct TenantOptions {
  std::string name;
  std::uint64_t requests_per_second = 0;  ///< 0: no limit
  std::uint64_t burst = 0;                ///< requests at once after a pause; 0: those of one second
  conversations::Quota quota;
  std::optional<std::chrono::milliseconds> conversation_lifetime;  ///< of its conversations that ask for none
};

class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  RateLimit(std::uint64_t per_second, std::uint64_t burst);

  /// Takes one request's worth; nothing, or how long to wait for it.
  std::optional<std::chrono::nanoseconds> take(Clock::time_point now) noexcept;

 private:
  std::int64_t interval_;   ///< between two requests at the rate, in ns
  std::int64_t tolerance_;  ///< how far ahead of the rate a burst may run, in ns
  std::atomic<std::int64_t> full_at_{0};
};

class Tenants {
 public:
  explicit Tenants(std::vector<TenantOptions> options);

  /// Counts one request; quota_exceeded (rate_limit_exceeded) with a time to wait above the tenant's rate.
  Result<void> admit(std::string_view tenant, RateLimit::Clock::time_point now) const;
  /// Null for a tenant that nothing is said of.
  const TenantOptions* find(std::string_view tenant) const;

 private:
  struct Tenant {
    TenantOptions options;
    std::unique_ptr<RateLimit> rate;  ///< null: no limit
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>{}(name); }
  };
  const Tenant* tenant(std::string_view name) const;

  std::unordered_map<std::string, Tenant, NameHash, std::equal_to<>> tenants_;
};

}  // namespace inkwell::server
