// What a write has survived when it is acknowledged, and the counts of that. See commits.hpp.
#pragma once

#include <chrono>
#include <cstdint>

namespace inkwell::keyspace {

struct Acknowledgement {
  unsigned replicas = 0;                    ///< so many replicas have received it
  bool append_only_file = false;            ///< it was flushed to the master's append-only file, and to the replicas'
  std::chrono::milliseconds timeout{1000};  ///< how long a write waits for that
  bool beyond_memory() const noexcept { return replicas > 0 || append_only_file; }
};

struct CommitStats {
  std::uint64_t confirmed = 0;    ///< writes
  std::uint64_t unconfirmed = 0;  ///< writes that were applied and not confirmed in time
  std::uint64_t waits = 0;        ///< confirmations asked for; each may stand for many writes
};

}  // namespace inkwell::keyspace
