// TimerWheel: deadlines of very many things at one timer's cost (Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", SOSP 1987, scheme 6). Intrusive: what waits carries its hook. Counts ticks, knows no clock; one thread.
#pragma once

#include <cstdint>
#include <vector>

namespace inkwell::server {

class TimerWheel {
 public:
  /// Unhooks itself when destroyed.
  class Hook {
   public:
    Hook() = default;
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;
    ~Hook() { unlink(); }

   private:
    friend class TimerWheel;
    void unlink() noexcept {
      if (!next_) return;
      next_->previous_ = previous_;
      previous_->next_ = next_;
      next_ = previous_ = nullptr;
    }
    void insert_before(Hook& other) noexcept {
      next_ = &other;
      previous_ = other.previous_;
      previous_->next_ = this;
      other.previous_ = this;
    }
    Hook* next_ = nullptr;
    Hook* previous_ = nullptr;
    std::uint32_t due_ = 0;
  };

  explicit TimerWheel(std::size_t slots) : slots_(slots) {
    for (auto& slot : slots_) slot.next_ = slot.previous_ = &slot;
  }

  std::uint32_t now() const noexcept { return now_; }

  /// In `ticks` ticks, at least one; whatever it waited for before is forgotten.
  void schedule(Hook& hook, std::uint32_t ticks) noexcept {
    hook.unlink();
    hook.due_ = now_ + (ticks == 0 ? 1 : ticks);
    hook.insert_before(slots_[hook.due_ % slots_.size()]);
  }
  static void cancel(Hook& hook) noexcept { hook.unlink(); }

  /// One tick passes: calls `expire(hook)` for all that are due. It may schedule, cancel or destroy any hook.
  template <class Expire>
  void advance(Expire expire) {
    ++now_;
    Hook& slot = slots_[now_ % slots_.size()];
    Hook later;  // those of a later round go back
    later.next_ = later.previous_ = &later;
    while (slot.next_ != &slot) {
      Hook& hook = *slot.next_;
      hook.unlink();
      if (hook.due_ == now_) {
        expire(hook);
      } else {
        hook.insert_before(later);
      }
    }
    while (later.next_ != &later) {
      Hook& hook = *later.next_;
      hook.unlink();
      hook.insert_before(slot);
    }
  }

 private:
  std::vector<Hook> slots_;
  std::uint32_t now_ = 0;
};

}  // namespace inkwell::server
