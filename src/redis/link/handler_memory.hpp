// HandlerMemory: one place for the state of one asynchronous operation that is started over and over, so that none of
// its rounds allocates. Whoever owns it is kept alive by the handler itself. One operation at a time; a second one, or
// a larger one, falls back to the heap. One thread.
#pragma once

#include <cstddef>
#include <new>

namespace inkwell::redis::link {

class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;
  HandlerMemory& operator=(const HandlerMemory&) = delete;

  void* allocate(std::size_t bytes) {
    if (used_ || bytes > sizeof room_) return ::operator new(bytes);
    used_ = true;
    return room_;
  }
  void deallocate(void* place) noexcept {
    if (place == room_) {
      used_ = false;
    } else {
      ::operator delete(place);
    }
  }

 private:
  alignas(std::max_align_t) std::byte room_[512];
  bool used_ = false;
};

/// The allocator of a handler that lives in `memory`.
template <class T>
class HandlerAllocator {
 public:
  using value_type = T;
  explicit HandlerAllocator(HandlerMemory& memory) noexcept : memory_(&memory) {}
  template <class U>
  HandlerAllocator(const HandlerAllocator<U>& other) noexcept : memory_(other.memory_) {}
  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
  void deallocate(T* place, std::size_t) noexcept { memory_->deallocate(place); }
  template <class U>
  bool operator==(const HandlerAllocator<U>& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class>
  friend class HandlerAllocator;
  HandlerMemory* memory_;
};

}  // namespace inkwell::redis::link
