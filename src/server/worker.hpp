// Worker: one thread of the server and everything that thread owns: its loop, its Redis connection, its share of each
// part. Nothing in it is touched from another thread except through post(); what workers share (the hot cache, the
// event hub, the router, the metrics) is in Shared and is thread-safe by its own header's word.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>

#include <inkwell/redis.hpp>

#include "base/gate.hpp"
#include "keyspace/store.hpp"

namespace inkwell::conversations {
class Conversations;
}
namespace inkwell::embeddings {
class Embeddings;
}
namespace inkwell::events {
class Node;
}

namespace inkwell::server {

struct Shared;

class Worker {
 public:
  Worker(std::size_t index, Shared& shared);
  ~Worker();

  std::size_t index() const noexcept;
  asio::io_context& io() noexcept;
  Gate& gate() noexcept;  ///< owns every coroutine of this worker
  Shared& shared() noexcept;

  keyspace::Store& store() noexcept;  ///< the default tenant's keys over this worker's Redis client
  conversations::Conversations& conversations() noexcept;
  embeddings::Embeddings& embeddings() noexcept;
  events::Node& events() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inkwell::server
