// LruPolicy: which entry of a HotCache shard goes next: the one used longest ago. An intrusive doubly linked list in
// the entries' own headers. Owns no entry; used under its shard's lock.
//
// It is also the shape every policy has (the Policy concept): S3-FIFO, SIEVE and the like take its place here without
// the shard knowing.
#pragma once

#include <concepts>

#include <inkwell/hot_cache.hpp>

namespace inkwell::hot_cache_detail {

template <class P>
concept Policy = requires(P policy, const P& constant, Entry& entry) {
  policy.inserted(entry);                         // a new entry
  policy.used(entry);                             // a hit
  policy.removed(entry);                          // leaves, for whatever reason
  policy.spared(entry);                           // was the victim, but is held: ask for another
  { constant.victim() } -> std::same_as<Entry*>;  // who goes next; null when empty
  { constant.first() } -> std::same_as<Entry*>;   // iteration, hottest first
  { constant.after(entry) } -> std::same_as<Entry*>;
};

class LruPolicy {
 public:
  void inserted(Entry& entry) noexcept {
    entry.previous = nullptr;
    entry.next = head_;
    (head_ ? head_->previous : tail_) = &entry;
    head_ = &entry;
  }
  void used(Entry& entry) noexcept {
    if (head_ == &entry) return;
    removed(entry);
    inserted(entry);
  }
  void removed(Entry& entry) noexcept {
    (entry.previous ? entry.previous->next : head_) = entry.next;
    (entry.next ? entry.next->previous : tail_) = entry.previous;
  }
  void spared(Entry& entry) noexcept { used(entry); }
  Entry* victim() const noexcept { return tail_; }
  Entry* first() const noexcept { return head_; }
  Entry* after(const Entry& entry) const noexcept { return entry.next; }

 private:
  Entry* head_ = nullptr;  // used last
  Entry* tail_ = nullptr;  // used longest ago
};
static_assert(Policy<LruPolicy>);

}  // namespace inkwell::hot_cache_detail
