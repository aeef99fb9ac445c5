// What conversations are made with, and for whom. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "keyspace/family.hpp"

namespace inkwell::conversations {

struct Options {
  /// How long a conversation that asks for nothing else lives after its last use; kept in it when it is made.
  std::chrono::milliseconds lifetime = keyspace::rule(keyspace::Family::conversation).lifetime;
  /// The longest lifetime a conversation may ask for.
  std::chrono::milliseconds max_lifetime = std::chrono::hours(24 * 365);
  /// How exactly the list of an owner's conversations follows their changes: one moves up at its first change, and then
  /// at the first one so much later. Each move is a command of its own.
  std::chrono::milliseconds list_granularity = std::chrono::seconds(10);
  /// Items with more bytes of JSON than this are stored compressed (packing.hpp). 0: none.
  std::size_t compress_above = std::size_t{4} << 10;
};

/// What a tenant's conversations may take together. 0: no limit. Kept in Redis, for all servers together.
struct Quota {
  std::uint64_t max_conversations = 0;
  std::uint64_t max_bytes = 0;  ///< of their items' JSON as stored; metadata, ids and indexes come on top
  bool limited() const noexcept { return max_conversations != 0 || max_bytes != 0; }
};

/// Whose conversations an operation reaches; all others don't exist for it.
struct Scope {
  std::string tenant{};  ///< empty: the store's
  std::string owner{};   ///< empty: anybody's in the tenant. New conversations are this one's.
  Quota quota{};
  std::optional<std::chrono::milliseconds> lifetime{};  ///< of new conversations; Options::lifetime when absent
};

}  // namespace inkwell::conversations
