#include <atomic>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <list>
#include <map>
#include <new>
#include <optional>
#include <random>
#include <string>

#include <inkwell/hot_cache.hpp>

namespace {
thread_local std::size_t allocations = 0;
}

// Counted, so that a test can show that a hit allocates nothing. All forms a shared library may allocate by are
// replaced, as what it allocates may be freed by inline code of its headers here.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* block = std::malloc(size ? size : 1)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size ? size : 1);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace inkwell {
namespace {

using namespace std::chrono_literals;
using TimePoint = HotCache::TimePoint;

constexpr TimePoint kStart{1000h};
constexpr TimePoint kNever = TimePoint::max();

Digest256 key_of(std::uint64_t number) {
  Digest256 key;
  std::memcpy(key.bytes.data(), &number, sizeof number);
  return key;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string text_of(const HotCache::Handle& handle) {
  return {reinterpret_cast<const char*>(handle.bytes().data()), handle.bytes().size()};
}

/// A cache whose structure is checked after every test.
class EmbeddingCache : public ::testing::Test {
 protected:
  HotCache& make(std::size_t max_bytes, std::size_t shards = 1) {
    return cache_.emplace(HotCache::Options{.max_bytes = max_bytes, .shards = shards});
  }
  /// Room for exactly so many values of `bytes` in one shard, index included.
  static std::size_t room_for(std::size_t count, std::size_t bytes) {
    std::size_t slots = 16;
    while (count * 4 > slots * 3) slots *= 2;
    return count * HotCache::cost_of(bytes) + slots * 16;
  }
  void TearDown() override {
    if (!cache_) return;
    EXPECT_EQ(cache_->find_inconsistency(), "");
    EXPECT_LE(cache_->stats().bytes, cache_->stats().max_bytes);
    cache_->clear();
    EXPECT_EQ(cache_->stats().bytes, cache_->stats().pinned_bytes);
  }

 private:
  std::optional<HotCache> cache_;
};

TEST_F(EmbeddingCache, test_embedding_cache_set_get) {
  HotCache& cache = make(1u << 20);
  const float vector[] = {1.0F, -0.5F, 0.25F};

  EXPECT_FALSE(cache.get(key_of(1), kStart));
  cache.put(key_of(1), std::as_bytes(std::span(vector)), kNever, kStart);

  const auto value = cache.get(key_of(1), kStart);
  ASSERT_TRUE(value);
  EXPECT_TRUE(std::ranges::equal(value.as<float>(), vector));
  EXPECT_FALSE(cache.get(key_of(2), kStart));
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_EQ(cache.stats().misses, 2u);
}

TEST_F(EmbeddingCache, test_embedding_cache_ttl_expiry) {
  HotCache& cache = make(1u << 20);
  cache.put(key_of(1), bytes_of("short"), kStart + 10s, kStart);
  cache.put(key_of(2), bytes_of("long"), kStart + 20s, kStart);

  EXPECT_EQ(text_of(cache.get(key_of(1), kStart + 10s - 1ns)), "short");
  EXPECT_FALSE(cache.get(key_of(1), kStart + 10s));
  EXPECT_EQ(cache.stats().entries, 1u) << "an expired entry found is an expired entry removed";
  EXPECT_FALSE(cache.get(key_of(1), kStart)) << "and it does not come back when time is passed in backwards";
  EXPECT_EQ(text_of(cache.get(key_of(2), kStart + 10s)), "long");
  EXPECT_EQ(cache.stats().expired, 1u);
}

TEST_F(EmbeddingCache, test_embedding_cache_lru_eviction) {
  HotCache& cache = make(room_for(3, 100));
  const std::string value(100, 'v');
  for (std::uint64_t i = 1; i <= 3; ++i) cache.put(key_of(i), bytes_of(value), kNever, kStart);

  ASSERT_TRUE(cache.get(key_of(1), kStart));  // 2 is now the one used longest ago
  cache.put(key_of(4), bytes_of(value), kNever, kStart);

  EXPECT_TRUE(cache.contains(key_of(1), kStart));
  EXPECT_FALSE(cache.contains(key_of(2), kStart));
  EXPECT_TRUE(cache.contains(key_of(3), kStart));
  EXPECT_TRUE(cache.contains(key_of(4), kStart));
  EXPECT_EQ(cache.stats().evicted, 1u);
}

TEST_F(EmbeddingCache, AHitAllocatesNothing) {
  HotCache& cache = make(1u << 20);
  cache.put(key_of(1), bytes_of("value"), kNever, kStart);

  const std::size_t before = allocations;
  const bool hit = static_cast<bool>(cache.get(key_of(1), kStart));
  const bool miss = !cache.get(key_of(2), kStart);
  const std::size_t during = allocations - before;

  EXPECT_TRUE(hit && miss);
  EXPECT_EQ(during, 0u);
}

TEST_F(EmbeddingCache, AHandleOutlivesReplacementEvictionAndTheCacheItself) {
  HotCache::Handle replaced;
  HotCache::Handle last;
  {
    HotCache cache({.max_bytes = 1u << 16, .shards = 1});
    replaced = cache.put(key_of(1), bytes_of("first"), kNever, kStart);
    last = cache.put(key_of(1), bytes_of("second"), kNever, kStart);
    EXPECT_EQ(text_of(cache.get(key_of(1), kStart)), "second");
    EXPECT_EQ(cache.stats().pinned_bytes, HotCache::cost_of(5));
  }
  EXPECT_EQ(text_of(replaced), "first");
  EXPECT_EQ(text_of(last), "second");
}

TEST_F(EmbeddingCache, BytesOfHeldValuesCountUntilTheLastHandleGoes) {
  HotCache& cache = make(1u << 16);
  auto held = cache.put(key_of(1), bytes_of("value"), kNever, kStart);
  auto second = held;
  ASSERT_TRUE(cache.erase(key_of(1)));
  const auto with = cache.stats();

  held = {};
  EXPECT_EQ(cache.stats().pinned_bytes, HotCache::cost_of(5)) << "one handle is left";
  second = {};

  EXPECT_EQ(with.pinned_bytes, HotCache::cost_of(5));
  EXPECT_EQ(cache.stats().pinned_bytes, 0u);
  EXPECT_EQ(cache.stats().bytes, with.bytes - HotCache::cost_of(5));
}

TEST_F(EmbeddingCache, HeldValuesAreNotEvictedAndTheBoundHoldsAnyway) {
  HotCache& cache = make(room_for(3, 100));
  const std::string value(100, 'v');
  std::vector<HotCache::Handle> held;
  for (std::uint64_t i = 1; i <= 3; ++i) held.push_back(cache.put(key_of(i), bytes_of(value), kNever, kStart));

  const auto extra = cache.put(key_of(4), bytes_of(value), kNever, kStart);

  EXPECT_EQ(text_of(extra), value) << "who puts has the value, kept or not";
  EXPECT_FALSE(cache.contains(key_of(4), kStart));
  EXPECT_EQ(cache.stats().not_kept, 1u);
  EXPECT_EQ(cache.stats().evicted, 0u);
  EXPECT_LE(cache.stats().bytes, cache.stats().max_bytes);

  held.clear();
  cache.put(key_of(4), bytes_of(value), kNever, kStart);
  EXPECT_TRUE(cache.contains(key_of(4), kStart));
}

TEST_F(EmbeddingCache, AValueLargerThanTheBoundIsNotKept) {
  HotCache& cache = make(1024);
  cache.put(key_of(1), bytes_of("small"), kNever, kStart);

  const auto large = cache.put(key_of(2), bytes_of(std::string(2000, 'x')), kNever, kStart);

  EXPECT_EQ(large.bytes().size(), 2000u);
  EXPECT_FALSE(cache.contains(key_of(2), kStart));
  EXPECT_TRUE(cache.contains(key_of(1), kStart)) << "what can never fit evicts nobody";
}

TEST_F(EmbeddingCache, AValueThatIsExpiredAlreadyIsNotKept) {
  HotCache& cache = make(1u << 16);
  cache.put(key_of(1), bytes_of("old"), kStart, kStart);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().not_kept, 1u);
}

TEST_F(EmbeddingCache, ADraftIsFilledInPlaceAndNotCopied) {
  HotCache& cache = make(1u << 16);
  auto draft = HotCache::allocate(8);
  std::memset(draft.bytes().data(), 7, 8);
  const void* const where = draft.bytes().data();

  const auto value = cache.put(key_of(1), std::move(draft), kNever, kStart);

  EXPECT_EQ(value.bytes().data(), where);
  EXPECT_EQ(cache.get(key_of(1), kStart).bytes().data(), where);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(where) % 16, 0u);
}

