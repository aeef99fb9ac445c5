// Worker: one thread of the server and everything that thread owns: its loop, its Redis connection, its share of each
// part. Nothing in it is touched from another thread except through Shared::post_to and what says so below; what
// workers share is in Shared.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include <inkwell/redis.hpp>

#include "base/gate.hpp"
#include "embeddings/stats.hpp"
#include "events/options.hpp"
#include "keyspace/acknowledgement.hpp"
#include "keyspace/store.hpp"
#include "server/sse/options.hpp"

namespace inkwell::conversations {
class Conversations;
}
namespace inkwell::embeddings {
class Embeddings;
}

namespace inkwell::events {
class Generations;
class Node;
}  // namespace inkwell::events

namespace inkwell::server {

class Connections;
class EventStreams;
class HttpStats;
struct Identity;
struct Shared;

/// What a worker's parts have counted, as of its last sweep (at most 250 ms ago).
struct PartStats {
  redis::ClientStats redis;
  keyspace::CommitStats commits;
  redis::NearCacheStats near;
  embeddings::Stats embeddings;
  events::NodeStats events;
  EventStreamStats event_streams;
};

class Worker {
 public:
  Worker(std::size_t index, Shared& shared);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// run() must have returned, or never been called.
  ~Worker();

  std::size_t index() const noexcept;
  asio::io_context& io() noexcept;
  Gate& gate() noexcept;  ///< owns every coroutine of this worker's connections; the parts have gates of their own
  Shared& shared() noexcept;

  redis::Client& redis() noexcept;
  keyspace::Store& store() noexcept;  ///< the default tenant's keys over this worker's Redis client

  /// Those that who asks may reach: a cheap view, made for a request.
  conversations::Conversations conversations(const Identity& identity);
  embeddings::Embeddings& embeddings() noexcept;
  events::Node& events() noexcept;
  events::Generations& generations() noexcept;
  EventStreams& event_streams() noexcept;

  Connections& connections() noexcept;
  HttpStats& http_stats() noexcept;  ///< written on this thread, read on any

  /// Calls `callback` once, on this thread, when the server begins to drain (at once when it has begun): who took a
  /// socket over then has Timeouts::drain to end it. Ends with the last copy of what is returned, on this thread.
  [[nodiscard]] std::shared_ptr<void> on_drain(std::function<void()> callback);

  /// Serves `acceptor` on the calling thread until it was drained.
  void run(asio::ip::tcp::acceptor acceptor);
  /// Thread-safe. The first call drains; `at_once` cancels what still runs without waiting for Timeouts::drain.
  void request_stop(bool at_once);
  /// Thread-safe.
  PartStats part_stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inkwell::server
