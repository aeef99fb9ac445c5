// Wire: one connected socket to a Redis server with its handshake, read buffer and parser: what Client, Subscriber and
// Pool are made of. Lives on one executor (one thread). Not reusable: a lost wire is dropped and a new one opened.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <string>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>
#include <inkwell/redis/request.hpp>

#include "base/asio.hpp"
#include "redis/link/read_buffer.hpp"
#include "redis/resp/parser.hpp"

namespace inkwell::redis::link {

class Wire {
 public:
  /// `options` must outlive the wire.
  Wire(asio::any_io_executor executor, const Options& options);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Connects and shakes hands (HELLO 3, AUTH, SETNAME, SELECT, PING), all within Options::connect_timeout.
  asio::awaitable<Result<void>> open();

  /// The next whole reply that is here already; an Error when the bytes are no RESP3. Sets `more` to false when none
  /// is.
  Result<Reply> take(bool& more);
  /// Reads once from the socket into the buffer. The Error says that the connection is gone.
  asio::awaitable<Result<void>> read_some();
  /// The next reply, waiting for it as long as it takes.
  asio::awaitable<Result<Reply>> next();

  template <class Buffers>
  asio::awaitable<Result<void>> write(const Buffers& buffers) {
    const auto [error, size] = co_await asio::async_write(socket_, buffers, asio::as_tuple(asio::use_awaitable));
    bytes_written_ += size;
    if (error) co_return std::unexpected(lost(error));
    co_return Result<void>{};
  }
  /// Sends `request` and reads its answers, in order. Nothing else may be under way.
  asio::awaitable<Result<std::vector<Reply>>> exchange(const Request& request);

  /// Closes the socket; what waits on it ends with an error.
  void close() noexcept;
  bool is_open() const noexcept { return socket_.is_open(); }

  std::chrono::steady_clock::time_point last_read() const noexcept { return last_read_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::uint64_t bytes_written() const noexcept { return bytes_written_; }

 private:
  asio::awaitable<Result<void>> connect();
  asio::awaitable<Result<void>> handshake();
  Error lost(const boost::system::error_code& error) const;

  const Options& options_;
  asio::generic::stream_protocol::socket socket_;
  ReadBuffer buffer_;
  resp::Parser parser_;
  std::chrono::steady_clock::time_point last_read_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace inkwell::redis::link
