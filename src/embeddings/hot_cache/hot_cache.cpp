#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

#include <inkwell/hot_cache.hpp>

#include "embeddings/hot_cache/shard.hpp"

namespace inkwell {
namespace {

constexpr std::size_t kMaxShards = 64;
constexpr std::size_t kLeastShardBytes = 4u << 20;
// What glibc's malloc adds to a block, and to what it rounds.
constexpr std::size_t kAllocatorHeader = 8;
constexpr std::size_t kAllocatorUnit = 16;

std::size_t chosen_shards(const HotCache::Options& options) {
  if (options.shards != 0) return std::bit_ceil(options.shards);
  return std::bit_floor(std::clamp<std::size_t>(options.max_bytes / kLeastShardBytes, 1, kMaxShards));
}

}  // namespace

HotCache::HotCache(Options options)
    : shard_count_(chosen_shards(options)),
      shard_shift_(static_cast<unsigned>(64 - std::countr_zero(shard_count_))),
      shards_(std::make_unique<Shard[]>(shard_count_)) {
  for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].set_bound(options.max_bytes / shard_count_);
}

HotCache::~HotCache() = default;

HotCache::Shard& HotCache::shard_of(std::uint64_t hash) const noexcept {
  return shards_[shard_count_ == 1 ? 0 : static_cast<std::size_t>(hash >> shard_shift_)];
}

HotCache::Handle HotCache::get(const Key& key, TimePoint now) noexcept {
  const auto hash = hot_cache_detail::hash_of(key);
  return Handle(shard_of(hash).get(hash, key, now));
}

bool HotCache::contains(const Key& key, TimePoint now) const noexcept {
  const auto hash = hot_cache_detail::hash_of(key);
  return shard_of(hash).contains(hash, key, now);
}

HotCache::Draft HotCache::allocate(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("HotCache: a value of more than 4 GiB");
  }
  auto* const entry = new (::operator new(sizeof(Entry) + bytes)) Entry;
  entry->references.store(1, std::memory_order_relaxed);
  entry->length = static_cast<std::uint32_t>(bytes);
  entry->account = nullptr;
  entry->next = nullptr;
  return Draft(entry);
}

HotCache::Handle HotCache::put(const Key& key, Draft value, TimePoint expires_at, TimePoint now) {
  Handle handle(std::exchange(value.entry_, nullptr));
  handle.entry_->key = key;
  handle.entry_->expires_at = expires_at;
  const auto hash = hot_cache_detail::hash_of(key);
  shard_of(hash).put(hash, handle.entry_, now);
  return handle;
}

HotCache::Handle HotCache::put(const Key& key, std::span<const std::byte> value, TimePoint expires_at, TimePoint now) {
  Draft draft = allocate(value.size());
  if (!value.empty()) std::memcpy(draft.bytes().data(), value.data(), value.size());
  return put(key, std::move(draft), expires_at, now);
}

bool HotCache::erase(const Key& key) noexcept {
  const auto hash = hot_cache_detail::hash_of(key);
  return shard_of(hash).erase(hash, key);
}

void HotCache::clear() noexcept {
  for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].clear();
}

std::size_t HotCache::remove_expired(TimePoint now) noexcept {
  std::size_t removed = 0;
  for (std::size_t i = 0; i < shard_count_; ++i) removed += shards_[i].remove_expired(now);
  return removed;
}

void HotCache::for_each(const std::function<void(const Key&, const Handle&)>& visit) const {
  for (std::size_t i = 0; i < shard_count_; ++i) {
    std::vector<Handle> handles;
    {
      const auto entries = shards_[i].entries();
      handles.reserve(entries.size());
      for (Entry* const entry : entries) handles.push_back(Handle(entry));
    }
    for (const auto& handle : handles) visit(handle.entry_->key, handle);
  }
}

HotCache::Stats HotCache::stats() const noexcept {
  Stats stats;
  for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].add_stats(stats);
  return stats;
}

std::size_t HotCache::cost_of(std::size_t payload_bytes) noexcept {
  return (sizeof(Entry) + payload_bytes + kAllocatorHeader + kAllocatorUnit - 1) / kAllocatorUnit * kAllocatorUnit;
}

std::string HotCache::find_inconsistency() const {
  for (std::size_t i = 0; i < shard_count_; ++i) {
    if (auto what = shards_[i].find_inconsistency(); !what.empty()) return what;
  }
  return {};
}

}  // namespace inkwell
