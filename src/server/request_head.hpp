// RequestHead: what a request's header says, checked: where its body ends, whether the connection is kept, what it is
// asked for. Refuses every framing that two readers could take differently (RFC 9112 sections 6 and 11.2). No I/O.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "server/http.hpp"

namespace inkwell::server {

using RequestParser = http::request_parser<http::string_body>;

struct RequestHead {
  HttpRequest request;  ///< without body, identity, request id and peer
  bool keep_alive = false;
  bool http_1_0 = false;
  bool chunked = false;
  bool expects_continue = false;
  std::uint64_t content_length = 0;  ///< 0 when there is none, or when chunked

  bool has_body() const noexcept { return chunked || content_length > 0; }
};

/// Feeds `bytes` - a whole header, as HeaderScan found it - to `parser` and takes its result out. The parser is then
/// ready to read the body; trailer fields it meets there stay in it and are dropped. On failure: the answer to give
/// before closing the connection.
std::expected<RequestHead, HttpResponse> parse_head(RequestParser& parser, std::string_view bytes);

/// Whether `text` is fit to be logged and echoed as a request id: 1 to 128 letters, digits and "-_.:/+=".
bool sane_request_id(std::string_view text) noexcept;

}  // namespace inkwell::server
