// Connection: one socket to a Redis server, from connecting to closing, with its read buffer and parser. It tells its
// owner of replies and of its end; it decides nothing. Not reusable: a lost connection is dropped and another one made.
// Owned by shared_ptr because the operations under way hold it; after shut() the owner hears nothing more and may go.
// Lives on one executor (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>

#include "base/asio.hpp"
#include "redis/link/handler_memory.hpp"
#include "redis/link/read_buffer.hpp"
#include "redis/resp/parser.hpp"
#include "redis/tls/engine.hpp"

namespace inkwell::redis::link {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// What the connection calls. Any of these may shut() it.
  class Owner {
   public:
    /// Held while the owner is being called.
    virtual std::shared_ptr<void> keep_alive() = 0;
    virtual void on_open() = 0;
    virtual void on_reply(Reply reply) = 0;
    /// All replies of one read have been handed over.
    virtual void on_read_end() = 0;
    /// A write that found the socket full can go on.
    virtual void on_writable() = 0;
    /// The end: it could not be opened, was lost, or sent what is no RESP3 (`garbled`). The connection is shut.
    virtual void on_end(Error cause, bool garbled) = 0;

   protected:
    ~Owner() = default;
  };

  Connection(asio::any_io_executor executor, const Endpoint& endpoint, std::size_t max_reply_bytes, Owner& owner);

  /// Resolves and connects, and shakes hands where TLS is spoken; on_open() or on_end() follows.
  void open();
  /// Writes as much as the socket takes now (over TLS: as its buffer has room for). When that is less than all,
  /// on_writable() follows.
  std::size_t write(std::span<const std::string_view> pieces);
  bool writable() const noexcept { return open_ && !full_; }
  /// Closes the socket. The owner is not called again.
  void shut() noexcept;

  Clock::time_point last_read() const noexcept { return last_read_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::uint64_t bytes_written() const noexcept { return bytes_written_; }
  std::uint64_t writes() const noexcept { return writes_; }

 private:
  struct OnRead;
  using Address = asio::generic::stream_protocol::endpoint;

  void resolve();
  void connect_next(boost::system::error_code last);
  void connected();
  void start_tls();
  void shake_hands();
  void opened();
  void read();
  void received(const boost::system::error_code& error, std::size_t bytes);
  bool decrypt();
  bool hand_over();
  std::size_t encrypt(std::span<const std::string_view> pieces);
  std::size_t write_some(std::span<const asio::const_buffer> buffers);
  bool flush_tls();
  void give_up_writing();
  void wait_writable();
  void end(Error cause, bool garbled);
  Error cannot_connect(std::string_view why) const;

  const Endpoint endpoint_;
  Owner* owner_;
  asio::generic::stream_protocol::socket socket_;
  asio::ip::tcp::resolver resolver_;
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  HandlerMemory read_memory_;
  std::unique_ptr<tls::Engine> tls_;  ///< null: plaintext
  ReadBuffer buffer_;
  resp::Parser parser_;
  Clock::time_point last_read_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t writes_ = 0;
  bool open_ = false;
  bool full_ = false;
};

}  // namespace inkwell::redis::link
