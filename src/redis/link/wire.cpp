#include "redis/link/wire.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "redis/link/server_error.hpp"

namespace inkwell::redis::link {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

Error cannot_connect(const Options& options, std::string_view why) {
  return {ErrorKind::unavailable, "redis_unavailable",
          "Cannot connect to Redis at " + options.endpoint.to_string() + ": " + std::string(why) + ".",
          "Check that it runs and that the address is right."};
}

// Steps of the handshake whose refusal doesn't matter: what they set is for people's eyes.
Request handshake_of(const Options& options) {
  const auto& endpoint = options.endpoint;
  Request request;
  if (endpoint.password.empty()) {
    request.add("HELLO", 3, "SETNAME", options.client_name);
  } else {
    request.add("HELLO", 3, "AUTH", endpoint.username.empty() ? "default" : endpoint.username, endpoint.password,
                "SETNAME", options.client_name);
  }
  request.add("CLIENT", "SETINFO", "LIB-NAME", "inkwell");  // Redis >= 7.2
  request.add("SELECT", endpoint.database);
  request.add("PING");  // refused while the server loads, which HELLO is not
  return request;
}

}  // namespace

Wire::Wire(asio::any_io_executor executor, const Options& options)
    : options_(options),
      socket_(std::move(executor)),
      parser_(resp::Limits{.max_bytes = options.max_reply_bytes}),
      last_read_(std::chrono::steady_clock::now()) {}

asio::awaitable<Result<void>> Wire::open() {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(socket_.get_executor(), options_.connect_timeout);
  auto first = co_await (connect() || timer.async_wait(kTuple));
  if (first.index() == 1) {
    close();
    co_return std::unexpected(cannot_connect(options_, "no answer within the connect timeout"));
  }
  co_return std::get<0>(std::move(first));
}

asio::awaitable<Result<void>> Wire::connect() {
  const auto& endpoint = options_.endpoint;
  if (!endpoint.unix_path.empty()) {
    if (endpoint.unix_path.size() >= 108)
      co_return std::unexpected(cannot_connect(options_, "the socket's path is too long"));
    const asio::generic::stream_protocol::endpoint address(asio::local::stream_protocol::endpoint(endpoint.unix_path));
    const auto [error] = co_await socket_.async_connect(address, kTuple);
    if (error) co_return std::unexpected(cannot_connect(options_, error.message()));
    co_return co_await handshake();
  }
  asio::ip::tcp::resolver resolver(socket_.get_executor());
  const auto [resolve_error, addresses] =
      co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port), kTuple);
  if (resolve_error) co_return std::unexpected(cannot_connect(options_, resolve_error.message()));
  boost::system::error_code error = asio::error::host_not_found;
  for (const auto& entry : addresses) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    const asio::generic::stream_protocol::endpoint address(entry.endpoint());
    const auto [connect_error] = co_await socket_.async_connect(address, kTuple);
    error = connect_error;
    if (!error) break;
  }
  if (error) co_return std::unexpected(cannot_connect(options_, error.message()));
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  co_return co_await handshake();
}

asio::awaitable<Result<void>> Wire::handshake() {
  const Request request = handshake_of(options_);
  auto answers = co_await exchange(request);
  if (!answers) co_return std::unexpected(std::move(answers.error()));
  for (const std::size_t needed : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
    const View answer = (*answers)[needed].view();
    if (!answer.is_error()) continue;
    const auto line = answer.text();
    if (needed == 0 && (line.starts_with("ERR unknown command") || line.starts_with("NOPROTO"))) {
      co_return std::unexpected(Error(ErrorKind::unavailable, "redis_too_old",
                                      "The server at " + options_.endpoint.to_string() + " does not speak RESP3.",
                                      "Use Redis 7.0, Valkey 7.2 or newer."));
    }
    co_return std::unexpected(server_error(line));
  }
  co_return Result<void>{};
}

asio::awaitable<Result<std::vector<Reply>>> Wire::exchange(const Request& request) {
  auto written = co_await write(asio::buffer(request.wire()));
  if (!written) co_return std::unexpected(std::move(written.error()));
  std::vector<Reply> answers;
  while (answers.size() < request.size()) {
    auto reply = co_await next();
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (reply->view().type() != Type::push) answers.push_back(std::move(*reply));
  }
  co_return answers;
}

asio::awaitable<Result<Reply>> Wire::next() {
  for (;;) {
    bool more = true;
    auto reply = take(more);
    if (more) co_return reply;
    auto read = co_await read_some();
    if (!read) co_return std::unexpected(std::move(read.error()));
  }
}

Result<Reply> Wire::take(bool& more) {
  more = buffer_.size() > 0;
  if (!more) return Reply();
  switch (parser_.parse(buffer_.data(), buffer_.size())) {
    case resp::Parser::Status::need_more:
      more = false;
      return Reply();
    case resp::Parser::Status::failed:
      return fail(ErrorKind::upstream, "redis_protocol",
                  "The server at " + options_.endpoint.to_string() + " sent " +
                      std::string(resp::describe(parser_.error())) + ".",
                  "Check that it is a Redis server.");
    case resp::Parser::Status::complete:
      break;
  }
  const char* base = buffer_.data();
  const std::size_t size = parser_.consumed();
  Reply reply(parser_.take(), buffer_.owner(), base);
  buffer_.consume(size);
  return reply;
}

asio::awaitable<Result<void>> Wire::read_some() {
  const auto room = buffer_.prepare(parser_.wanted());
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), kTuple);
  if (error) co_return std::unexpected(lost(error));
  buffer_.commit(size);
  bytes_read_ += size;
  last_read_ = std::chrono::steady_clock::now();
  co_return Result<void>{};
}

void Wire::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Error Wire::lost(const boost::system::error_code& error) const {
  return {ErrorKind::unavailable, "redis_unavailable",
          "The connection to Redis at " + options_.endpoint.to_string() + " was lost: " + error.message() + ".",
          "It is being restored; retry in a moment."};
}

}  // namespace inkwell::redis::link
