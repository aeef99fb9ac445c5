// What one worker's Embeddings has counted since it was made. A plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace inkwell::embeddings {

/// Of one model, inputs each.
struct ModelStats {
  std::uint64_t hot_hits = 0;
  std::uint64_t redis_hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t provider_inputs = 0;  ///< computed
  std::uint64_t provider_tokens = 0;
};

struct Stats {
  std::uint64_t calls = 0;
  std::uint64_t failed_calls = 0;
  std::uint64_t inputs = 0;
  std::uint64_t hot_hits = 0;        ///< of inputs
  std::uint64_t redis_hits = 0;      ///< of inputs
  std::uint64_t misses = 0;          ///< of inputs
  std::uint64_t shared_flights = 0;  ///< distinct inputs that another call was fetching already
  std::uint64_t provider_calls = 0;  ///< batches, each with its retries
  std::uint64_t coalesced = 0;       ///< of them: with inputs of more than one call
  std::uint64_t split = 0;           ///< batches refused as a whole and asked for again in parts
  std::uint64_t provider_failures = 0;
  std::uint64_t provider_inputs = 0;  ///< inputs computed
  std::uint64_t provider_tokens = 0;
  std::uint64_t lease_waits = 0;           ///< inputs that another process was computing
  std::uint64_t redis_reads_failed = 0;    ///< inputs not looked up in Redis, or in vain
  std::uint64_t redis_writes_dropped = 0;  ///< vectors not written to Redis
  std::uint64_t damaged = 0;               ///< values in Redis that were refused
  std::uint64_t refreshed = 0;             ///< values in Redis whose lifetime was set anew
  std::uint64_t invalidated = 0;           ///< entries of the hot tier dropped because Redis told of a change
  std::uint64_t flushes = 0;               ///< times the hot tier was emptied: connection lost, or Redis flushed
  std::uint64_t warmed = 0;                ///< vectors read into the hot tier at the start
  std::size_t in_flight = 0;               ///< inputs being fetched now

  static constexpr std::size_t kMaxModels = 64;
  std::map<std::string, ModelStats, std::less<>> models;  ///< the first kMaxModels seen; the others together as ""
};

}  // namespace inkwell::embeddings
