// A request's header from outside: the scanner never sees more than there is, finds the same however the bytes arrive,
// and what the parser lets through has one framing only.
#include <cstdint>
#include <cstdlib>

#include "server/header_scan.hpp"
#include "server/request_head.hpp"

namespace {

using inkwell::server::HeaderScan;

HeaderScan by_byte(std::string_view bytes, HeaderScan::Found& found) {
  HeaderScan scan;
  found = HeaderScan::Found::incomplete;
  for (std::size_t n = 1; n <= bytes.size() && found == HeaderScan::Found::incomplete; ++n) {
    found = scan.scan(bytes.substr(0, n));
  }
  return scan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeaderScan whole;
  const auto found = whole.scan(bytes);
  auto found_by_byte = HeaderScan::Found::incomplete;
  const auto stepwise = by_byte(bytes, found_by_byte);
  const bool complete = found == HeaderScan::Found::complete;
  if (found != found_by_byte || (complete && whole.size() != stepwise.size())) std::abort();
  if (!complete) return 0;
  if (whole.size() > size || whole.size() < 4) std::abort();
  inkwell::server::RequestParser parser;
  const auto head = inkwell::server::parse_head(parser, bytes.substr(0, whole.size()));
  if (!head) return 0;
  if (head->chunked && head->content_length != 0) std::abort();
  if (head->request.headers.count(inkwell::server::http::field::content_length) > 1) std::abort();
  return 0;
}
