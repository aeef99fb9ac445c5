// Key: a Redis key that knows its family. Only Keys makes one, so nothing can be written that the schema doesn't know.
// Values; immutable; safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "keyspace/family.hpp"

namespace inkwell::keyspace {

class Key {
 public:
  Family family() const noexcept { return family_; }
  const std::string& str() const noexcept { return text_; }
  /// The part between the first '{' and the next '}', by which Redis Cluster places it; the whole key where there is
  /// none.
  std::string_view hash_tag() const noexcept;
  bool operator==(const Key&) const = default;

 private:
  friend class Keys;
  Key(Family family, std::string text) : family_(family), text_(std::move(text)) {}
  Family family_;
  std::string text_;
};

/// A channel's name with its tenant in front, for those who serve several tenants with one object: Keys::channel_...
/// takes it apart again. `tenant` has no control characters (those of the configuration are names).
std::string name_in_tenant(std::string_view tenant, std::string_view name);

/// Makes the keys of one tenant. Names from outside (channel names, owners, idempotency keys, model names) may hold any
/// byte: whatever would break the key's form ('{', '}', ':', '%', controls, bytes beyond ASCII) is percent-encoded, so
/// distinct names give distinct keys. The caller bounds their length.
class Keys {
 public:
  /// `tenant` is non-empty; `prefix` is "ink" unless the operator shares a Redis between installations.
  explicit Keys(std::string_view tenant, std::string_view prefix = "ink");

  Key conversation(std::string_view id) const;
  Key conversation_items(std::string_view id) const;
  Key conversation_item_ids(std::string_view id) const;
  Key conversation_index(std::string_view owner) const;
  Key conversation_idempotency(std::string_view id, std::string_view key) const;
  /// What the tenant's conversations take together, and when they cease to.
  Key conversation_usage() const;
  Key conversation_usage_moments() const;
  /// Of channels: `name` is one of this tenant's, or says by name_in_tenant() whose it is.
  Key channel_log(std::string_view name) const;
  Key channel_live(std::string_view name) const;
  Key channel_subscribers(std::string_view name) const;
  Key channel_idempotency(std::string_view name, std::string_view key) const;
  Key channel_generation(std::string_view name) const;
  /// `digest` is the SHA-256 of the input in hexadecimal.
  Key embedding(std::string_view model, std::uint32_t dimensions, std::string_view digest) const;
  Key embedding_lease(std::string_view model, std::uint32_t dimensions, std::string_view digest) const;
  Key hot_set(std::string_view model) const;

  /// The same installation's keys for another tenant.
  Keys of(std::string_view tenant) const;

  /// What an embedding's key is of.
  struct EmbeddingName {
    std::string tenant;
    std::string model;
    std::uint32_t dimensions = 0;
    std::string digest;
  };
  /// The reverse of embedding(), for any tenant of this installation; nothing for any other key.
  std::optional<EmbeddingName> parse_embedding(std::string_view key) const;
  struct HotSetName {
    std::string tenant;
    std::string model;
  };
  /// The reverse of hot_set(), likewise.
  std::optional<HotSetName> parse_hot_set(std::string_view key) const;
  std::string any_hot_set_pattern() const;  ///< of all models and tenants
  /// Matches (as a pattern of SCAN) the keys of all embeddings of `model`, and their leases.
  std::string embeddings_pattern(std::string_view model) const;
  /// The same of all models and tenants.
  std::string any_embedding_pattern() const;

  const std::string& tenant() const noexcept { return tenant_; }
  /// What every key of this tenant starts with: "ink:<tenant>:".
  const std::string& prefix() const noexcept { return prefix_; }

 private:
  Key channel_key(Family family, std::string_view name, std::string_view tail) const;

  std::string tenant_;
  std::string root_;    ///< "ink:"
  std::string prefix_;  ///< "ink:<tenant>:"
};

/// A family's lifetime with its jitter applied: uniform in [lifetime, lifetime * (1 + jitter)], from `random` in [0,
/// 1).
std::chrono::milliseconds lifetime_with_jitter(Family family, double random) noexcept;

/// Whether a sliding lifetime should be set anew: not while more than 29/30 of it is left.
bool sliding_refresh_due(std::chrono::milliseconds lifetime, std::chrono::milliseconds left) noexcept;

}  // namespace inkwell::keyspace
