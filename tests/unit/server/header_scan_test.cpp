#include "server/header_scan.hpp"

#include <gtest/gtest.h>
#include <string>

namespace inkwell::server {
namespace {

using Found = HeaderScan::Found;

Found scan_by_steps(std::string_view bytes, std::size_t step, std::size_t& size) {
  HeaderScan scan;
  Found found = Found::incomplete;
  for (std::size_t n = step; found == Found::incomplete && n < bytes.size() + step; n += step) {
    found = scan.scan(bytes.substr(0, n));
  }
  size = scan.size();
  return found;
}

struct Case {
  std::string_view bytes;
  Found found;
  std::size_t size;
};

const Case kCases[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Found::complete, 27},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET ", Found::complete, 27},
    {"GET / HTTP/1.1\r\n\r\n", Found::complete, 18},
    {"GET / HTTP/1.1\r\nHost: a\r\n", Found::incomplete, 0},
    {"GET / HTTP/1.1\nHost: a\n\n", Found::bare_newline, 0},
    {"GET / HTTP/1.1\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", Found::bare_newline, 0},
    {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Found::folded_line, 0},
    {"GET / HTTP/1.1\r\n\tA: b\r\n\r\n", Found::folded_line, 0},
    {std::string_view("\x16\x03\x01\x00", 4), Found::not_http, 0},
    {" GET / HTTP/1.1\r\n\r\n", Found::not_http, 0},
    {"\n", Found::not_http, 0},
};

TEST(HeaderScan, FindsTheSameWhereverTheBytesAreCut) {
  for (const Case& each : kCases) {
    for (std::size_t step = 1; step <= each.bytes.size(); ++step) {
      std::size_t size = 0;
      EXPECT_EQ(scan_by_steps(each.bytes, step, size), each.found) << each.bytes << " by " << step;
      if (each.found != Found::complete) continue;
      EXPECT_EQ(size, each.size) << each.bytes << " by " << step;
    }
  }
}

TEST(HeaderScan, CountsLeadingEmptyLines) {
  EXPECT_EQ(leading_empty_lines("\r\n\r\nGET"), 4U);
  EXPECT_EQ(leading_empty_lines("\r"), 0U);
  EXPECT_EQ(leading_empty_lines(""), 0U);
}

}  // namespace
}  // namespace inkwell::server
