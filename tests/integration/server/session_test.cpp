// What a client may do to a connection, well or badly, and what it gets. Redis plays no part here.
#include <gtest/gtest.h>

#include "integration/server/http_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpClient;

constexpr std::string_view kGetHealth = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

std::string post(std::string_view target, std::string_view lines, std::string_view body = {}) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n" + std::string(body);
}

void expect_alive(const TestServer& server) { EXPECT_EQ(server.get("/healthz").status, 200); }

TEST(Session, KeepsTheConnectionForManyRequests) {
  TestServer server;
  HttpClient client(server.port());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.request("GET", "/healthz").status, 200);
}

TEST(Session, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  HttpClient client(server.port());
  client.send(post("/test/echo", "Content-Length: 3\r\n", "one") + post("/test/echo", "Content-Length: 3\r\n", "two") +
              std::string(kGetHealth));
  EXPECT_EQ(client.receive().body, "one");
  EXPECT_EQ(client.receive().body, "two");
  EXPECT_EQ(client.receive().body, R"({"status":"ok"})");
}

TEST(Session, ReadsARequestThatArrivesByteByByte) {
  TestServer server;
  HttpClient client(server.port());
  const auto bytes = "\r\n" + post("/test/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  for (const char c : bytes) client.send(std::string_view(&c, 1));
  EXPECT_EQ(client.receive().body, "abcde");
  EXPECT_EQ(client.request("GET", "/healthz").status, 200);
}

TEST(Session, CarriesABodyOfMegabytesBothWays) {
  TestServer server;
  const std::string body(8u << 20, 'x');
  const auto answer = test::http_request(server.port(), "POST", "/test/echo", body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == body);
}

TEST(Session, SaysContinueToAClientThatWaitsForIt) {
  TestServer server;
  HttpClient client(server.port());
  client.send(post("/test/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.receive_header().status, 100);
  EXPECT_EQ(client.exchange("hello").body, "hello");
}

TEST(Session, AnswersAHeadRequestWithTheLengthAndNoBody) {
  TestServer server;
  HttpClient client(server.port());
  const auto answer = client.request("HEAD", "/healthz");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), "15");
  EXPECT_EQ(client.request("GET", "/healthz").body, R"({"status":"ok"})");
}

TEST(Session, SpeaksHttp10AndClosesUnlessAskedToKeep) {
  TestServer server;
  HttpClient closing(server.port());
  EXPECT_EQ(closing.exchange("GET /healthz HTTP/1.0\r\n\r\n").header("connection"), "close");
  EXPECT_TRUE(closing.closed_by_peer());
  HttpClient keeping(server.port());
  const std::string keep = "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(keeping.exchange(keep).header("connection"), "keep-alive");
  EXPECT_EQ(keeping.exchange(keep).status, 200);
}

TEST(Session, ClosesWhenTheClientAsksForIt) {
  TestServer server;
  HttpClient client(server.port());
  EXPECT_EQ(client.request("GET", "/healthz", {}, "Connection: close\r\n").header("connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(Session, EchoesASaneRequestIdAndReplacesAnother) {
  TestServer server;
  EXPECT_EQ(server.get("/healthz", "x-request-id: abc-1\r\n").header("x-request-id"), "abc-1");
  const auto own = server.get("/healthz", "x-request-id: a b\r\n").header("x-request-id");
  EXPECT_TRUE(own.starts_with("req_")) << own;
  EXPECT_NE(own, server.get("/healthz").header("x-request-id"));
}

TEST(Session, RefusesATwoGibibyteBodyAtOnceWithoutReadingIt) {
  TestServer server;
  HttpClient client(server.port());
  const auto answer = client.exchange(post("/test/echo", "Content-Length: 2147483648\r\n"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(error_code_in(answer), "body_too_large");
  EXPECT_TRUE(client.closed_by_peer());
  expect_alive(server);
}

TEST(Session, AClientThatSendsAHugeBodyAnywayStillSeesWhyItWasRefused) {
  TestServer server;
  HttpClient client(server.port());
  client.send(post("/test/echo", "Content-Length: 2147483648\r\n"));
  const std::string piece(1u << 20, 'x');
  for (int i = 0; i < 8 && client.send(piece); ++i) {
  }
  EXPECT_EQ(client.receive().status, 413);
}

TEST(Session, RefusesAChunkedBodyThatGrowsOverTheRoutesLimit) {
  TestServer server;
  HttpClient fits(server.port());
  EXPECT_EQ(fits.exchange(post("/test/small", "Transfer-Encoding: chunked\r\n", "10\r\n0123456789abcdef\r\n0\r\n\r\n"))
                .status,
            200);
  HttpClient client(server.port());
  const auto answer = client.exchange(
      post("/test/small", "Transfer-Encoding: chunked\r\n", "8\r\n01234567\r\n9\r\n012345678\r\n0\r\n\r\n"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(client.closed_by_peer());
  expect_alive(server);
}

TEST(Session, ARouteMayTakeLessThanTheServer) {
  TestServer server;
  EXPECT_EQ(test::http_request(server.port(), "POST", "/test/small", std::string(16, 'x')).status, 200);
  EXPECT_EQ(test::http_request(server.port(), "POST", "/test/small", std::string(17, 'x')).status, 413);
}

TEST(Session, RefusesAnOversizedHeader) {
  TestServer server;
  for (const std::size_t size : {std::size_t{17'000}, std::size_t{1'000'000}}) {
    HttpClient client(server.port());
    const auto answer =
        client.exchange("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(size, 'a') + "\r\n\r\n");
    EXPECT_EQ(answer.status, 431);
    EXPECT_EQ(error_code_in(answer), "header_too_large");
    EXPECT_TRUE(client.closed_by_peer());
  }
  expect_alive(server);
}

TEST(Session, TellsAHalfSentHeaderThatItTookTooLong) {
  TestServer server;
  HttpClient client(server.port());
  const auto answer = client.exchange("GET /healthz HTTP/1.1\r\nHost:");
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(Session, AHeaderThatTricklesInIsOverdueAllTheSame) {
  TestServer server;
  HttpClient client(server.port());
  client.send("GET /healthz HTTP/1.1\r\n");
  for (int i = 0; i < 30 && client.send("X: y\r\n"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // tidy: the pace is what is tested
  }
  EXPECT_EQ(client.receive().status, 408);
}

TEST(Session, TellsAHalfSentBodyThatItTookTooLong) {
  TestServer server;
  HttpClient client(server.port());
  const auto answer = client.exchange(post("/test/echo", "Content-Length: 10\r\n", "half"));
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(Session, ClosesAnIdleConnectionWithoutAWord) {
  auto options = test_options();
  options.timeouts.idle = std::chrono::milliseconds(200);
  TestServer server(options);
  HttpClient client(server.port());
  EXPECT_EQ(client.request("GET", "/healthz").status, 200);
  EXPECT_THROW(client.receive(), std::runtime_error);
}

TEST(Session, RefusesMalformedAndSmuggledRequestsAndCloses) {
  TestServer server;
  const std::pair<std::string, int> cases[] = {
      {"GARBAGE\r\n\r\n", 400},
      {"GET /healthz HTTP/1.1\nHost: a\n\n", 400},
      {"GET /healthz HTTP/1.1\r\n\r\n", 400},
      {"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET /healthz HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
      {"\x16\x03\x01\x02", 400},
      {post("/test/echo", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {post("/test/echo", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
      {post("/test/echo", "Transfer-Encoding: chunked\r\n", "zz\r\n"), 400},
      {post("/test/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabcX\r\n0\r\n\r\n"), 400},
      {post("/test/echo", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {post("/test/echo", "Content-Length: 3\r\nExpect: tea\r\n", "abc"), 417},
  };
  for (const auto& [bytes, status] : cases) {
    HttpClient client(server.port());
    // A second request that must not be answered: where it begins is what the first one lies about.
    const auto answer = client.exchange(bytes + std::string(kGetHealth));
    EXPECT_EQ(answer.status, status) << bytes;
    EXPECT_FALSE(error_code_in(answer).empty());
    EXPECT_EQ(answer.header("connection"), "close") << bytes;
    EXPECT_THROW(client.receive(), std::runtime_error) << bytes;
  }
  expect_alive(server);
}

TEST(Session, TrailersOfAChunkedBodyNeverBecomeHeaders) {
  auto options = test_options();
  options.api_key = "sk-test";
  TestServer server(options);
  const auto chunked = [](std::string_view trailer) {
    return post("/test/echo", "Authorization: Bearer sk-test\r\nTransfer-Encoding: chunked\r\n",
                "1\r\na\r\n0\r\n" + std::string(trailer) + "\r\n");
  };
  HttpClient client(server.port());
  EXPECT_EQ(client.exchange(chunked("X: y\r\n")).body, "a");
  EXPECT_EQ(client
                .exchange(post("/test/echo", "Transfer-Encoding: chunked\r\n",
                               "1\r\na\r\n0\r\nAuthorization: Bearer sk-test\r\n\r\n"))
                .status,
            401);
}

TEST(Session, RefusesANulInThePath) {
  TestServer server;
  const auto answer = server.get("/v1/conversations/a%00b");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(error_code_in(answer), "path_control_character");
}

TEST(Session, NamesTheMethodsAPathHas) {
  TestServer server;
  const auto answer = test::http_request(server.port(), "DELETE", "/test/echo");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("allow"), "POST");
  EXPECT_EQ(error_code_in(answer), "method_not_allowed");
  EXPECT_EQ(test::http_request(server.port(), "BREW", "/healthz").status, 405);
}

TEST(Session, SaysThatThereIsNothingAtAnUnknownPath) {
  TestServer server;
  const auto answer = server.get("/v1/nothing");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(error_code_in(answer), "unknown_path");
}

TEST(Session, KeepsTheConnectionOfARefusedRequestWhoseBodyIsSmall) {
  TestServer server;
  HttpClient client(server.port());
  EXPECT_EQ(client.request("POST", "/v1/nothing", "{}").status, 404);
  EXPECT_EQ(client.request("PUT", "/test/echo", "{}").status, 405);
  EXPECT_EQ(client.request("GET", "/healthz").status, 200);
  const auto large = client.request("POST", "/v1/nothing", std::string(100'000, 'x'));
  EXPECT_EQ(large.status, 404);
  EXPECT_EQ(large.header("connection"), "close");
}

TEST(Session, AHandlersBugCostsItsRequestAndNotTheConnection) {
  TestServer server;
  HttpClient client(server.port());
  const auto answer = client.request("GET", "/test/throws");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(error_code_in(answer), "internal_error");
  EXPECT_EQ(answer.body.find("a bug in a handler"), std::string::npos);
  EXPECT_EQ(client.request("GET", "/healthz").status, 200);
}

TEST(Session, AHandlerMayTakeTheSocketOver) {
  TestServer server;
  HttpClient client(server.port());
  client.send("GET /test/stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive_header().status, 200);
  EXPECT_EQ(client.read_line(), "data: 0");
  EXPECT_EQ(client.read_line(), "");
  EXPECT_EQ(client.read_line(), "data: 1");
  EXPECT_EQ(test::http_request(server.port(), "HEAD", "/test/stream").status, 200);
}

}  // namespace
}  // namespace inkwell::server
