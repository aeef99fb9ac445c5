#include "server/request_head.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

std::string with_lines(std::string_view lines, std::string_view first = "POST /x?y=1 HTTP/1.1") {
  return std::string(first) + "\r\n" + std::string(lines) + "\r\n";
}

unsigned status_for(const std::string& bytes) {
  RequestParser parser;
  const auto head = parse_head(parser, bytes);
  return head ? 0 : static_cast<unsigned>(head.error().status);
}

TEST(RequestHead, TakesAPlainRequestApart) {
  RequestParser parser;
  const auto head = parse_head(parser, with_lines("Host: a\r\nContent-Length: 5\r\nX: y\r\n"));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->request.method, http::verb::post);
  EXPECT_EQ(head->request.path, "/x");
  EXPECT_EQ(head->request.query_param("y"), "1");
  EXPECT_EQ(head->request.header("x"), "y");
  EXPECT_EQ(head->content_length, 5U);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_TRUE(head->has_body());
}

TEST(RequestHead, RefusesEveryFramingThatCouldBeReadTwoWays) {
  const char* const faults[] = {
      "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
      "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
      "Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
      "Host: a\r\nContent-Length: 5, 5\r\n",
      "Host: a\r\nContent-Length: +5\r\n",
      "Host: a\r\nContent-Length: 0x5\r\n",
      "Host: a\r\nContent-Length: -5\r\n",
      "Host: a\r\nContent-Length: \r\n",
      "Host: a\r\nContent-Length: 99999999999999999999999\r\n",
      "Host: a\r\nContent-Length : 5\r\n",
      "Host: a\r\nTransfer-Encoding : chunked\r\n",
      "Host: a\r\nX\r\n",
      "Host: a\r\n: empty\r\n",
      "Host: a\r\nHost: b\r\n",
      "",
  };
  for (const auto* lines : faults) EXPECT_EQ(status_for(with_lines(lines)), 400U) << lines;
}

TEST(RequestHead, KnowsNoTransferEncodingButChunked) {
  for (const auto* lines : {"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
                            "Host: a\r\nTransfer-Encoding: identity\r\n", "Host: a\r\nTransfer-Encoding: xchunked\r\n",
                            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    const auto status = status_for(with_lines(lines));
    EXPECT_TRUE(status == 501U || status == 400U) << lines << status;
  }
  EXPECT_EQ(status_for(with_lines("Host: a\r\nTransfer-Encoding: Chunked\r\n")), 0U);
  EXPECT_EQ(status_for(with_lines("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")), 400U);
}

TEST(RequestHead, RefusesMalformedRequestLines) {
  for (const auto* first : {"GET", "GET /", "GET / HTTP/1.1 x", "G(T / HTTP/1.1", "GET  / HTTP/1.1",
                            "GET /\x01 HTTP/1.1", "GET / http/1.1"}) {
    EXPECT_EQ(status_for(with_lines("Host: a\r\n", first)), 400U) << first;
  }
  EXPECT_EQ(status_for(with_lines("Host: a\r\n", "GET / HTTP/2.0")), 505U);
  EXPECT_EQ(status_for(with_lines("Host: a\r\n", "GET /%00 HTTP/1.1")), 400U);
}

TEST(RequestHead, Http10NeedsNoHostAndIsNotKeptUnlessAsked) {
  RequestParser plain;
  const auto closed = parse_head(plain, with_lines("", "GET / HTTP/1.0"));
  ASSERT_TRUE(closed);
  EXPECT_FALSE(closed->keep_alive);
  RequestParser asking;
  const auto kept = parse_head(asking, with_lines("Connection: keep-alive\r\n", "GET / HTTP/1.0"));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->keep_alive);
}

TEST(RequestHead, MeetsNoExpectationBut100Continue) {
  EXPECT_EQ(status_for(with_lines("Host: a\r\nExpect: 100-continue\r\n")), 0U);
  EXPECT_EQ(status_for(with_lines("Host: a\r\nExpect: tea\r\n")), 417U);
}

TEST(RequestHead, KnowsASaneRequestId) {
  EXPECT_TRUE(sane_request_id("req_4bf92f3577b34da6-A.b:c/d+e="));
  EXPECT_FALSE(sane_request_id(""));
  EXPECT_FALSE(sane_request_id("a b"));
  EXPECT_FALSE(sane_request_id("a\"b"));
  EXPECT_FALSE(sane_request_id("\xc3\xa9"));
  EXPECT_TRUE(sane_request_id(std::string(128, 'a')));
  EXPECT_FALSE(sane_request_id(std::string(129, 'a')));
}

}  // namespace
}  // namespace inkwell::server
