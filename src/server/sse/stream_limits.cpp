#include "server/sse/stream_limits.hpp"

#include <chrono>
#include <fmt/format.h>

namespace inkwell::server {

bool StreamLimits::count(const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::size_t& open = open_[address];
  if (open >= options_.per_address) return false;
  ++open;
  return true;
}

void StreamLimits::release(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto it = open_.find(address);
  if (--it->second == 0) open_.erase(it);
}

Result<std::shared_ptr<void>> StreamLimits::admit(const std::string& address) {
  if (options_.per_address == 0) return nullptr;
  if (count(address)) return std::shared_ptr<void>(this, [this, address](void*) { release(address); });
  return std::unexpected(Error(ErrorKind::overloaded, "too_many_streams",
                               fmt::format("This address has the {} event streams it may have.", options_.per_address),
                               "Close one first.")
                             .with_retry_after(std::chrono::seconds(30)));
}

}  // namespace inkwell::server
