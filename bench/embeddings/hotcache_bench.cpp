// HotCache beside what one would write without it: an unordered_map and a list of shared vectors under one mutex. Same
// keys, same values, same order of requests, in one run; prints both and the ratios. Entries, bytes and seconds are the
// arguments: hotcache_bench [entries=200000] [value bytes=6144] [seconds=2].
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include <inkwell/hot_cache.hpp>

namespace {

using inkwell::Digest256;
using inkwell::HotCache;
using Clock = std::chrono::steady_clock;

struct Hash {
  std::size_t operator()(const Digest256& key) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, key.bytes.data(), sizeof hash);
    return hash;
  }
};

class MutexLru {
 public:
  explicit MutexLru(std::size_t entries) : max_(entries) {}
  std::shared_ptr<const std::vector<std::byte>> get(const Digest256& key) {
    const std::lock_guard lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }
  void put(const Digest256& key, std::span<const std::byte> bytes) {
    auto value = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    const std::lock_guard lock(mutex_);
    const auto found = map_.find(key);
    if (found != map_.end()) order_.erase(found->second);
    order_.emplace_front(key, std::move(value));
    map_[key] = order_.begin();
    if (map_.size() <= max_) return;
    map_.erase(order_.back().first);
    order_.pop_back();
  }

 private:
  using Order = std::list<std::pair<Digest256, std::shared_ptr<const std::vector<std::byte>>>>;
  std::size_t max_;
  std::mutex mutex_;
  Order order_;
  std::unordered_map<Digest256, Order::iterator, Hash> map_;
};

struct Ours {
  explicit Ours(std::size_t entries, std::size_t bytes)
      : cache({.max_bytes = entries * (HotCache::cost_of(bytes) + 64) * 2}) {}
  unsigned get(const Digest256& key) {
    const auto value = cache.get(key, now);
    return value ? std::to_integer<unsigned>(value.bytes()[0]) : 0;
  }
  void put(const Digest256& key, std::span<const std::byte> bytes) {
    cache.put(key, bytes, HotCache::TimePoint::max(), now);
  }
  HotCache cache;
  HotCache::TimePoint now = Clock::now();
};

struct Theirs {
  Theirs(std::size_t entries, std::size_t) : cache(entries) {}
  unsigned get(const Digest256& key) {
    const auto value = cache.get(key);
    return value ? std::to_integer<unsigned>((*value)[0]) : 0;
  }
  void put(const Digest256& key, std::span<const std::byte> bytes) { cache.put(key, bytes); }
  MutexLru cache;
};

std::vector<Digest256> random_keys(std::size_t count) {
  std::mt19937_64 random(42);
  std::vector<Digest256> keys(count);
  for (auto& key : keys) {
    for (std::size_t i = 0; i < 32; i += 8) {
      const auto word = random();
      std::memcpy(&key.bytes[i], &word, 8);
    }
  }
  return keys;
}

/// Which key is asked for next, Zipf 0.99 over all keys.
std::vector<std::uint32_t> zipf_requests(std::size_t keys, std::size_t count) {
  std::vector<double> sums(keys);
  double sum = 0;
  for (std::size_t i = 0; i < keys; ++i) sums[i] = sum += 1.0 / std::pow(static_cast<double>(i + 1), 0.99);
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> point(0, sum);
  std::vector<std::uint32_t> requests(count);
  for (auto& request : requests) {
    request = static_cast<std::uint32_t>(std::ranges::lower_bound(sums, point(random)) - sums.begin());
  }
  return requests;
}

struct Load {
  std::vector<Digest256> keys;
  std::vector<std::uint32_t> requests;
  std::vector<std::byte> value;
  double seconds;
};

/// Millions of operations a second of `threads` threads together, of which one in `put_every` is a put (0: none).
template <class Cache>
double run(Cache& cache, const Load& load, unsigned threads, unsigned put_every) {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> sink{0};
  std::vector<std::thread> all;
  const auto start = Clock::now();
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      std::uint64_t count = 0;
      unsigned sum = 0;
      for (std::size_t i = t * 7919; !over.load(std::memory_order_relaxed);) {
        for (int n = 0; n < 1000; ++n, ++i, ++count) {
          const auto& key = load.keys[load.requests[i % load.requests.size()]];
          if (put_every != 0 && i % put_every == 0) {
            cache.put(key, load.value);
          } else {
            sum += cache.get(key);
          }
        }
      }
      done += count;
      sink += sum;
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));  // tidy: the time measured
  over = true;
  for (auto& thread : all) thread.join();
  return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count() / 1e6;
}

template <class Cache>
void fill(Cache& cache, const Load& load) {
  for (const auto& key : load.keys) cache.put(key, load.value);
}

double argument(int argc, char** argv, int index, double standard) {
  return argc > index ? std::strtod(argv[index], nullptr) : standard;
}

}  // namespace

int main(int argc, char** argv) {
  const auto entries = static_cast<std::size_t>(argument(argc, argv, 1, 200'000));
  const auto bytes = static_cast<std::size_t>(argument(argc, argv, 2, 6144));
  Load load{random_keys(entries), zipf_requests(entries, 1u << 21), std::vector<std::byte>(bytes, std::byte{1}),
            argument(argc, argv, 3, 2)};
  std::printf("%zu entries of %zu bytes, Zipf 0.99; millions of operations a second\n", entries, bytes);
  std::printf("%-28s %10s %10s %8s\n", "", "HotCache", "mutex LRU", "ratio");
  Theirs theirs(entries, bytes);
  fill(theirs, load);
  Ours ours(entries, bytes);
  fill(ours, load);
  for (const unsigned put_every : {0u, 20u}) {
    for (const unsigned threads : {1u, 2u}) {
      const double a = run(ours, load, threads, put_every);
      const double b = run(theirs, load, threads, put_every);
      std::printf("%-5s %u thread%-15s %10.2f %10.2f %7.2fx\n", put_every == 0 ? "get" : "95/5", threads,
                  threads == 1 ? "" : "s", a, b, a / b);
    }
  }
  const auto stats = ours.cache.stats();
  std::printf("HotCache: %zu entries, %.1f bytes an entry beyond the value\n", stats.entries,
              static_cast<double>(stats.bytes) / static_cast<double>(stats.entries) - static_cast<double>(bytes));
}
