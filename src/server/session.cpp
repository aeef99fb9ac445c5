#include "server/session.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>
#include <optional>

#include "server/connections.hpp"
#include "server/header_scan.hpp"
#include "server/http_stats.hpp"
#include "server/jwt/remote_keys.hpp"
#include "server/request_head.hpp"
#include "server/response_writer.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using asio::ip::tcp;

constexpr std::size_t kReadSize = 4096;            // of a header: most fit
constexpr std::size_t kBodyReadSize = 64u << 10;   // of a body
constexpr std::size_t kBodyPieceSize = 16u << 10;  // of a body that is taken as it arrives
constexpr std::size_t kKeptBuffer = 16u << 10;     // an idle connection's buffer is let go of above this

/// Counts a request as under way for as long as it lives.
class UnderWay {
 public:
  explicit UnderWay(HttpStats& stats) : stats_(stats) { stats_.begun.add(); }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() { stats_.ended.add(); }

 private:
  HttpStats& stats_;
};

/// One request and what is known about its answer.
struct Exchange {
  RequestHead head;
  const Route* route = nullptr;
  std::chrono::steady_clock::time_point began;
  bool body_unread = false;            ///< bytes of the body are still to come when the answer is written
  bool keys_may_have_changed = false;  ///< the request's token names a key that isn't known yet
};

enum class Next : std::uint8_t {
  keep,    ///< read the next request
  close,   ///< nothing more to say
  linger,  ///< close, but let the client read the answer first: it is still sending
  taken,   ///< the socket is someone else's
};

class Session {
 public:
  Session(Worker& worker, tcp::socket socket, std::shared_ptr<void> ticket)
      : worker_(worker),
        socket_(std::move(socket)),
        ticket_(std::move(ticket)),
        buffer_(std::max(worker.shared().options.limits.header_bytes, kBodyReadSize)),
        connection_(socket_) {
    worker.connections().add(connection_);
  }

  asio::awaitable<void> run();
  asio::awaitable<void> refuse();

  struct Taken {
    StreamTakeover takeover;
    tcp::socket socket;
    std::shared_ptr<void> ticket;
  };
  /// What serve_connection does when this session is gone.
  std::optional<Taken> taken;

 private:
  class SessionBody final : public BodyStream {
   public:
    SessionBody(Session& session, Exchange& exchange, RequestParser& parser)
        : session_(session), exchange_(exchange), parser_(parser) {}
    asio::awaitable<Piece> next(std::chrono::milliseconds wait) override;

   private:
    asio::awaitable<bool> begin();
    bool parse();

    Session& session_;
    Exchange& exchange_;
    RequestParser& parser_;
    bool begun_ = false;
  };

  asio::awaitable<Next> one_request();
  asio::awaitable<bool> read_header(std::optional<HttpResponse>& refusal);
  asio::awaitable<std::optional<HttpResponse>> read_body(Exchange& exchange, RequestParser& parser);
  asio::awaitable<HandlerResult> call_handler(Exchange& exchange, BodyStream& body);
  asio::awaitable<Next> answer(Exchange& exchange, HttpResponse response);
  asio::awaitable<bool> write(std::string_view header, std::string_view body);
  asio::awaitable<void> linger();
  asio::awaitable<bool> new_keys_came();

  std::optional<HttpResponse> dispatch(Exchange& exchange);
  std::optional<HttpResponse> body_fault(const Exchange& exchange) const;
  std::size_t body_limit(const Exchange& exchange) const;
  bool cheap_to_read(const Exchange& exchange) const;
  void identify(Exchange& exchange);
  void take_over(Exchange& exchange, StreamTakeover takeover);
  void record(const Exchange& exchange, unsigned status, std::size_t bytes);
  void name_metadata(const HttpRequest& request, HttpResponse& response) const;
  std::string_view buffered() const;

  const Timeouts& timeouts() const { return worker_.shared().options.timeouts; }

  Worker& worker_;
  tcp::socket socket_;
  std::shared_ptr<void> ticket_;
  boost::beast::flat_buffer buffer_;
  std::size_t header_size_ = 0;
  std::string header_out_;
  Connection connection_;
};

std::string_view Session::buffered() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

asio::awaitable<void> Session::run() {
  Next next = Next::keep;
  while (next == Next::keep) next = co_await one_request();
  if (next == Next::linger) co_await linger();
}

