#include "redis/link/connection.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <sys/un.h>

#include "redis/link/pipeline.hpp"

namespace inkwell::redis::link {

using boost::system::error_code;

struct Connection::OnRead {
  using allocator_type = HandlerAllocator<std::byte>;
  std::shared_ptr<Connection> self;
  allocator_type get_allocator() const noexcept { return allocator_type(self->read_memory_); }
  void operator()(const error_code& error, std::size_t bytes) { self->received(error, bytes); }
};

Connection::Connection(asio::any_io_executor executor, const Endpoint& endpoint, std::size_t max_reply_bytes,
                       Owner& owner)
    : endpoint_(endpoint),
      owner_(&owner),
      socket_(executor),
      resolver_(executor),
      parser_(resp::Limits{.max_bytes = max_reply_bytes}) {}

// ---- Opening ----

void Connection::open() {
  if (!endpoint_.unix_path.empty()) {
    if (endpoint_.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->end(self->cannot_connect("the path of its socket is too long"), false);
      });
    }
    addresses_.emplace_back(asio::local::stream_protocol::endpoint(endpoint_.unix_path));
    return connect_next(asio::error::not_found);
  }
  error_code not_numeric;
  const auto address = asio::ip::make_address(endpoint_.host, not_numeric);
  if (not_numeric) return resolve();
  addresses_.emplace_back(asio::ip::tcp::endpoint(address, endpoint_.port));
  connect_next(asio::error::host_not_found);
}

void Connection::resolve() {
  resolver_.async_resolve(endpoint_.host, std::to_string(endpoint_.port),
                          [self = shared_from_this()](const error_code& error, const auto& found) {
                            for (const auto& entry : found) self->addresses_.emplace_back(entry.endpoint());
                            self->connect_next(error ? error : asio::error::host_not_found);
                          });
}

void Connection::connect_next(error_code last) {
  if (owner_ == nullptr) return;
  if (next_address_ == addresses_.size()) return end(cannot_connect(last.message()), false);
  error_code ignored;
  socket_.close(ignored);
  socket_.async_connect(addresses_[next_address_++], [self = shared_from_this()](const error_code& error) {
    if (error) return self->connect_next(error);
    self->connected();
  });
}

void Connection::connected() {
  if (owner_ == nullptr) return;
  error_code ignored;
  socket_.non_blocking(true, ignored);
  if (endpoint_.unix_path.empty()) {
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  }
  if (endpoint_.tls) return start_tls();
  opened();
}

void Connection::start_tls() {
  auto engine = tls::Engine::create(*endpoint_.tls, endpoint_.host);
  if (!engine) {
    return asio::post(socket_.get_executor(),
                      [self = shared_from_this(), why = std::move(engine.error())] { self->end(why, false); });
  }
  tls_ = std::move(*engine);
  shake_hands();
}

void Connection::shake_hands() {
  const auto step = tls_->handshake();
  if (step == tls::Engine::Step::failed) return end(cannot_connect(tls_->why()), false);
  if (!flush_tls() && !full_) return end(cannot_connect("the connection was lost during the TLS handshake"), false);
  if (step == tls::Engine::Step::done) return opened();
  const auto room = tls_->input_room();
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            if (self->owner_ == nullptr) return;
                            if (error) return self->end(self->cannot_connect("TLS: " + error.message()), false);
                            self->tls_->input_arrived(bytes);
                            self->shake_hands();
                          });
}

void Connection::opened() {
  open_ = true;
  last_read_ = Clock::now();
  const auto keep = owner_->keep_alive();
  owner_->on_open();
  if (owner_ != nullptr) read();
}

Error Connection::cannot_connect(std::string_view why) const {
  return {ErrorKind::unavailable, "redis_unavailable",
          "Cannot connect to Redis at " + endpoint_.to_string() + ": " + std::string(why) + ".",
          "Check that it runs and that the address is right."};
}

// ---- Reading ----

void Connection::read() {
  const auto room = tls_ ? tls_->input_room() : buffer_.prepare(parser_.wanted());
  socket_.async_read_some(asio::buffer(room.data(), room.size()), OnRead{shared_from_this()});
}

void Connection::received(const error_code& error, std::size_t bytes) {
  if (owner_ == nullptr) return;
  const auto keep = owner_->keep_alive();
  if (error) {
    return end({ErrorKind::unavailable, "redis_connection_lost",
                "The connection to Redis at " + endpoint_.to_string() + " was lost: " + error.message() + ".",
                "It is being restored; retry in a moment."},
               false);
  }
  bytes_read_ += bytes;
  last_read_ = Clock::now();
  if (tls_) {
    tls_->input_arrived(bytes);
    if (!decrypt()) return;
  } else {
    buffer_.commit(bytes);
    if (!hand_over()) return;
  }
  owner_->on_read_end();
  if (owner_ != nullptr) read();
}

