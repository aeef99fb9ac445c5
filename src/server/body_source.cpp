#include "server/body_source.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

/// One answer under way. Cut off when the client takes nothing for Timeouts::write_stall.
class Sending {
 public:
  Sending(Worker& worker, StreamSocket socket, std::string head, std::unique_ptr<BodySource> source)
      : stall_(worker.shared().options.timeouts.write_stall),
        socket_(std::make_shared<StreamSocket>(std::move(socket))),
        timer_(worker.io()),
        out_(std::move(head)),
        source_(std::move(source)) {}

  static asio::awaitable<void> run(std::unique_ptr<Sending> self) {
    for (bool more = true; more;) {
      auto piece = co_await self->source_->next();
      if (!piece) co_return;  // without the last chunk
      more = !piece->empty();
      self->out_ += more ? fmt::format("{:x}\r\n", piece->size()) : "0\r\n";
      self->out_ += *piece;
      self->out_ += "\r\n";
      const bool written = co_await self->write();
      if (!written) co_return;
    }
    boost::system::error_code ignored;
    self->socket_->socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }

 private:
  asio::awaitable<bool> write() {
    std::string_view rest = out_;
    while (!rest.empty()) {
      timer_.expires_after(stall_);
      // It may have expired just before it is cancelled, and run when this is gone.
      timer_.async_wait([socket = socket_](const boost::system::error_code& ec) {
        if (!ec) socket->socket.close();
      });
      const auto [ec, n] =
          co_await socket_->socket.async_write_some(asio::buffer(rest), asio::as_tuple(asio::use_awaitable));
      timer_.cancel();
      if (ec) co_return false;
      rest.remove_prefix(n);
    }
    out_.clear();
    co_return true;
  }

  std::chrono::milliseconds stall_;
  std::shared_ptr<StreamSocket> socket_;
  asio::steady_timer timer_;
  std::string out_;
  std::unique_ptr<BodySource> source_;
};

}  // namespace

HandlerResult send_as_made(Worker& worker, const HttpRequest& request, std::string content_type,
                           std::unique_ptr<BodySource> source) {
  std::string head = fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\n"
      "x-request-id: {}\r\nConnection: close\r\n\r\n",
      content_type, request.request_id);
  StreamTakeover takeover;
  takeover.take = [&worker, head = std::move(head), source = std::move(source)](StreamSocket socket) mutable {
    auto sending = std::make_unique<Sending>(worker, std::move(socket), std::move(head), std::move(source));
    worker.gate().spawn("answer as made", Sending::run(std::move(sending)));
  };
  return takeover;
}

}  // namespace inkwell::server
