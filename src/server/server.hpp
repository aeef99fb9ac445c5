// Server: the whole of `inkwell serve` below configuration: a thread a core, each a Worker, over one Shared. Made,
// started and waited for on one thread; request_stop() may come from any.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

#include "base/asio.hpp"
#include "server/options.hpp"

namespace inkwell::server {

class Router;

class Server {
 public:
  explicit Server(Options options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Stops at once when it still runs.
  ~Server();

  /// For tests and for who embeds the server: adds routes to the built-in ones. Before start() only.
  Router& router() noexcept;

  /// Binds, starts the threads and returns: connections are accepted from then on, whether or not Redis can be reached
  /// (readiness says that). Called once. Refuses an address beyond loopback without an api_key.
  Result<void> start();
  /// Where it listens, with the port the kernel chose; after start().
  asio::ip::tcp::endpoint endpoint() const;
  /// "http://127.0.0.1:4659"; after start().
  std::string url() const;

  /// Any thread. The first call drains (stop accepting, finish what runs, at most Timeouts::drain); the second ends
  /// what still runs at once. Not async-signal-safe: call it from a thread that waits for signals.
  void request_stop();
  /// Returns when every worker has ended.
  void wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The version of this build, "0.1.0".
std::string_view version() noexcept;

}  // namespace inkwell::server