/// Reads until a whole header is in the buffer. False: the connection is over, without or (when `refusal` is set) with
/// an answer.
asio::awaitable<bool> Session::read_header(std::optional<HttpResponse>& refusal) {
  using Found = HeaderScan::Found;
  const std::size_t limit = worker_.shared().options.limits.header_bytes;
  HeaderScan scan;
  bool started = false;
  connection_.arm(timeouts().idle);
  for (;;) {
    if (const auto empty = leading_empty_lines(buffered()); empty > 0) {
      buffer_.consume(empty);
      scan = HeaderScan();
    }
    const auto found = scan.scan(buffered());
    if (found == Found::complete && scan.size() <= limit) {
      header_size_ = scan.size();
      co_return true;
    }
    if (found == Found::complete || (found == Found::incomplete && buffer_.size() >= limit)) {
      refusal = error_response(http::status::request_header_fields_too_large, "header_too_large",
                               fmt::format("The request's header is over the limit of {} bytes.", limit));
      co_return false;
    }
    if (found != Found::incomplete) {
      const auto* const why = found == Found::not_http ? "The request is not HTTP."
                              : found == Found::bare_newline
                                  ? "The request's header holds a line that doesn't end in CRLF."
                                  : "The request's header holds a folded line.";
      refusal = error_response(http::status::bad_request, "malformed_request", why);
      co_return false;
    }
    if (!started && buffer_.size() > 0) {
      started = true;
      connection_.arm(timeouts().header_read);
    }
    if (!started && worker_.connections().draining()) co_return false;
    connection_.set_idle(!started);
    const auto space = buffer_.prepare(std::min(kReadSize, buffer_.max_size() - buffer_.size()));
    const auto [ec, n] = co_await socket_.async_read_some(space, asio::as_tuple(asio::use_awaitable));
    connection_.set_idle(false);
    if (ec) {
      if (started && connection_.expired()) {
        refusal = error_response(http::status::request_timeout, "request_timeout",
                                 "The request's header did not arrive in time.");
      }
      co_return false;
    }
    buffer_.commit(n);
  }
}

asio::awaitable<Next> Session::one_request() {
  Exchange exchange;
  std::optional<HttpResponse> refusal;
  const bool whole = co_await read_header(refusal);
  connection_.disarm();
  exchange.began = std::chrono::steady_clock::now();
  if (!whole) {
    if (!refusal) co_return Next::close;
    exchange.body_unread = true;
    identify(exchange);
    const Next next = co_await answer(exchange, std::move(*refusal));
    co_return next;
  }
  const UnderWay under_way(worker_.http_stats());
  RequestParser parser;
  auto head = parse_head(parser, buffered().substr(0, header_size_));
  buffer_.consume(header_size_);
  if (!head) {
    exchange.body_unread = true;  // where the request ends is not known
    identify(exchange);
    const Next next = co_await answer(exchange, std::move(head.error()));
    co_return next;
  }
  exchange.head = std::move(*head);
  exchange.body_unread = exchange.head.has_body();
  identify(exchange);
  refusal = dispatch(exchange);
  if (exchange.keys_may_have_changed && co_await new_keys_came()) refusal = dispatch(exchange);
  const bool streamed = exchange.route != nullptr && exchange.route->body_handler;
  if ((!refusal && !streamed) || (refusal && cheap_to_read(exchange))) {
    auto fault = co_await read_body(exchange, parser);
    if (fault) refusal = std::move(fault);
  }
  if (refusal) {
    const Next next = co_await answer(exchange, std::move(*refusal));
    co_return next;
  }
  SessionBody body(*this, exchange, parser);
  auto result = co_await call_handler(exchange, body);
  if (auto* takeover = std::get_if<StreamTakeover>(&result)) {
    if (exchange.head.request.method != http::verb::head) {
      take_over(exchange, std::move(*takeover));
      co_return Next::taken;
    }
    exchange.head.keep_alive = false;
    result = HttpResponse{};
  }
  const Next next = co_await answer(exchange, std::move(std::get<HttpResponse>(result)));
  co_return next;
}

void Session::identify(Exchange& exchange) {
  HttpRequest& request = exchange.head.request;
  const auto theirs = request.header("x-request-id");
  request.request_id =
      theirs && sane_request_id(*theirs) ? std::string(*theirs) : worker_.connections().next_request_id();
  boost::system::error_code ignored;
  request.peer = socket_.remote_endpoint(ignored);
}

