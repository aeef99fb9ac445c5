// The key schema: one row a family of keys. Everything Inkwell stores in Redis belongs to one of these; the audit, the
// docs and the Lua steps take types and lifetimes from here and nowhere else. Pure data; safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace inkwell::keyspace {

enum class Family : std::uint8_t {
  conversation,
  conversation_items,
  conversation_item_ids,
  conversation_index,
  conversation_idempotency,
  conversation_usage,
  conversation_usage_moments,
  channel_log,
  channel_live,
  channel_subscribers,
  channel_idempotency,
  channel_generation,
  embedding,
  embedding_lease,
  hot_set,
};

enum class RedisType : std::uint8_t { string, hash, stream, sorted_set, pubsub_channel };

/// When a key's remaining lifetime is set anew.
enum class Refresh : std::uint8_t {
  never,             ///< set once, when the key is made
  on_write,          ///< at each write
  on_read_or_write,  ///< at each use; skipped while more than 29/30 is left (sliding_refresh_due)
  past_half_life,    ///< when read with less than half of it left
  not_stored,        ///< pub/sub channels
};

struct FamilyRule {
  Family family;
  std::string_view name;     ///< as `inkwell ttl audit` and the docs print it: "conversation items"
  std::string_view pattern;  ///< after prefix and tenant, for people: "conv:{ID}:items"
  RedisType type;
  std::chrono::milliseconds lifetime;  ///< default; zero for what is not stored
  Refresh refresh;
  std::uint16_t jitter_per_mille;  ///< lifetimes are lengthened by up to so much where many keys would expire at once
};

/// The rows in the order of the enumerators.
std::span<const FamilyRule> families() noexcept;
const FamilyRule& rule(Family family) noexcept;

}  // namespace inkwell::keyspace
