// Shared: what the workers of one server share. Made before the first worker, destroyed after the last. Everything in
// it is immutable once the workers run, or thread-safe by its own type.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conversations/near.hpp"
#include "embeddings/shared.hpp"
#include "events/hub.hpp"
#include "server/auth.hpp"
#include "server/cors.hpp"
#include "server/options.hpp"
#include "server/page_guard.hpp"
#include "server/router.hpp"
#include "server/sse/stream_limits.hpp"
#include "server/tenants.hpp"
#include "telemetry/log.hpp"

namespace inkwell::server {

class RemoteKeys;
class VectorTexts;
class Worker;

struct Shared {
  explicit Shared(Options options);
  ~Shared();

  const Options options;
  const std::string version;  ///< of inkwell, for inkwell_build_info and the Server header
  std::shared_ptr<telemetry::Log> log;
  Authenticator authenticator;
  Tenants tenants;
  Cors cors;
  PageGuard page_guard;
  Router router;
  events::Hub hub;
  StreamLimits stream_limits;
  conversations::WriteMarks conversation_marks;
  embeddings::Shared embeddings;  ///< the hot tier and the flights
  std::unique_ptr<VectorTexts> vector_texts;

  /// Keys of tokens that come over the network; null when there are none.
  RemoteKeys* remote_keys() const noexcept;

  std::atomic<std::size_t> connections{0};  ///< open now, over all workers
  std::atomic<bool> draining{false};        ///< a stop was requested; never goes back

  std::vector<std::unique_ptr<Worker>> workers;  ///< filled before their threads start, emptied after they have ended

  /// Runs `fn` on the thread of worker `index`, in the order posted from any one thread. Thread-safe. Dropped, unrun,
  /// when that worker has ended already.
  void post_to(std::size_t index, std::move_only_function<void(Worker&)> fn);
};

}  // namespace inkwell::server