/// Finds the route and checks what can be checked before the body is read. A CORS preflight is answered before anything
/// else is asked: it never has credentials.
std::optional<HttpResponse> Session::dispatch(Exchange& exchange) {
  HttpRequest& request = exchange.head.request;
  const Shared& shared = worker_.shared();
  auto match = shared.router.match(request);
  if (const auto* const* route = std::get_if<const Route*>(&match)) exchange.route = *route;
  if (const auto* others = std::get_if<Router::MethodNotAllowed>(&match)) {
    if (auto answer = shared.cors.preflight(request, others->allow)) return answer;
  }
  if (!exchange.route || exchange.route->access != Access::open) {
    auto identity = shared.authenticator.identify(request, exchange.route ? exchange.route->access : Access::topics);
    if (!identity) {
      exchange.keys_may_have_changed = identity.error().code() == "token_key_unknown";
      return error_response(identity.error());
    }
    if (auto room = shared.tenants.admit(identity->tenant, exchange.began); !room) return error_response(room.error());
    request.identity = std::move(*identity);
    const bool trusted = shared.cors.trusts(request.header("Origin").value_or(""));
    if (!shared.authenticator.required()) {
      if (auto error = shared.page_guard.refuse(request, trusted)) return error_response(*error);
    }
  }
  if (auto* wrong = std::get_if<Router::MethodNotAllowed>(&match)) {
    auto response = error_response(http::status::method_not_allowed, "method_not_allowed",
                                   fmt::format("This path answers to {}.", wrong->allow));
    response.headers.emplace_back("Allow", std::move(wrong->allow));
    return response;
  }
  if (!exchange.route) return error_response(http::status::not_found, "unknown_path", "There is nothing at this path.");
  return body_fault(exchange);
}

