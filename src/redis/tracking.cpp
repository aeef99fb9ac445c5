#include <algorithm>

#include <inkwell/redis/tracking.hpp>

namespace inkwell::redis {

bool Invalidations::tracks(std::string_view key) const noexcept {
  if (tracking_.mode != Tracking::Mode::prefixes || tracking_.prefixes.empty()) {
    return tracking_.mode != Tracking::Mode::off;
  }
  return std::ranges::any_of(tracking_.prefixes, [key](const auto& prefix) { return key.starts_with(prefix); });
}

void Invalidations::invalidate(std::string_view key) {
  ++count_;
  for (auto* listener : listeners_) listener->on_invalidated(key);
}

void Invalidations::invalidate_all() {
  ++count_;
  for (auto* listener : listeners_) listener->on_all_invalidated();
}

}  // namespace inkwell::redis
