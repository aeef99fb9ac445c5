// The server's own view of an HTTP exchange: what a route handler gets and what it gives back. Handlers never see a
// socket or Beast's message types, except through StreamTakeover. Values; used on the worker's thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <inkwell/error.hpp>

#include "base/asio.hpp"
#include "server/identity.hpp"

namespace inkwell::server {

namespace http = boost::beast::http;

/// A request, whole: the body has been read and is within the limits.
struct HttpRequest {
  http::verb method = http::verb::get;
  /// The method is QUERY (RFC 10008), which Beast knows as verb::unknown: safe, with a body that belongs to the query.
  bool is_query = false;
  std::string path;      ///< percent-decoded, without the query; valid UTF-8 without NUL or control characters
  std::string raw_path;  ///< as sent: the router splits this one, so that an encoded '/' stays inside its segment
  std::vector<std::pair<std::string, std::string>> query;        ///< decoded, in order, duplicates kept
  std::vector<std::pair<std::string, std::string>> path_params;  ///< what the route's {name}s matched, decoded
  http::fields headers;
  std::string body;
  std::string request_id;  ///< the client's x-request-id if it is a sane token, else ours
  Identity identity;       ///< of an authenticated route's request: who asks
  asio::ip::tcp::endpoint peer;

  std::optional<std::string_view> query_param(std::string_view name) const;  ///< the first of that name
  std::string_view path_param(std::string_view name) const;                  ///< must exist in the route's template
  std::optional<std::string_view> header(std::string_view name) const;
};

/// The method as the request line spells it, of those that are routed.
std::string_view method_name(http::verb method) noexcept;

/// The socket of a connection whose handler took it over after the request was read. The response header has not been
/// sent: the new owner writes everything from the status line on ("Connection: close": what the client pipelined behind
/// the request is dropped), and closes it. It counts as an open connection until `released` is destroyed, on the
/// worker's thread: draining waits for that, and says so by Worker::on_drain.
struct StreamSocket {
  asio::ip::tcp::socket socket;
  std::shared_ptr<void> released;
};

struct StreamTakeover {
  /// Called once, on the worker's thread, after the handler returned and the session has let go of its buffers. Owns
  /// the socket from then on. Not called for HEAD (the session answers 200 without a body).
  std::move_only_function<void(StreamSocket)> take;
};

/// The body of a request whose route takes it as it arrives. Used by one coroutine at a time; dies with the exchange.
class BodyStream {
 public:
  struct Piece {
    enum class Kind : std::uint8_t {
      bytes,
      nothing,  ///< in the time given; ask again
      end,      ///< the body is complete
      broken,   ///< the connection was lost, or what came is no body
    };
    Kind kind = Kind::nothing;
    std::string bytes{};
  };
  /// What has arrived, or the first that does within `wait` (to about a quarter of a second).
  virtual asio::awaitable<Piece> next(std::chrono::milliseconds wait) = 0;

 protected:
  ~BodyStream() = default;
};

/// What a handler answers. Content-Length, Date, Server, x-request-id and Connection are added by the session.
struct HttpResponse {
  http::status status = http::status::ok;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string content_type = "application/json";
  /// When set, this (immutable, shared) is the body and `body` is ignored: a hot value is sent without a copy.
  std::shared_ptr<const std::string> shared_body;
};

using HandlerResult = std::variant<HttpResponse, StreamTakeover>;

/// The one table from ErrorKind to HTTP status.
http::status status_of(ErrorKind kind) noexcept;

/// An error as the OpenAI API words it: {"error":{"message","type","param","code"}}; with Retry-After where the error
/// knows it.
HttpResponse error_response(const Error& error);

/// The same for what HTTP itself refuses and ErrorKind has no word for (405, 408, 431 ...).
HttpResponse error_response(http::status status, std::string_view code, std::string_view message);

/// "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110 section 5.6.7).
std::string http_date(std::chrono::system_clock::time_point time);

}  // namespace inkwell::server
