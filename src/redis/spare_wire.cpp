#include "redis/spare_wire.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace inkwell::redis {
namespace {

constexpr std::size_t kSmallest = 16;                    // what a string holds by itself is no spare
constexpr std::size_t kLargest = std::size_t{16} << 10;  // one of these would sit on memory for nothing
constexpr std::size_t kKept = 64;

thread_local bool over = false;  // the thread is ending and its spares are gone; coroutines may still be torn down

struct Spares {
  Spares() = default;
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;
  ~Spares() { over = true; }
  std::array<std::string, kKept> wires;
  std::size_t count = 0;
};

thread_local Spares spares;

}  // namespace

std::string take_spare_wire() noexcept {
  if (over || spares.count == 0) return {};
  std::string wire = std::move(spares.wires[--spares.count]);
  wire.clear();
  return wire;
}

void give_spare_wire(std::string&& wire) noexcept {
  if (over || wire.capacity() < kSmallest || wire.capacity() > kLargest || spares.count == kKept) return;
  spares.wires[spares.count++] = std::move(wire);
}

}  // namespace inkwell::redis
