// The TTL audit: walks a live keyspace and reports, per family, how many keys there are and what they weigh, and each
// key that breaks its family's policy: no lifetime, one longer than the policy allows, another type, or no family at
// all. Uses SCAN, so a large keyspace is read in small steps and the server goes on serving. Runs on the client's
// executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "keyspace/family.hpp"

namespace inkwell::keyspace {

struct AuditOptions {
  std::string prefix = "ink";
  /// Lifetimes configured other than the family's default: what counts as too long.
  std::map<Family, std::chrono::milliseconds> lifetimes;
  bool measure_bytes = true;        ///< MEMORY USAGE of each key: costs the server a little for each
  std::size_t max_findings = 1000;  ///< further ones are only counted
};

struct FamilyUsage {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
};

struct Finding {
  std::string key;
  std::string problem;  ///< a sentence
};

struct AuditReport {
  std::map<Family, FamilyUsage> families;
  std::uint64_t keys = 0;
  std::uint64_t broken = 0;
  std::vector<Finding> findings;
};

boost::asio::awaitable<Result<AuditReport>> audit(redis::Client& client, AuditOptions options = {});

/// The family that a key (as Keys makes them, under `prefix`) belongs to.
std::optional<Family> family_of(std::string_view key, std::string_view prefix = "ink") noexcept;

}  // namespace inkwell::keyspace
