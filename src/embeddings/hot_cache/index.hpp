// Index: the hash table of a HotCache shard: flat slots of (hash, entry), linear probing, deletion by shifting back
// (Knuth, The Art of Computer Programming vol. 3, section 6.4, algorithm R), so there are no tombstones. A slot keeps
// the hash, so that neither probing past a stranger nor shifting touches an entry. Owns its slots, no entry; used under
// its shard's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <inkwell/hot_cache.hpp>

namespace inkwell::hot_cache_detail {

class Index {
 public:
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };
  static constexpr std::size_t kFirstSlots = 16;

  Entry* find(std::uint64_t hash, const Digest256& key) const noexcept {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(hash);; i = next(i)) {
      const Slot& slot = slots_[i];
      if (!slot.entry) return nullptr;
      if (slot.hash == hash && slot.entry->key == key) return slot.entry;
    }
  }

  /// Whether one more entry needs grow() first (at most three quarters of the slots are used).
  bool full() const noexcept { return (size_ + 1) * 4 > slots_.size() * 3; }
  std::size_t bytes() const noexcept { return slots_.size() * sizeof(Slot); }
  std::size_t bytes_when_grown() const noexcept { return grown_slots() * sizeof(Slot); }

  void grow() {
    std::vector<Slot> before(grown_slots());
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.entry) place(slot);
    }
  }

  /// `entry`'s key must not be in it, and it must not be full().
  void insert(std::uint64_t hash, Entry* entry) noexcept {
    place(Slot{hash, entry});
    ++size_;
  }

  /// `entry` must be in it.
  void erase(std::uint64_t hash, const Entry* entry) noexcept {
    std::size_t hole = home(hash);
    while (slots_[hole].entry != entry) hole = next(hole);
    for (std::size_t i = next(hole); slots_[i].entry; i = next(i)) {
      // What stands at i may move into the hole unless its home lies cyclically behind the hole.
      if (((i - home(slots_[i].hash)) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = Slot{};
    --size_;
  }

  void clear() noexcept {
    std::vector<Slot>().swap(slots_);
    size_ = 0;
  }

  std::size_t size() const noexcept { return size_; }
  const std::vector<Slot>& slots() const noexcept { return slots_; }

 private:
  std::size_t mask() const noexcept { return slots_.size() - 1; }
  std::size_t home(std::uint64_t hash) const noexcept { return static_cast<std::size_t>(hash) & mask(); }
  std::size_t next(std::size_t i) const noexcept { return (i + 1) & mask(); }
  std::size_t grown_slots() const noexcept { return slots_.empty() ? kFirstSlots : slots_.size() * 2; }
  void place(Slot slot) noexcept {
    std::size_t i = home(slot.hash);
    while (slots_[i].entry) i = next(i);
    slots_[i] = slot;
  }

  std::vector<Slot> slots_;  // a power of two of them, or none
  std::size_t size_ = 0;
};

}  // namespace inkwell::hot_cache_detail
