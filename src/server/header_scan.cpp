#include "server/header_scan.hpp"

namespace inkwell::server {

HeaderScan::Found HeaderScan::scan(std::string_view bytes) noexcept {
  if (!bytes.empty() && (bytes[0] < '!' || bytes[0] > '~')) {
    const bool half_empty_line = bytes == "\r";
    if (!half_empty_line) return Found::not_http;
  }
  for (;;) {
    const auto newline = bytes.find('\n', scanned_);
    if (newline == std::string_view::npos) {
      scanned_ = bytes.size();
      return Found::incomplete;
    }
    if (newline == 0 || bytes[newline - 1] != '\r') return Found::bare_newline;
    if (newline >= 3 && bytes[newline - 2] == '\n') {
      size_ = newline + 1;
      return Found::complete;
    }
    if (newline + 1 == bytes.size()) {
      scanned_ = newline;  // what follows decides whether the line is folded: look at this newline again
      return Found::incomplete;
    }
    if (bytes[newline + 1] == ' ' || bytes[newline + 1] == '\t') return Found::folded_line;
    scanned_ = newline + 1;
  }
}

std::size_t leading_empty_lines(std::string_view bytes) noexcept {
  std::size_t n = 0;
  while (bytes.substr(n).starts_with("\r\n")) n += 2;
  return n;
}

}  // namespace inkwell::server
