// A Server in the test's own process, with routes made for the tests beside the real ones and short timeouts.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>

#include "server/json.hpp"
#include "server/router.hpp"
#include "server/server.hpp"
#include "server/worker.hpp"
#include "support/http_client.hpp"
#include "telemetry/log.hpp"

namespace inkwell::server {

inline asio::awaitable<HandlerResult> echo(Worker&, HttpRequest& request) {
  HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = std::move(request.body);
  co_return response;
}

inline asio::awaitable<HandlerResult> slow(Worker& worker, HttpRequest& request) {
  asio::steady_timer timer(worker.io(), std::chrono::milliseconds(**query_integer(request, "ms", 0, 60'000)));
  co_await timer.async_wait(asio::use_awaitable);
  HttpResponse response;
  response.body = "\"slept\"";
  co_return response;
}

inline asio::awaitable<HandlerResult> throws(Worker&, HttpRequest&) {
  throw std::runtime_error("a bug in a handler");
  co_return HttpResponse{};
}

/// A stream as an SSE route makes one: a header, then "data: N" every few milliseconds until the server drains.
class TestStream {
 public:
  static asio::awaitable<HandlerResult> handle(Worker& worker, HttpRequest&) {
    StreamTakeover takeover;
    takeover.take = [&worker](StreamSocket stream) { worker.gate().spawn("stream", run(worker, std::move(stream))); };
    HandlerResult result = std::move(takeover);
    co_return result;
  }

 private:
  static asio::awaitable<void> run(Worker& worker, StreamSocket stream) {
    bool over = false;
    asio::steady_timer timer(worker.io());
    const auto registration = worker.on_drain([&] {
      over = true;
      timer.cancel();
    });
    std::string out = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    int n = 0;
    while (!over) {
      out += "data: " + std::to_string(n++) + "\n\n";
      const auto [ec, size] =
          co_await asio::async_write(stream.socket, asio::buffer(out), asio::as_tuple(asio::use_awaitable));
      if (ec) co_return;
      out.clear();
      timer.expires_after(std::chrono::milliseconds(5));
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    out = "event: bye\n\n";
    co_await asio::async_write(stream.socket, asio::buffer(out), asio::as_tuple(asio::use_awaitable));
  }
};

inline Options test_options() {
  Options options;
  options.port = 0;
  options.threads = 2;
  options.timeouts.header_read = std::chrono::milliseconds(400);
  options.timeouts.body_progress = std::chrono::milliseconds(400);
  options.timeouts.linger = std::chrono::milliseconds(500);
  telemetry::LogOptions silent;
  silent.level = telemetry::Level::off;
  options.log = std::make_shared<telemetry::Log>(silent);
  options.redis.endpoint.unix_path = "/nonexistent/redis.sock";
  return options;
}

class TestServer {
 public:
  explicit TestServer(Options options = test_options()) : server_(std::move(options)) {
    Router& router = server_.router();
    router.add({http::verb::post, "/test/echo", Access::authenticated, echo});
    router.add({http::verb::get, "/test/slow", Access::authenticated, slow});
    router.add({http::verb::get, "/test/throws", Access::authenticated, throws});
    router.add({http::verb::get, "/test/stream", Access::authenticated, TestStream::handle});
    Route small{http::verb::post, "/test/small", Access::authenticated, echo};
    small.max_body_bytes = 16;
    router.add(std::move(small));
    const auto started = server_.start();
    if (!started) throw std::runtime_error(started.error().to_string());
  }

  std::uint16_t port() const { return server_.endpoint().port(); }
  Server& server() { return server_; }
  test::HttpAnswer get(std::string_view target, std::string_view extra = {}) const {
    return test::http_request(port(), "GET", target, {}, extra);
  }

 private:
  Server server_;
};

/// The code of an error in the OpenAI shape; fails the test when the body has another.
inline std::string error_code_in(const test::HttpAnswer& answer) {
  const auto value = parse_json(answer.body);
  if (!value || !value->is_object()) {
    ADD_FAILURE() << "not a JSON error: " << answer.body;
    return {};
  }
  const auto& error = value->as_object().at("error").as_object();
  EXPECT_TRUE(error.contains("message") && error.contains("type") && error.contains("param"));
  return std::string(error.at("code").as_string());
}

/// Polls until `condition` holds; false after 20 s.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // tidy: this is the waiting for a condition
  }
  return true;
}

/// The value of a series in Prometheus text; -1 when it isn't there.
inline double metric(const std::string& text, const std::string& series) {
  const auto at = ("\n" + text).find("\n" + series + " ");
  if (at == std::string::npos) return -1;
  return std::stod(text.substr(at + series.size()));
}

}  // namespace inkwell::server
