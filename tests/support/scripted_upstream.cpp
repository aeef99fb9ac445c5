#include "support/scripted_upstream.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <cstring>

namespace inkwell::test {
namespace {

namespace json = boost::json;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

std::string http(const std::string& status, const std::string& body, const std::string& headers = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string base64_of(const std::vector<float>& vector) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(vector.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t b = 0; b < 3; ++b) {
      group = group << 8 | (i + b < bytes.size() ? static_cast<unsigned char>(bytes[i + b]) : 0U);
    }
    for (std::size_t d = 0; d < 4; ++d) text += i + d > bytes.size() ? '=' : kDigits[group >> (18 - 6 * d) & 63U];
  }
  return text;
}

json::array array_of(const std::vector<float>& vector) {
  json::array numbers;
  for (const float x : vector) numbers.push_back(x);
  return numbers;
}

/// One input or several, as a list of them. A bare list of numbers is one.
json::array inputs_of(const json::object& request) {
  const auto* found = request.if_contains("input");
  const json::value& value = found ? *found : request.at("inputs");
  if (value.is_string()) return json::array{value};
  if (!value.as_array().empty() && value.as_array().front().is_number()) return json::array{value};
  return value.as_array();
}

}  // namespace

ScriptedUpstream::ScriptedUpstream(asio::io_context& io, Embed embed)
    : embed_(std::move(embed)), gate_(io.get_executor()), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
  gate_.spawn("upstream", accept());
}

std::string ScriptedUpstream::url() const {
  return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

asio::awaitable<void> ScriptedUpstream::close() {
  acceptor_.close();
  co_await gate_.close();
}

asio::awaitable<void> ScriptedUpstream::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(kAwait);
    if (error) co_return;
    ++connections;
    gate_.spawn("upstream connection", serve(std::move(socket)));
  }
}

asio::awaitable<void> ScriptedUpstream::serve(asio::ip::tcp::socket socket) {
  std::string buffer;
  asio::steady_timer timer(socket.get_executor());
  for (;;) {
    const auto [error, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n", kAwait);
    if (error) co_return;
    heads.push_back(buffer.substr(0, size));
    buffer.erase(0, size);
    const auto length = heads.back().find("Content-Length: ");
    const std::size_t wanted = std::stoul(heads.back().substr(length + 16));
    if (buffer.size() < wanted) {
      const auto [body_error, more] = co_await asio::async_read(socket, asio::dynamic_buffer(buffer),
                                                                asio::transfer_exactly(wanted - buffer.size()), kAwait);
      if (body_error) co_return;
    }
    requests.push_back(json::parse(buffer.substr(0, wanted)).as_object());
    buffer.erase(0, wanted);
    const auto path_start = heads.back().find(' ') + 1;
    std::string path = heads.back().substr(path_start, heads.back().find(' ', path_start) - path_start);
    if (path.starts_with("http://")) path.erase(0, path.find('/', 7));  // asked as a proxy
    const json::object request = requests.back();
    const Act now = act(requests.size() - 1);
    if (now == Act::close_connection) co_return;
    if (now == Act::stall) timer.expires_after(std::chrono::hours(1));
    if (now == Act::slow) timer.expires_after(delay);
    if (now == Act::stall || now == Act::slow) co_await timer.async_wait(asio::use_awaitable);
    const std::string out = reply(now, path, request);
    const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(out), kAwait);
    if (write_error || now == Act::cut_body) co_return;
  }
}

std::string ScriptedUpstream::reply(Act now, const std::string& path, const json::object& request) {
  const auto input = inputs_of(request);
  const bool refused =
      refuses && std::ranges::any_of(input, [this](const auto& one) { return refuses(json::serialize(one)); });
  if (refused || now == Act::refuse) {
    return http("400 Bad Request", R"({"error":{"message":"This model's maximum context length is 8192 tokens"}})");
  }
  if (now == Act::rate_limit) {
    return http("429 Too Many Requests", R"({"error":{"message":"slow down"}})", retry_after + "\r\n");
  }
  if (now == Act::fail) return http("500 Internal Server Error", "oops");
  if (now == Act::unauthorized) {
    return http("401 Unauthorized", R"({"error":{"message":"Incorrect API key provided: sk-secret"}})");
  }
  if (now == Act::no_json) return http("200 OK", R"({"data":[{"index":0,"embedding":[NaN]}]})");
  std::uint32_t dimensions = 0;
  if (const auto* wanted = request.if_contains("dimensions")) dimensions = wanted->to_number<std::uint32_t>();
  auto vectors = vectors_of(now, input, dimensions);
  std::string body;
  std::string headers;
  if (path == "/v1/embeddings") {
    body = openai_body(now, input, std::move(vectors));
  } else {
    json::array all;
    for (const auto& vector : vectors) all.push_back(array_of(vector));
    if (now == Act::null_number) all.front().as_array()[0] = nullptr;
    if (now == Act::huge_number) all.front().as_array()[0] = 1e300;
    if (path == "/api/embed") {
      json::object whole;
      whole["model"] = request.at("model");
      whole["prompt_eval_count"] = input.size() * 7;
      whole["embeddings"] = std::move(all);
      body = json::serialize(whole);
    } else if (path == "/embed") {
      headers = "x-compute-tokens: " + std::to_string(input.size() * 7) + "\r\n";
      body = json::serialize(all);
    } else {
      return http("404 Not Found", R"({"error":"no such path"})");
    }
  }
  std::string out = http("200 OK", body, headers);
  if (now == Act::cut_body) out.resize(out.size() - 5);
  return out;
}

std::vector<std::vector<float>> ScriptedUpstream::vectors_of(Act now, const json::array& input,
                                                             std::uint32_t dimensions) {
  std::vector<std::vector<float>> vectors;
  for (const auto& one : input) vectors.push_back(embed_(one, dimensions));
  const std::size_t victim = random() % vectors.size();
  const auto at = vectors.begin() + static_cast<std::ptrdiff_t>(victim);
  if (now == Act::short_vector) at->pop_back();
  if (now == Act::drop_one) vectors.erase(at);
  if (now == Act::double_one) vectors.push_back(vectors[victim]);
  if (std::ranges::find(kRightActs, now) == kRightActs.end()) return vectors;
  inputs += input.size();
  for (const auto& one : input) ++computed[json::serialize(one)];
  return vectors;
}

std::string ScriptedUpstream::openai_body(Act now, const json::array& input, std::vector<std::vector<float>> vectors) {
  std::vector<json::object> items;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    json::object item;
    item["object"] = "embedding";
    if (now == Act::base64) {
      item["embedding"] = base64_of(vectors[i]);
    } else {
      item["embedding"] = array_of(vectors[i]);
    }
    item["index"] = i % input.size();
    items.push_back(std::move(item));
  }
  if (!items.empty()) {
    const std::size_t victim = random() % items.size();
    if (now == Act::index_beyond) items[victim]["index"] = input.size();
    if (now == Act::null_number) items[victim]["embedding"].as_array()[0] = nullptr;
    if (now == Act::huge_number) items[victim]["embedding"].as_array()[0] = 1e300;
    if (now == Act::shuffle) std::ranges::shuffle(items, random);
  }
  json::array data;
  for (auto& item : items) data.push_back(std::move(item));
  json::object usage;
  usage["prompt_tokens"] = input.size() * 7;
  json::object body;
  body["object"] = "list";
  body["data"] = std::move(data);
  body["usage"] = std::move(usage);
  return json::serialize(body);
}

}  // namespace inkwell::test
