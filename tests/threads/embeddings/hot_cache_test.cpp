// HotCache under many threads: never a value under a wrong key, never a torn value, never more bytes than the bound.
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>
#include <vector>

#include <inkwell/hot_cache.hpp>

namespace inkwell {
namespace {

using namespace std::chrono_literals;

constexpr HotCache::TimePoint kStart{1000h};

Digest256 key_of(std::uint64_t number) {
  Digest256 key;
  std::memcpy(key.bytes.data(), &number, sizeof number);
  return key;
}

/// A value that says whose it is in every word.
std::vector<std::uint64_t> value_of(std::uint64_t number, std::uint64_t version) {
  return std::vector<std::uint64_t>(number % 30 + 1, number * 1000 + version % 1000);
}

bool is_value_of(const HotCache::Handle& handle, std::uint64_t number) {
  const auto words = handle.as<std::uint64_t>();
  if (words.size() != number % 30 + 1) return false;
  for (const auto word : words) {
    if (word != words[0] || word / 1000 != number) return false;
  }
  return true;
}

void work(HotCache& cache, unsigned seed, std::atomic<std::size_t>& wrong) {
  std::mt19937_64 random(seed);
  std::vector<HotCache::Handle> held(8);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t number = random() % 300;
    const auto now = kStart + std::chrono::milliseconds(i);
    switch (random() % 16) {
      case 0:
      case 1:
      case 2: {
        const auto value = value_of(number, random());
        held[random() % held.size()] = cache.put(key_of(number), std::as_bytes(std::span(value)),
                                                 now + std::chrono::milliseconds(random() % 2000), now);
        break;
      }
      case 3:
        cache.erase(key_of(number));
        break;
      case 4:
        wrong += cache.stats().bytes > cache.stats().max_bytes;
        break;
      case 5:
        if (i % 50 == 0) cache.remove_expired(now);
        if (i % 500 == 0) cache.clear();
        break;
      default: {
        auto handle = cache.get(key_of(number), now);
        if (handle && !is_value_of(handle, number)) ++wrong;
        if (handle && handle.expires_at() <= now) ++wrong;
        held[random() % held.size()] = std::move(handle);
      }
    }
  }
}

TEST(HotCacheUnderThreads, NeverServesAWrongValueAndKeepsItsBound) {
  std::atomic<std::size_t> wrong{0};
  std::vector<HotCache::Handle> last;
  {
    HotCache cache({.max_bytes = 24 << 10, .shards = 4});
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 6; ++i) threads.emplace_back([&, i] { work(cache, i, wrong); });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(cache.find_inconsistency(), "");
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(cache.find_inconsistency(), "");
    EXPECT_EQ(cache.stats().pinned_bytes, 0u) << "no handle is left";
    EXPECT_GT(cache.stats().evicted, 0u);
    EXPECT_GT(cache.stats().hits, 0u);
    cache.for_each([&](const Digest256&, const HotCache::Handle& handle) { last.push_back(handle); });
  }
  EXPECT_EQ(wrong, 0u);
  std::vector<std::thread> threads;  // handles that outlived the cache go on several threads at once
  for (auto& handle : last) threads.emplace_back([copy = handle]() mutable { copy = {}; });
  last.clear();
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace inkwell
