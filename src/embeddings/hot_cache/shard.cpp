#include "embeddings/hot_cache/shard.hpp"

#include <bit>
#include <cstring>
#include <new>

namespace inkwell::hot_cache_detail {
namespace {

// Held entries the search for a victim passes over before it gives up. They are in use, which makes them recent.
constexpr unsigned kMaxSpared = 16;
// Slots each put() looks at for something expired. Two are more than one new entry needs at any load of the table.
constexpr unsigned kSlotsExpiredPerPut = 2;

void free_entry(Entry* entry) noexcept { ::operator delete(static_cast<void*>(entry)); }

bool held(const Entry& entry) noexcept { return entry.references.load(std::memory_order_acquire) > 1; }

}  // namespace

std::uint64_t hash_of(const Digest256& key) noexcept {
  const auto words = std::bit_cast<std::array<std::uint64_t, 4>>(key.bytes);
  // Digests are uniform already; folding and the finaliser of MurmurHash3 make other keys good enough, too.
  std::uint64_t h = words[0] ^ std::rotl(words[1], 16) ^ std::rotl(words[2], 32) ^ std::rotl(words[3], 48);
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

void release(Entry* entry) noexcept {
  if (entry->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Only what is not in a cache gets here: the cache's own reference keeps the rest.
  if (Account* const account = entry->account) {
    const std::size_t cost = HotCache::cost_of(entry->length);
    account->pinned.fetch_sub(cost, std::memory_order_relaxed);
    account->give_back(cost);
    account->drop_owner();
  }
  free_entry(entry);
}

template <Policy P>
PolicyShard<P>::Garbage::~Garbage() {
  while (first_) free_entry(std::exchange(first_, first_->next));
}

template <Policy P>
PolicyShard<P>::~PolicyShard() {
  clear();
  account_->drop_owner();
}

template <Policy P>
Entry* PolicyShard<P>::get(std::uint64_t hash, const Digest256& key, TimePoint now) noexcept {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  Entry* const entry = index_.find(hash, key);
  if (!entry) {
    ++counts_.misses;
    return nullptr;
  }
  if (entry->expires_at <= now) {
    ++counts_.misses;
    ++counts_.expired;
    remove(entry, garbage);
    return nullptr;
  }
  ++counts_.hits;
  policy_.used(*entry);
  entry->references.fetch_add(1, std::memory_order_relaxed);
  return entry;
}

template <Policy P>
bool PolicyShard<P>::contains(std::uint64_t hash, const Digest256& key, TimePoint now) const noexcept {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = index_.find(hash, key);
  return entry && entry->expires_at > now;
}

template <Policy P>
void PolicyShard<P>::put(std::uint64_t hash, Entry* entry, TimePoint now) {
  const std::size_t cost = HotCache::cost_of(entry->length);
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  expire_some(now, garbage);
  Entry* const before = index_.find(hash, entry->key);
  if (before) remove(before, garbage);
  if (entry->expires_at <= now || !make_room(cost, garbage)) {
    ++counts_.not_kept;
    return;
  }
  ++counts_.inserted;
  if (before) ++counts_.replaced;
  account_->bytes.fetch_add(cost, std::memory_order_relaxed);
  entry->references.fetch_add(1, std::memory_order_relaxed);
  index_.insert(hash, entry);
  policy_.inserted(*entry);
}

template <Policy P>
bool PolicyShard<P>::erase(std::uint64_t hash, const Digest256& key) noexcept {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  Entry* const entry = index_.find(hash, key);
  if (!entry) return false;
  ++counts_.erased;
  remove(entry, garbage);
  return true;
}

template <Policy P>
void PolicyShard<P>::clear() noexcept {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  counts_.erased += index_.size();
  while (Entry* const entry = policy_.first()) remove(entry, garbage);
  account_->give_back(index_.bytes());
  index_.clear();
}

template <Policy P>
std::size_t PolicyShard<P>::remove_expired(TimePoint now) noexcept {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  std::size_t removed = 0;
  for (Entry* entry = policy_.first(); entry;) {
    Entry* const after = policy_.after(*entry);
    if (entry->expires_at <= now) {
      remove(entry, garbage);
      ++removed;
    }
    entry = after;
  }
  counts_.expired += removed;
  return removed;
}

template <Policy P>
std::vector<Entry*> PolicyShard<P>::entries() const {
  std::vector<Entry*> all;
  const std::lock_guard lock(mutex_);
  all.reserve(index_.size());
  for (Entry* entry = policy_.first(); entry; entry = policy_.after(*entry)) {
    entry->references.fetch_add(1, std::memory_order_relaxed);
    all.push_back(entry);
  }
  return all;
}

template <Policy P>
void PolicyShard<P>::add_stats(HotCache::Stats& stats) const noexcept {
  const std::lock_guard lock(mutex_);
  stats.hits += counts_.hits;
  stats.misses += counts_.misses;
  stats.expired += counts_.expired;
  stats.inserted += counts_.inserted;
  stats.replaced += counts_.replaced;
  stats.evicted += counts_.evicted;
  stats.not_kept += counts_.not_kept;
  stats.erased += counts_.erased;
  stats.entries += index_.size();
  stats.bytes += account_->bytes.load(std::memory_order_relaxed);
  stats.pinned_bytes += account_->pinned.load(std::memory_order_relaxed);
  stats.max_bytes += max_bytes_;
}

// Under the lock. Whether somebody holds the entry cannot change from no to yes meanwhile: a first Handle is only made
// under the lock.
template <Policy P>
void PolicyShard<P>::remove(Entry* entry, Garbage& garbage) noexcept {
  const std::size_t cost = HotCache::cost_of(entry->length);
  index_.erase(hash_of(entry->key), entry);
  policy_.removed(*entry);
  if (!held(*entry)) {
    account_->give_back(cost);
    garbage.add(entry);
    return;
  }
  account_->owners.fetch_add(1, std::memory_order_relaxed);
  account_->pinned.fetch_add(cost, std::memory_order_relaxed);
  entry->account = account_;
  release(entry);
}

template <Policy P>
bool PolicyShard<P>::evict_one(unsigned& spared, Garbage& garbage) noexcept {
  for (; spared < kMaxSpared; ++spared) {
    Entry* const victim = policy_.victim();
    if (!victim) return false;
    if (!held(*victim)) {
      ++counts_.evicted;
      remove(victim, garbage);
      return true;
    }
    policy_.spared(*victim);
  }
  return false;
}

template <Policy P>
bool PolicyShard<P>::make_room(std::size_t cost, Garbage& garbage) {
  if (cost > max_bytes_) return false;
  unsigned spared = 0;
  // The old table counts until the new one is filled, so that even the moment of growing is within the bound.
  while (index_.full() && !fits(cost + index_.bytes_when_grown())) {
    if (!evict_one(spared, garbage)) return false;
  }
  if (index_.full()) {
    const std::size_t before = index_.bytes();
    index_.grow();
    account_->bytes.fetch_add(index_.bytes() - before, std::memory_order_relaxed);
  }
  while (!fits(cost)) {
    if (!evict_one(spared, garbage)) return false;
  }
  return true;
}

template <Policy P>
void PolicyShard<P>::expire_some(TimePoint now, Garbage& garbage) noexcept {
  const auto& slots = index_.slots();
  if (slots.empty()) return;
  for (unsigned i = 0; i < kSlotsExpiredPerPut; ++i) {
    hand_ &= slots.size() - 1;
    Entry* const entry = slots[hand_].entry;
    if (!entry || entry->expires_at > now) {
      ++hand_;
      continue;
    }
    ++counts_.expired;
    remove(entry, garbage);  // another may have moved into the slot: the hand stays
  }
}

template <Policy P>
std::string PolicyShard<P>::find_inconsistency() const {
  const std::lock_guard lock(mutex_);
  std::size_t listed = 0;
  std::size_t cost = index_.bytes();
  for (const Entry* entry = policy_.first(); entry; entry = policy_.after(*entry)) {
    ++listed;
    cost += HotCache::cost_of(entry->length);
    if (index_.find(hash_of(entry->key), entry->key) != entry) return "an entry of the policy is not in the index";
    if (entry->references.load(std::memory_order_relaxed) < 1) return "an entry of the cache has no reference";
    if (listed > index_.size()) return "the policy lists more entries than the index holds";
  }
  if (listed != index_.size()) return "the policy lists fewer entries than the index holds";
  std::size_t used = 0;
  for (const auto& slot : index_.slots()) used += slot.entry != nullptr;
  if (used != index_.size()) return "the index counts its entries wrongly";
  const std::size_t bytes = account_->bytes.load(std::memory_order_relaxed);
  if (bytes > max_bytes_) return "more bytes than the bound";
  if (bytes < cost) return "fewer bytes counted than the entries cost";
  return {};
}

template class PolicyShard<LruPolicy>;

}  // namespace inkwell::hot_cache_detail
