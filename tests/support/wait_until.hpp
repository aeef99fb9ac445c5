// Waits, on the calling thread, for a condition of other processes: servers that start, agree, take over. The patience
// is for a busy machine under a sanitizer; it says nothing about how long it should take.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace inkwell::test {

inline constexpr std::chrono::seconds kServersPatience{90};

/// Looks every 10 ms; throws with `what` when it does not hold within kServersPatience.
template <class Condition>
void wait_until(const std::string& what, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kServersPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("not within " + std::to_string(kServersPatience.count()) + " s: " + what);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// The same for what servers may accept and then give up: gives the order again each `every` until the condition holds.
template <class Order, class Condition>
void order_until(const std::string& what, std::chrono::milliseconds every, Order order, Condition condition) {
  auto next = std::chrono::steady_clock::now();
  wait_until(what, [&] {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= next) {
      order();
      next = std::chrono::steady_clock::now() + every;
    }
    return false;
  });
}

}  // namespace inkwell::test
