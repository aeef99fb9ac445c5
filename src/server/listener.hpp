// Listener: a worker's acceptor. Every worker listens on the same address with SO_REUSEPORT and the kernel spreads the
// connections over them. Lives on its worker's thread; owns the acceptor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <inkwell/error.hpp>

#include "base/asio.hpp"

namespace inkwell::server {

class Worker;

class Listener {
 public:
  Listener(Worker& worker, asio::ip::tcp::acceptor acceptor);

  /// Accepts until close(). Connections over the limit are answered 503 and closed.
  asio::awaitable<void> run();
  void close();

 private:
  void admit(asio::ip::tcp::socket socket);

  Worker& worker_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::size_t refusals_under_way_ = 0;
};

/// Listening sockets on one endpoint, not yet anyone's; those not taken are closed.
class ListeningSockets {
 public:
  explicit ListeningSockets(const asio::ip::tcp::endpoint& endpoint) : endpoint_(endpoint) {}
  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&&) = delete;
  ~ListeningSockets();

  const asio::ip::tcp::endpoint& endpoint() const noexcept { return endpoint_; }
  void add(int socket) { sockets_.push_back(socket); }
  /// An acceptor for one of them, on `loop`.
  asio::ip::tcp::acceptor take(asio::io_context& loop);

 private:
  asio::ip::tcp::endpoint endpoint_;
  std::vector<int> sockets_;
};

/// Checks the address and opens `count` listening sockets, all on the same port: port 0 is chosen by the kernel once.
/// Refuses an address beyond loopback unless `authenticated`, and a port that another process listens on (SO_REUSEPORT
/// alone would quietly share it with another server of the same user).
Result<ListeningSockets> listen_all(const std::string& address, std::uint16_t port, bool authenticated,
                                    std::size_t count);

}  // namespace inkwell::server