// False when the connection has been shut in the meantime.
bool Connection::decrypt() {
  for (;;) {
    std::size_t bytes = 0;
    const auto step = tls_->read(buffer_.prepare(parser_.wanted()), bytes);
    if (step == tls::Engine::Step::more) break;
    if (step == tls::Engine::Step::failed) {
      end({ErrorKind::unavailable, "redis_connection_lost",
           "The connection to Redis at " + endpoint_.to_string() + " was lost: " + tls_->why() + ".",
           "It is being restored; retry in a moment."},
          false);
      return false;
    }
    buffer_.commit(bytes);
    if (!hand_over()) return false;
  }
  if (!full_) flush_tls();  // what the session itself had to say
  return true;
}

// False when the connection has been shut in the meantime.
bool Connection::hand_over() {
  while (buffer_.size() > 0) {
    switch (parser_.parse(buffer_.data(), buffer_.size())) {
      case resp::Parser::Status::need_more:
        return true;
      case resp::Parser::Status::failed:
        end({parser_.error() == resp::ParseError::too_large ? ErrorKind::too_large : ErrorKind::upstream,
             parser_.error() == resp::ParseError::too_large ? "redis_reply_too_large" : "redis_protocol",
             "Redis at " + endpoint_.to_string() + " sent " + std::string(resp::describe(parser_.error())) +
                 "; the connection was closed.",
             "Check that it is a Redis server, and the bounds of the link."},
            true);
        return false;
      case resp::Parser::Status::complete:
        break;
    }
    const char* const base = buffer_.data();
    const auto& nodes = parser_.nodes();
    const bool inline_value =
        nodes.front().type == Type::integer || nodes.front().type == Type::null || nodes.front().type == Type::boolean;
    Reply reply = nodes.size() > 1 ? Reply(nodes, buffer_.owner(), base)
                                   : Reply(nodes.front(), inline_value ? SharedBytes() : buffer_.owner(), base);
    buffer_.consume(parser_.consumed());
    parser_.reset();
    owner_->on_reply(std::move(reply));
    if (owner_ == nullptr) return false;
  }
  return true;
}

// ---- Writing ----

std::size_t Connection::write(std::span<const std::string_view> pieces) {
  if (!writable() || pieces.empty()) return 0;
  if (tls_) return encrypt(pieces);
  std::array<asio::const_buffer, Pipeline::kPieces> buffers;
  std::size_t count = 0;
  std::size_t size = 0;
  for (const auto piece : pieces.first(std::min(pieces.size(), buffers.size()))) {
    buffers[count++] = asio::buffer(piece);
    size += piece.size();
  }
  const std::size_t written = write_some(std::span(buffers.data(), count));
  if (written < size && !full_) wait_writable();
  return written;
}

// What is encrypted counts as written: it will be, or the connection is lost.
std::size_t Connection::encrypt(std::span<const std::string_view> pieces) {
  std::size_t taken = 0;
  for (const auto piece : pieces) {
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t more = tls_->write(piece.substr(at));
      at += more;
      taken += more;
      if (at == piece.size()) break;
      const bool broken = more == 0 && tls_->output().empty();
      if (broken) give_up_writing();
      if (broken || !flush_tls()) return taken;
    }
  }
  flush_tls();
  return taken;
}

// One system call.
std::size_t Connection::write_some(std::span<const asio::const_buffer> buffers) {
  error_code error;
  const std::size_t written =
      buffers.size() == 1 ? socket_.write_some(buffers[0], error) : socket_.write_some(buffers, error);
  ++writes_;
  bytes_written_ += written;
  if (error && error != asio::error::would_block) give_up_writing();
  return written;
}

// What the server said before it went is still read; then the reader finds the end.
void Connection::give_up_writing() {
  full_ = true;
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
}

// Sends what has been encrypted; false when the socket doesn't take all of it now.
bool Connection::flush_tls() {
  while (!tls_->output().empty()) {
    const std::array<asio::const_buffer, 1> buffer{asio::buffer(tls_->output())};
    const std::size_t written = write_some(buffer);
    tls_->output_sent(written);
    if (full_) return false;
    if (written == 0) {
      wait_writable();
      return false;
    }
  }
  return true;
}

void Connection::wait_writable() {
  full_ = true;
  socket_.async_wait(asio::socket_base::wait_write, [self = shared_from_this()](const error_code& error) {
    if (error || self->owner_ == nullptr) return;  // the reader tells of errors
    self->full_ = false;
    if (self->tls_ && !self->flush_tls()) return;
    if (!self->open_) return;
    const auto keep = self->owner_->keep_alive();
    self->owner_->on_writable();
  });
}

// ---- The end ----

void Connection::end(Error cause, bool garbled) {
  if (owner_ == nullptr) return;
  Owner* const owner = owner_;
  const auto keep = owner->keep_alive();
  shut();
  owner->on_end(std::move(cause), garbled);
}

void Connection::shut() noexcept {
  owner_ = nullptr;
  open_ = false;
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace inkwell::redis::link
