#include "server/listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "server/connections.hpp"
#include "server/http_stats.hpp"
#include "server/session.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using asio::ip::tcp;

/// Connections that are told 503 at the same time; beyond, they are closed without a word.
constexpr std::size_t kMaxRefusals = 128;
constexpr auto kPauseAfterError = std::chrono::milliseconds(50);

boost::system::error_code share_port(tcp::acceptor& acceptor) {
  const int on = 1;
  if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) return {};
  return {errno, boost::system::system_category()};
}

Error cannot_listen(const tcp::endpoint& endpoint, const boost::system::error_code& ec) {
  const auto where = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  if (ec == asio::error::address_in_use) {
    return {ErrorKind::conflict, "address_in_use", fmt::format("Something listens on {} already.", where),
            "Stop it, or choose another port."};
  }
  return {ErrorKind::unavailable, "cannot_listen", fmt::format("Cannot listen on {}: {}.", where, ec.message()),
          "Choose an address of this machine and a port you may use."};
}

boost::system::error_code open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool share) {
  boost::system::error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec && share) ec = share_port(acceptor);
  if (!ec && endpoint.address().is_v6())
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec && share) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  return ec;
}

Result<tcp::endpoint> checked_endpoint(const std::string& address, std::uint16_t port, bool authenticated) {
  boost::system::error_code ec;
  const auto ip = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, ec);
  if (ec) {
    return fail(ErrorKind::invalid_argument, "listen_address_invalid",
                fmt::format("'{}' is not an IP address to listen on.", address), "Use 127.0.0.1, ::1, 0.0.0.0 or ::.");
  }
  if (!ip.is_loopback() && !authenticated) {
    return fail(
        ErrorKind::invalid_argument, "listen_address_unprotected",
        fmt::format("Refusing to listen on {}: it can be reached from other machines and no API key is set.", address),
        "Set an API key, or listen on 127.0.0.1.");
  }
  return tcp::endpoint(ip, port);
}

}  // namespace

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : endpoint_(std::move(other.endpoint_)), sockets_(std::exchange(other.sockets_, {})) {}

ListeningSockets::~ListeningSockets() {
  for (const int socket : sockets_) ::close(socket);
}

tcp::acceptor ListeningSockets::take(asio::io_context& loop) {
  tcp::acceptor acceptor(loop, endpoint_.protocol(), sockets_.back());
  sockets_.pop_back();
  return acceptor;
}

Result<ListeningSockets> listen_all(const std::string& address, std::uint16_t port, bool authenticated,
                                    std::size_t count) {
  auto endpoint = checked_endpoint(address, port, authenticated);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  asio::io_context nowhere;  // sockets are opened here and handed on as descriptors
  if (port != 0) {
    tcp::acceptor probe(nowhere);
    const auto ec = open(probe, *endpoint, false);
    if (ec) return std::unexpected(cannot_listen(*endpoint, ec));
  }
  std::vector<tcp::acceptor> acceptors;
  for (std::size_t i = 0; i < count; ++i) {
    auto& acceptor = acceptors.emplace_back(nowhere);
    const auto ec = open(acceptor, *endpoint, true);
    if (ec) return std::unexpected(cannot_listen(*endpoint, ec));
    endpoint = acceptor.local_endpoint();
  }
  ListeningSockets sockets(*endpoint);
  for (auto& acceptor : acceptors) sockets.add(acceptor.release());
  return sockets;
}

Listener::Listener(Worker& worker, tcp::acceptor acceptor)
    : worker_(worker), acceptor_(std::move(acceptor)), pause_(worker.io()) {}

asio::awaitable<void> Listener::run() {
  while (acceptor_.is_open()) {
    auto [ec, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (!ec) {
      admit(std::move(socket));
      continue;
    }
    if (!acceptor_.is_open() || ec == asio::error::operation_aborted) break;
    if (ec == asio::error::connection_aborted) continue;
    // Out of descriptors or memory: those who wait in the backlog get their turn when some connection has ended.
    worker_.shared().log->write(telemetry::Level::warn, "cannot accept", {{"error", ec.message()}});
    pause_.expires_after(kPauseAfterError);
    co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Listener::admit(tcp::socket socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto ticket = worker_.connections().admit();
  if (ticket) {
    worker_.http_stats().accepted.add();
    worker_.gate().spawn("connection", serve_connection(worker_, std::move(socket), std::move(ticket)));
    return;
  }
  worker_.http_stats().refused.add();
  if (refusals_under_way_ >= kMaxRefusals) return;
  ++refusals_under_way_;
  auto place = std::shared_ptr<void>(this, [this](void*) { --refusals_under_way_; });
  worker_.gate().spawn("refused connection", refuse_connection(worker_, std::move(socket), std::move(place)));
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

}  // namespace inkwell::server
