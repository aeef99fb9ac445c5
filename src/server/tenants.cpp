#include "server/tenants.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace inkwell::server {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

RateLimit::RateLimit(std::uint64_t per_second, std::uint64_t burst)
    : interval_(std::max<std::int64_t>(
          kSecond / static_cast<std::int64_t>(std::clamp<std::uint64_t>(per_second, 1, kSecond)), 1)),
      tolerance_(interval_ * static_cast<std::int64_t>(
                                 std::clamp<std::uint64_t>(burst == 0 ? per_second : burst, 1, kSecond) - 1)) {}

std::optional<std::chrono::nanoseconds> RateLimit::take(Clock::time_point now) noexcept {
  const std::int64_t at = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t from = std::max(full_at, at);
    if (from - at > tolerance_) return std::chrono::nanoseconds(from - at - tolerance_);
    if (full_at_.compare_exchange_weak(full_at, from + interval_, std::memory_order_relaxed)) return std::nullopt;
  }
}

Tenants::Tenants(std::vector<TenantOptions> options) {
  for (auto& one : options) {
    Tenant tenant;
    if (one.requests_per_second > 0) tenant.rate = std::make_unique<RateLimit>(one.requests_per_second, one.burst);
    std::string name = one.name;
    tenant.options = std::move(one);
    tenants_.insert_or_assign(std::move(name), std::move(tenant));
  }
}

const Tenants::Tenant* Tenants::tenant(std::string_view name) const {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
}

const TenantOptions* Tenants::find(std::string_view name) const {
  const Tenant* const found = tenant(name);
  return found == nullptr ? nullptr : &found->options;
}

Result<void> Tenants::admit(std::string_view name, RateLimit::Clock::time_point now) const {
  const Tenant* const found = tenant(name);
  if (found == nullptr || !found->rate) return {};
  const auto wait = found->rate->take(now);
  if (!wait) return {};
  return std::unexpected(
      Error(ErrorKind::quota_exceeded, "rate_limit_exceeded",
            fmt::format("Rate limit reached: {} requests a second.", found->options.requests_per_second),
            "Wait a moment, then try again.")
          .with_retry_after(std::chrono::ceil<std::chrono::milliseconds>(*wait)));
}

}  // namespace inkwell::server