TEST_F(EmbeddingCache, PutsReclaimWhatExpiredWithoutAnybodyAskingForIt) {
  HotCache& cache = make(1u << 20);
  for (std::uint64_t i = 0; i < 100; ++i) cache.put(key_of(i), bytes_of("old"), kStart + 1s, kStart);
  for (std::uint64_t i = 0; i < 900; ++i) cache.put(key_of(1000 + i % 300), bytes_of("new"), kNever, kStart + 2s);
  EXPECT_EQ(cache.stats().expired, 100u);
  EXPECT_EQ(cache.stats().entries, 300u);
}

TEST_F(EmbeddingCache, RemoveExpiredLooksAtEveryEntry) {
  HotCache& cache = make(1u << 20, 4);
  for (std::uint64_t i = 0; i < 64; ++i) cache.put(key_of(i), bytes_of("v"), kStart + 1s * (i % 2 + 1), kStart);
  EXPECT_EQ(cache.remove_expired(kStart + 1s), 32u);
  EXPECT_EQ(cache.stats().entries, 32u);
}

TEST_F(EmbeddingCache, ForEachGoesFromTheMostToTheLeastRecentlyUsedAndMayCallTheCache) {
  HotCache& cache = make(1u << 20);
  for (std::uint64_t i = 1; i <= 3; ++i) cache.put(key_of(i), bytes_of(std::to_string(i)), kNever, kStart);
  cache.get(key_of(1), kStart);

  std::string order;
  cache.for_each([&](const Digest256& key, const HotCache::Handle& value) {
    order += text_of(value);
    cache.erase(key);
  });

  EXPECT_EQ(order, "132");
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().pinned_bytes, 0u);
}