/// Has the keys of tokens fetched anew; false when that was done only just before, or takes too long.
asio::awaitable<bool> Session::new_keys_came() {
  constexpr std::chrono::milliseconds kPatience{5'000};
  constexpr std::chrono::milliseconds kLook{10};
  RemoteKeys& keys = *worker_.shared().remote_keys();
  const auto before = keys.fetches();
  if (!keys.refresh()) co_return keys.fetches() != before;
  asio::steady_timer timer(socket_.get_executor());
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (keys.fetches() == before && std::chrono::steady_clock::now() < until) {
    timer.expires_after(kLook);  // the fetch is another thread's; this is rare enough to look
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (worker_.connections().draining()) co_return false;
  }
  co_return keys.fetches() != before;
}

std::size_t Session::body_limit(const Exchange& exchange) const {
  const std::size_t ours = worker_.shared().options.limits.body_bytes;
  if (!exchange.route) return std::min(kBodyReadSize, ours);
  const std::size_t of_route = exchange.route->max_body_bytes;
  return of_route != 0 ? std::min(of_route, ours) : ours;
}

/// Whether to read the body of a request that is refused anyway, so that its connection can be kept.
bool Session::cheap_to_read(const Exchange& exchange) const {
  const RequestHead& head = exchange.head;
  return !head.chunked && !head.expects_continue &&
         head.content_length <= std::min(kBodyReadSize, body_limit(exchange));
}

std::optional<HttpResponse> Session::body_fault(const Exchange& exchange) const {
  const std::size_t limit = body_limit(exchange);
  if (exchange.head.content_length <= limit) return std::nullopt;
  return error_response(Error(
      ErrorKind::too_large, "body_too_large",
      fmt::format("The body of {} bytes is over this path's limit of {} bytes.", exchange.head.content_length, limit)));
}

asio::awaitable<std::optional<HttpResponse>> Session::read_body(Exchange& exchange, RequestParser& parser) {
  if (!exchange.head.has_body()) co_return std::nullopt;
  const std::size_t limit = body_limit(exchange);
  parser.body_limit(limit);
  parser.eager(true);
  if (exchange.head.expects_continue && buffer_.size() == 0) {
    const bool written = co_await write("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (!written) co_return error_response(http::status::bad_request, "malformed_request", "The connection was lost.");
  }
  const auto expected = exchange.head.chunked ? kBodyReadSize : exchange.head.content_length;
  buffer_.reserve(std::min<std::size_t>(expected, kBodyReadSize));
  while (!parser.is_done()) {
    connection_.arm(timeouts().body_progress);
    const auto [ec, n] = co_await http::async_read_some(socket_, buffer_, parser, asio::as_tuple(asio::use_awaitable));
    if (!ec) continue;
    const bool late = connection_.expired();
    connection_.disarm();
    if (late) {
      co_return error_response(http::status::request_timeout, "request_timeout",
                               "The request's body did not arrive in time.");
    }
    if (ec == http::error::body_limit || ec == http::error::buffer_overflow) {
      co_return error_response(Error(ErrorKind::too_large, "body_too_large",
                                     fmt::format("The body is over this path's limit of {} bytes.", limit)));
    }
    co_return error_response(http::status::bad_request, "malformed_request",
                             fmt::format("The request's body is not well-formed: {}.", ec.message()));
  }
  connection_.disarm();
  exchange.head.request.body = std::move(parser.get().body());
  exchange.body_unread = false;
  worker_.http_stats().body_bytes_read.add(exchange.head.request.body.size());
  co_return std::nullopt;
}

asio::awaitable<bool> Session::SessionBody::begin() {
  if (std::exchange(begun_, true)) co_return true;
  if (exchange_.head.chunked) {
    parser_.body_limit(boost::none);  // bounded by what the handler makes of it
  } else {
    parser_.body_limit(session_.body_limit(exchange_));
  }
  parser_.eager(true);
  if (!exchange_.head.expects_continue || session_.buffer_.size() > 0) co_return true;
  const bool written = co_await session_.write("HTTP/1.1 100 Continue\r\n\r\n", {});
  co_return written;
}

/// Parses what has been read. False when it is no body.
bool Session::SessionBody::parse() {
  while (session_.buffer_.size() > 0 && !parser_.is_done()) {
    boost::system::error_code ec;
    const auto used = parser_.put(session_.buffer_.data(), ec);
    session_.buffer_.consume(used);
    if (ec == http::error::need_more) break;
    if (ec) return false;
  }
  return true;
}

// Beast's own reading of a part of a message goes on until the message needs no more: what has arrived is wanted here
// at once, so reading and parsing are two steps.
asio::awaitable<BodyStream::Piece> Session::SessionBody::next(std::chrono::milliseconds wait) {
  Piece piece;
  piece.kind = Piece::Kind::broken;
  const bool begun = co_await begin();
  if (!begun) co_return piece;
  auto& connection = session_.connection_;
  connection.arm(wait);
  for (;;) {
    if (exchange_.head.has_body() && !parse()) break;
    piece.bytes = std::exchange(parser_.get().body(), {});
    if (!piece.bytes.empty()) {
      piece.kind = Piece::Kind::bytes;
      break;
    }
    if (!exchange_.head.has_body() || parser_.is_done()) {
      exchange_.body_unread = false;
      piece.kind = Piece::Kind::end;
      break;
    }
    auto& buffer = session_.buffer_;
    const auto space = buffer.prepare(std::min(kBodyPieceSize, buffer.max_size() - buffer.size()));
    const auto [ec, n] = co_await session_.socket_.async_read_some(space, asio::as_tuple(asio::use_awaitable));
    if (ec) {
      if (connection.expired()) piece.kind = Piece::Kind::nothing;
      break;
    }
    buffer.commit(n);
    session_.worker_.http_stats().body_bytes_read.add(n);
  }
  connection.disarm();
  co_return piece;
}

asio::awaitable<HandlerResult> Session::call_handler(Exchange& exchange, BodyStream& body) {
  // A handler's bug costs its request, not the server; cancellation passes.
  std::string what;
  try {
    if (exchange.route->body_handler) {
      auto streamed = co_await exchange.route->body_handler(worker_, exchange.head.request, body);
      co_return streamed;
    }
    auto result = co_await exchange.route->handler(worker_, exchange.head.request);
    co_return result;
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;
    what = e.what();
  } catch (const std::exception& e) {
    what = e.what();
  }
  worker_.http_stats().handler_throws.add();
  worker_.shared().log->write(
      telemetry::Level::error, "a handler threw",
      {{"route", exchange.route->path}, {"request_id", exchange.head.request.request_id}, {"what", what}});
  HttpResponse response = error_response(Error(ErrorKind::internal, "internal_error", "Inkwell failed on this request.",
                                               "The server's log tells more under this request's id."));
  co_return response;
}

asio::awaitable<Next> Session::answer(Exchange& exchange, HttpResponse response) {
  const bool keep = exchange.head.keep_alive && !exchange.body_unread && !worker_.connections().draining();
  ResponseFrame frame;
  frame.request_id = exchange.head.request.request_id;
  frame.date = worker_.connections().date();
  frame.keep_alive = keep;
  frame.http_1_0 = exchange.head.http_1_0;
  if (exchange.route && exchange.route->access == Access::topics) name_metadata(exchange.head.request, response);
  worker_.shared().cors.add_to(exchange.head.request, response);
  header_out_.clear();
  write_header(header_out_, response, frame);
  const bool head = exchange.head.request.method == http::verb::head;
  const auto body = head ? std::string_view() : body_of(response);
  const bool written = co_await write(header_out_, body);
  record(exchange, static_cast<unsigned>(response.status), header_out_.size() + body.size());
  if (!written) co_return Next::close;
  if (!keep) co_return exchange.body_unread || buffer_.size() > 0 ? Next::linger : Next::close;
  if (buffer_.capacity() > kKeptBuffer) buffer_.shrink_to_fit();
  co_return Next::keep;
}

/// A challenge says where it is told which tokens are taken (RFC 9728 section 5.1).
void Session::name_metadata(const HttpRequest& request, HttpResponse& response) const {
  const Authenticator& authenticator = worker_.shared().authenticator;
  if (!authenticator.tokens().verifier) return;
  for (auto& [name, value] : response.headers) {
    if (name != "WWW-Authenticate") continue;
    const std::string url = metadata_url(authenticator.hub_url(request));
    if (url.find_first_of("\"\\") != std::string::npos) return;  // a Host that would end the quotes
    value += fmt::format("{} resource_metadata=\"{}\"", value == "Bearer" ? "" : ",", url);
  }
}

asio::awaitable<bool> Session::write(std::string_view header, std::string_view body) {
  std::array<asio::const_buffer, 2> buffers = {asio::buffer(header), asio::buffer(body)};
  while (asio::buffer_size(buffers) > 0) {
    connection_.arm(timeouts().write_stall);
    const auto [ec, n] = co_await socket_.async_write_some(buffers, asio::as_tuple(asio::use_awaitable));
    if (ec) {
      connection_.disarm();
      co_return false;
    }
    const std::size_t of_header = std::min(n, buffers[0].size());
    buffers[0] += of_header;
    buffers[1] += n - of_header;
    worker_.http_stats().bytes_sent.add(n);
  }
  connection_.disarm();
  co_return true;
}

// Closing with unread bytes in the kernel would send a reset, which may destroy the answer before the client has read
// it (RFC 9112 section 9.6).
asio::awaitable<void> Session::linger() {
  boost::system::error_code ec;
  socket_.shutdown(tcp::socket::shutdown_send, ec);
  if (ec) co_return;
  connection_.arm(timeouts().linger);
  buffer_.clear();
  for (;;) {
    const auto space = buffer_.prepare(kBodyReadSize);
    const auto [error, n] = co_await socket_.async_read_some(space, asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
  }
}

void Session::take_over(Exchange& exchange, StreamTakeover takeover) {
  worker_.http_stats().taken_over.add();
  record(exchange, 200, 0);
  taken.emplace(std::move(takeover), std::move(socket_), std::move(ticket_));
}

void Session::record(const Exchange& exchange, unsigned status, std::size_t bytes) {
  const auto took = std::chrono::steady_clock::now() - exchange.began;
  HttpStats& stats = worker_.http_stats();
  stats.answered(exchange.route ? exchange.route->index : stats.unmatched(), status, took);
  telemetry::Log& log = *worker_.shared().log;
  if (!log.enabled(telemetry::Level::info)) return;
  const HttpRequest& request = exchange.head.request;
  const auto method =
      request.method == http::verb::unknown && !request.is_query ? "<unknown>" : method_name(request.method);
  log.write(telemetry::Level::info, "request",
            {{"request_id", request.request_id},
             {"method", method},
             {"route", exchange.route ? std::string_view(exchange.route->path) : "unmatched"},
             {"status", static_cast<std::int64_t>(status)},
             {"duration_ms", std::chrono::duration<double, std::milli>(took).count()},
             {"bytes", static_cast<std::int64_t>(bytes)}});
}

asio::awaitable<void> Session::refuse() {
  Exchange exchange;
  exchange.began = std::chrono::steady_clock::now();
  exchange.body_unread = true;
  identify(exchange);
  const Error error(ErrorKind::overloaded, "too_many_connections", "The server has all the connections it allows.");
  const Next next = co_await answer(exchange, error_response(error));
  if (next == Next::linger) co_await linger();
}

}  // namespace

asio::awaitable<void> serve_connection(Worker& worker, tcp::socket socket, std::shared_ptr<void> ticket) {
  std::optional<Session::Taken> taken;
  {
    auto session = std::make_unique<Session>(worker, std::move(socket), std::move(ticket));
    co_await session->run();
    taken = std::move(session->taken);
  }
  if (!taken) co_return;
  StreamSocket stream{std::move(taken->socket), std::move(taken->ticket)};
  taken->takeover.take(std::move(stream));
}

asio::awaitable<void> refuse_connection(Worker& worker, tcp::socket socket, std::shared_ptr<void> place) {
  auto session = std::make_unique<Session>(worker, std::move(socket), std::move(place));
  co_await session->refuse();
}

}  // namespace inkwell::server
