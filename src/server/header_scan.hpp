// HeaderScan: finds the end of a request's header in bytes as they arrive, and refuses early what a lenient parser
// behind or before us could read differently: a bare LF, a folded line (RFC 9112 sections 2.2 and 5.2). A machine
// without I/O; fuzzed.
#pragma once

#include <cstddef>
#include <string_view>

namespace inkwell::server {

class HeaderScan {
 public:
  enum class Found {
    incomplete,
    complete,      ///< size() bytes are the header, its empty line included
    bare_newline,  ///< an LF without its CR
    folded_line,   ///< a line that goes on with a space or tab
    not_http,      ///< the first byte cannot start a request (a TLS handshake, a zero byte)
  };

  /// `bytes` is everything received so far, from the first byte after leading empty lines; it only grows between calls.
  Found scan(std::string_view bytes) noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  std::size_t scanned_ = 0;
  std::size_t size_ = 0;
};

/// How many bytes at the front are empty lines (CRLF), which a server skips before a request (RFC 9112 section 2.2).
std::size_t leading_empty_lines(std::string_view bytes) noexcept;

}  // namespace inkwell::server
