// Ring: a growing circular queue whose places are numbered for ever: the n-th thing pushed is at place n until it is
// popped. No allocation once it has grown to the depth in use. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace inkwell::redis::link {

template <class T>
class Ring {
 public:
  bool empty() const noexcept { return first_ == end_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - first_); }
  /// Place of the oldest, and of the next to be pushed.
  std::uint64_t first() const noexcept { return first_; }
  std::uint64_t end() const noexcept { return end_; }

  T& front() noexcept { return (*this)[first_]; }
  T& operator[](std::uint64_t place) noexcept { return slots_[place & (slots_.size() - 1)]; }

  std::uint64_t push(T value) {
    if (size() == slots_.size()) grow();
    slots_[end_ & (slots_.size() - 1)] = std::move(value);
    return end_++;
  }
  void pop() noexcept { ++first_; }

 private:
  void grow() {
    std::vector<T> wider(slots_.empty() ? 64 : slots_.size() * 2);
    for (std::uint64_t place = first_; place != end_; ++place) {
      wider[place & (wider.size() - 1)] = std::move(slots_[place & (slots_.size() - 1)]);
    }
    slots_ = std::move(wider);
  }

  std::vector<T> slots_;
  std::uint64_t first_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace inkwell::redis::link
