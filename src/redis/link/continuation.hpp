// Continuation: something to run once, kept in place without a heap allocation: how a waiting coroutine is resumed
// without the deciding machines knowing of Asio. Not copyable; one thread.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace inkwell::redis::link {

class Continuation {
 public:
  static constexpr std::size_t kRoom = 64;

  Continuation() = default;
  Continuation(const Continuation&) = delete;
  Continuation& operator=(const Continuation&) = delete;
  ~Continuation() { drop(); }

  template <class F>
  void emplace(F function) {
    static_assert(sizeof(F) <= kRoom && alignof(F) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<F>);
    drop();
    new (room_) F(std::move(function));
    act_ = [](void* room, bool run) {
      F* const there = std::launder(reinterpret_cast<F*>(room));
      F here = std::move(*there);  // running or destroying it may destroy the room itself
      std::destroy_at(there);      // NOLINT(bugprone-use-after-move): what was moved from is destroyed
      if (run) here();
    };
  }
  explicit operator bool() const noexcept { return act_ != nullptr; }
  /// Runs what is here; nothing is here afterwards.
  void run() {
    if (auto* act = std::exchange(act_, nullptr)) act(room_, true);
  }
  /// Destroys it without running it.
  void drop() {
    if (auto* act = std::exchange(act_, nullptr)) act(room_, false);
  }

 private:
  alignas(std::max_align_t) std::byte room_[kRoom];
  void (*act_)(void*, bool) = nullptr;
};

}  // namespace inkwell::redis::link
