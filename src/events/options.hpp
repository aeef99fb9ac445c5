// What the events part is made with, and what it counts. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace inkwell::events {

struct PublishOptions {
  std::size_t max_length = 1000;  ///< entries kept
  /// Cut to max_length exactly. Otherwise Redis drops whole blocks of entries and may keep up to some hundred more,
  /// which is cheaper.
  bool exact_length = false;
  std::optional<std::chrono::milliseconds> lifetime{};  ///< of the log after this publish; the family's when absent
  /// A retry with the same key answers as the first did and appends nothing, for the family's lifetime (24 h). Without
  /// one the log makes its own for the time of this call, so that the link may send the step again after a lost
  /// connection.
  std::optional<std::string> idempotency_key{};
};

struct ChainOptions {
  std::size_t ring_bytes = 256U << 10;
  std::size_t prefill = 64;           ///< newest entries read when the channel comes to life here
  std::size_t repair_batch = 256;     ///< entries a repairing read
  std::size_t resync_entries = 1000;  ///< newest entries looked through for the fork
  std::size_t backlog_events = 1024;
  std::size_t backlog_bytes = 1U << 20;
};

struct NodeOptions {
  PublishOptions publish;  ///< the defaults of a channel: length and lifetime
  ChainOptions chain;
  std::size_t history_batch = 128;                   ///< entries a read for readers that are behind
  std::chrono::milliseconds linger{10'000};          ///< a feed without readers is kept so long
  std::chrono::milliseconds check_interval{30'000};  ///< between looks at the log's end; zero: never
  std::chrono::milliseconds tick{1'000};             ///< of linger, checks and parked readers
  std::size_t max_channels = 100'000;                ///< feeds on one worker
  bool sharded = true;                               ///< sharded Pub/Sub
};

/// A snapshot of what a node holds and has done since it was made.
struct NodeStats {
  std::size_t channels = 0;  ///< feeds
  std::size_t sources = 0;   ///< channels owned, each one Redis subscription
  std::size_t readers = 0;
  std::uint64_t live_messages = 0;
  std::uint64_t undecodable = 0;  ///< live messages that made no sense
  std::uint64_t damaged = 0;      ///< log entries that made no sense
  std::uint64_t published = 0;
  std::uint64_t appended = 0;  ///< events that sources passed on
  std::uint64_t duplicates = 0;
  std::uint64_t repairs = 0;
  std::uint64_t gaps = 0;
  std::uint64_t history_reads = 0;       ///< reads of the log for readers that were behind
  std::uint64_t attached_from_ring = 0;  ///< readers with a cursor that needed no read
  std::uint64_t fell_behind = 0;         ///< readers that the ring left behind
};

}  // namespace inkwell::events