TEST_F(EmbeddingCache, ShardsAreAPowerOfTwoAndLargeEnough) {
  EXPECT_EQ(HotCache({.max_bytes = 1u << 20}).shards(), 1u);
  EXPECT_EQ(HotCache({.max_bytes = 256u << 20}).shards(), 64u);
  EXPECT_EQ(HotCache({.max_bytes = 20u << 20}).shards(), 4u);
  EXPECT_EQ(HotCache({.max_bytes = 1u << 20, .shards = 3}).shards(), 4u);
}

/// The plainest cache that does the same: a list in order of use, and a map.
class Model {
 public:
  struct Entry {
    std::uint64_t key;
    std::string value;
    TimePoint expires_at;
  };
  std::optional<std::string> get(std::uint64_t key, TimePoint now) {
    const auto found = find(key);
    if (found == entries_.end()) return std::nullopt;
    if (found->expires_at <= now) {
      entries_.erase(found);
      return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, found);
    return found->value;
  }
  void put(std::uint64_t key, std::string value, TimePoint expires_at) {
    erase(key);
    entries_.push_front({key, std::move(value), expires_at});
  }
  void erase(std::uint64_t key) {
    if (const auto found = find(key); found != entries_.end()) entries_.erase(found);
  }
  /// The entries the cache still has must be the most recently used ones of the model.
  const std::list<Entry>& entries() const { return entries_; }

 private:
  std::list<Entry>::iterator find(std::uint64_t key) { return std::ranges::find(entries_, key, &Entry::key); }
  std::list<Entry> entries_;
};

std::uint64_t seed() {
  const char* const given = std::getenv("INKWELL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

TEST_F(EmbeddingCache, BehavesAsAListInOrderOfUseDoesUnderRandomOperations) {
  const auto from = seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(from));
  std::mt19937_64 random(from);
  HotCache& cache = make(8000);
  Model model;
  TimePoint now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    const auto key = random() % 200;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        std::string value(random() % 120, static_cast<char>('a' + key % 26));
        const auto expires_at = now + std::chrono::milliseconds(random() % 500 + 1);
        cache.put(key_of(key), bytes_of(value), expires_at, now);
        model.put(key, value, expires_at);
        break;
      }
      case 3:
        cache.erase(key_of(key));
        model.erase(key);
        break;
      case 4:
        now += std::chrono::milliseconds(random() % 10);
        break;
      default: {
        const auto found = cache.get(key_of(key), now);
        const auto expected = found || !cache.contains(key_of(key), now) ? model.get(key, now) : std::nullopt;
        if (found) {
          ASSERT_TRUE(expected) << "step " << step << " served what was erased, expired or never put";
          ASSERT_EQ(text_of(found), *expected) << "step " << step;
        } else {
          model.erase(key);  // evicted, or expired
        }
      }
    }
    if (step % 500 == 0) {
      ASSERT_EQ(cache.find_inconsistency(), "") << "step " << step;
    }
    ASSERT_LE(cache.stats().bytes, 8000u);
  }
  EXPECT_GT(cache.stats().evicted, 100u);
  EXPECT_GT(cache.stats().expired, 100u);
  // What is left is what was used last: an unexpired entry of the model that is gone makes all behind it gone.
  bool gone = false;
  for (const auto& entry : model.entries()) {
    if (entry.expires_at <= now) continue;
    const bool there = cache.contains(key_of(entry.key), now);
    EXPECT_FALSE(there && gone) << "an entry was evicted before one used longer ago";
    gone = gone || !there;
  }
}

}  // namespace
}  // namespace inkwell
