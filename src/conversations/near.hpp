// Near: what a worker has read of conversations lately, kept in memory and coherent with Redis and with the other
// workers of the process.
//
// Two things drop what is kept. Redis tells of each change of a conversation's hash, which every write touches
// (client-side caching; see inkwell/redis/near_cache.hpp): that is how a node hears of other nodes, one network delay
// later. And every write of this process, once Redis has acknowledged it and before its caller hears so, steps the mark
// its conversation shares with others (WriteMarks): what was read under an older mark is not used any more, on
// whichever worker it is. So a read that begins after an acknowledged write of the same process sees that write,
// always.
//
// A use must still slide the conversation's lifetime: what is kept ends when the next slide is due, and the read after
// it goes to Redis.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <inkwell/redis/near_cache.hpp>

#include "conversations/model.hpp"

namespace inkwell::conversations {

/// A counter for each of many groups of conversations. Shared by the workers of a process; thread-safe.
class WriteMarks {
 public:
  std::uint64_t of(std::string_view key) const noexcept { return at(key).load(std::memory_order_acquire); }
  void step(std::string_view key) noexcept { at(key).fetch_add(1, std::memory_order_acq_rel); }

 private:
  static constexpr std::size_t kMarks = std::size_t{1} << 14;  // 128 KiB; two that share one only miss more
  std::atomic<std::uint64_t>& at(std::string_view key) noexcept { return marks_[place_of(key)]; }
  const std::atomic<std::uint64_t>& at(std::string_view key) const noexcept { return marks_[place_of(key)]; }
  static std::size_t place_of(std::string_view key) noexcept { return std::hash<std::string_view>{}(key) % kMarks; }

  std::array<std::atomic<std::uint64_t>, kMarks> marks_{};
};

/// Lives on its client's executor; `marks` outlives it.
class Near {
 public:
  using Value = std::variant<Conversation, Page, Item>;

  /// `source` is the client's, whose tracking mode is `opted`; with another one nothing is kept. `max_bytes` bounds
  /// what is kept, about.
  Near(std::shared_ptr<redis::Invalidations> source, std::size_t max_bytes, WriteMarks& marks);

  /// The answer to `query` on the conversation whose hash is `key`, or null.
  const Value* find(std::string_view key, std::string_view query);

  /// A read under way. Made before it is sent.
  struct Ticket {
    redis::NearTicket ticket;
    std::uint64_t mark;
  };
  Ticket begin(const std::string& key, std::string_view query);
  /// Keeps what was read for `left` at most, unless the conversation has changed since.
  void keep(Ticket ticket, Value value, std::chrono::milliseconds left);

  /// After a write of this process, acknowledged or perhaps made.
  void written(std::string_view key);

  redis::NearCacheStats stats() const noexcept { return cache_.stats(); }

 private:
  struct Kept {
    Value value;
    std::uint64_t mark;
  };
  static std::string name_of(std::string_view key, std::string_view query);

  redis::NearCache<Kept> cache_;
  WriteMarks& marks_;
  redis::NearCache<Kept>::Value found_;  ///< the last one, so that find() may hand out a pointer into it
};

}  // namespace inkwell::conversations
