// An OpenAI-compatible embeddings server inside the test, on the test's own loop, that does what it is told: answer
// well, shuffled, short, twice, with nonsense, late, never, or with an error.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <functional>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <random>

#include "base/gate.hpp"
#include "counting_provider.hpp"

namespace inkwell::embeddings {

enum class Act : std::uint8_t {
  answer,
  shuffle,
  base64,
  drop_one,
  double_one,
  index_beyond,
  null_number,
  huge_number,
  short_vector,
  no_json,
  cut_body,
  close_connection,
  stall,
  rate_limit,
  fail,
  unauthorized,
  refuse,
};

class ScriptedUpstream {
 public:
  explicit ScriptedUpstream(asio::io_context& io)
      : gate_(io.get_executor()), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    gate_.spawn("upstream", accept());
  }
  ScriptedUpstream(const ScriptedUpstream&) = delete;
  ScriptedUpstream& operator=(const ScriptedUpstream&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/v1"; }
  asio::awaitable<void> close() {
    acceptor_.close();
    co_await gate_.close();
  }

  std::function<Act(std::size_t)> act = [](std::size_t) { return Act::answer; };  ///< by the request's number
  std::string retry_after = "retry-after-ms: 30";                                 ///< header line of rate_limit
  std::mt19937_64 random{1};

  std::size_t connections = 0;
  std::vector<boost::json::object> requests;
  std::vector<std::string> heads;
  std::size_t inputs = 0;  ///< answered well

 private:
  static Input input_of(const boost::json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    Tokens tokens;
    for (const auto& token : value.get_array()) tokens.push_back(static_cast<std::uint32_t>(token.as_int64()));
    return tokens;
  }

  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      ++connections;
      gate_.spawn("upstream connection", serve(std::move(socket)));
    }
  }

  asio::awaitable<void> serve(asio::ip::tcp::socket socket) {
    std::string buffer;
    for (;;) {
      const auto [error, size] = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n",
                                                                 asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      heads.push_back(buffer.substr(0, size));
      buffer.erase(0, size);
      const auto length = heads.back().find("Content-Length: ");
      const std::size_t wanted = std::stoul(heads.back().substr(length + 16));
      if (buffer.size() < wanted) {
        const auto [body_error, more] = co_await asio::async_read(socket, asio::dynamic_buffer(buffer),
                                                                  asio::transfer_exactly(wanted - buffer.size()),
                                                                  asio::as_tuple(asio::use_awaitable));
        if (body_error) co_return;
      }
      requests.push_back(boost::json::parse(buffer.substr(0, wanted)).as_object());
      buffer.erase(0, wanted);
      const Act now = act(requests.size() - 1);
      if (now == Act::close_connection) co_return;
      if (now == Act::stall) {
        asio::steady_timer timer(socket.get_executor(), std::chrono::hours(1));
        co_await timer.async_wait(asio::use_awaitable);
      }
      const std::string out = reply(now, requests.back());
      const auto [write_error, written] =
          co_await asio::async_write(socket, asio::buffer(out), asio::as_tuple(asio::use_awaitable));
      if (write_error || now == Act::cut_body) co_return;
    }
  }

  std::string reply(Act now, const boost::json::object& request) {
    switch (now) {
      case Act::rate_limit:
        return http("429 Too Many Requests", R"({"error":{"message":"slow down"}})", retry_after + "\r\n");
      case Act::fail:
        return http("500 Internal Server Error", "oops");
      case Act::unauthorized:
        return http("401 Unauthorized", R"({"error":{"message":"Incorrect API key provided: sk-secret"}})");
      case Act::refuse:
        return http("400 Bad Request", R"({"error":{"message":"too many tokens"}})");
      case Act::no_json:
        return http("200 OK", R"({"data":[{"index":0,"embedding":[NaN]}]})");
      default:
        break;
    }
    std::string out = http("200 OK", boost::json::serialize(answer(now, request)));
    if (now == Act::cut_body) out.resize(out.size() - 5);
    return out;
  }

  static std::string http(const std::string& status, const std::string& body, const std::string& headers = {}) {
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  boost::json::object answer(Act now, const boost::json::object& request) {
    const auto& input = request.at("input").as_array();
    std::uint32_t dimensions = 0;
    if (const auto* wanted = request.if_contains("dimensions"))
      dimensions = static_cast<std::uint32_t>(wanted->as_int64());
    std::vector<boost::json::object> items;
    for (std::size_t i = 0; i < input.size(); ++i)
      items.push_back(item(now, i, vector_of(input_of(input[i]), dimensions)));
    const std::size_t victim = random() % items.size();
    if (now == Act::drop_one) items.erase(items.begin() + static_cast<std::ptrdiff_t>(victim));
    if (now == Act::double_one) items.push_back(items[victim]);
    if (now == Act::index_beyond) items[victim]["index"] = items.size();
    if (now == Act::null_number) items[victim]["embedding"].as_array()[0] = nullptr;
    if (now == Act::huge_number) items[victim]["embedding"].as_array()[0] = 1e300;
    if (now == Act::short_vector) items[victim]["embedding"].as_array().pop_back();
    if (now == Act::shuffle) std::ranges::shuffle(items, random);
    if (now == Act::answer || now == Act::shuffle || now == Act::base64) inputs += input.size();
    boost::json::object body;
    body["object"] = "list";
    boost::json::array data;
    for (auto& one_item : items) data.push_back(std::move(one_item));
    body["data"] = std::move(data);
    boost::json::object usage;
    usage["prompt_tokens"] = input.size() * 7;
    body["usage"] = std::move(usage);
    return body;
  }

  static boost::json::object item(Act now, std::size_t index, const std::vector<float>& vector) {
    boost::json::object out;
    out["object"] = "embedding";
    if (now == Act::base64) {
      std::string text((vector.size() * 4 + 2) / 3 * 4 + 1, '\0');
      const int written =
          EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                          reinterpret_cast<const unsigned char*>(vector.data()), static_cast<int>(vector.size() * 4));
      text.resize(static_cast<std::size_t>(written));
      out["embedding"] = text;
    } else {
      boost::json::array numbers;
      for (const float x : vector) numbers.push_back(x);
      out["embedding"] = std::move(numbers);
    }
    out["index"] = index;
    return out;
  }

  Gate gate_;
  asio::ip::tcp::acceptor acceptor_;
};

}  // namespace inkwell::embeddings
