// The header of an answer in wire form (RFC 9112 section 4). Pure.
#pragma once

#include <string>
#include <string_view>

#include "server/http.hpp"

namespace inkwell::server {

struct ResponseFrame {
  std::string_view request_id;
  std::string_view date;
  bool keep_alive = true;
  bool http_1_0 = false;  ///< the request was; "keep-alive" must then be said
};

/// The bytes of the body `response` carries, whichever member holds them.
std::string_view body_of(const HttpResponse& response) noexcept;

/// Appends status line and fields, with the empty line, to `out`. A field of the response whose name or value could end
/// its line (CR, LF, NUL) is left out: a handler's bug must not become response splitting.
void write_header(std::string& out, const HttpResponse& response, const ResponseFrame& frame);

}  // namespace inkwell::server
