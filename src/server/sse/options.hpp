// What event streams are made with and what they count. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace inkwell::server {

struct EventStreamOptions {
  std::chrono::milliseconds heartbeat{15'000};    ///< a comment after so long without an event
  std::chrono::milliseconds write_stall{30'000};  ///< a client that takes no byte for so long is cut off
  std::chrono::milliseconds retry{2'000};         ///< reconnection time told to clients
  /// When the server drains, each client is told a reconnection time of `retry` and up to so much more, so that they
  /// don't come back all at once.
  std::chrono::milliseconds drain_spread{5'000};
  /// A client with a cursor gets its response header once the cursor's fate is known (the header says whether something
  /// was lost), or after so long.
  std::chrono::milliseconds join_wait{1'000};
  /// A stream that is open for so long is ended as when the server drains: the client comes back at once, perhaps to
  /// another node. Up to a tenth earlier, at random, so that those who came together don't return together. 0: never.
  std::chrono::milliseconds max_lifetime{0};
  int send_buffer_bytes = 0;  ///< SO_SNDBUF; 0: the kernel's choice, which grows with need
};

struct EventStreamStats {
  std::size_t open = 0;
  std::uint64_t opened = 0;
  std::uint64_t closed_by_client = 0;
  std::uint64_t cut_off = 0;  ///< too slow
  std::uint64_t drained = 0;
  std::uint64_t aged = 0;   ///< open for their maximum lifetime
  std::uint64_t ended = 0;  ///< with the end of a generation
  std::uint64_t events_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t writes = 0;
};

}  // namespace inkwell::server
