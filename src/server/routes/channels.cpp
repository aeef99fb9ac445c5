// Channels: publish (POST), follow as an event stream (GET, text/event-stream) and read history (GET,
// application/json), all of /v1/channels/{name}/events.
#include <boost/beast/core/string.hpp>

#include "events/node.hpp"
#include "events/selector.hpp"
#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/channel_json.hpp"
#include "server/routes/channel_request.hpp"
#include "server/routes/routes.hpp"
#include "server/sse/event_stream.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

constexpr std::size_t kMaxPublishBytes = 1U << 20;
constexpr std::int64_t kDefaultPage = 50;
constexpr std::int64_t kLargestPage = 1000;

std::unique_ptr<const events::Selector> selector_of(const HttpRequest& request) {
  std::vector<std::string> topics;
  for (const auto& [name, value] : request.query) {
    if (name == "topic") topics.push_back(value);
  }
  if (topics.empty()) return nullptr;
  return std::make_unique<events::TopicSelector>(std::move(topics));
}

asio::awaitable<HandlerResult> publish(Worker& worker, HttpRequest& request) {
  const std::string channel(request.path_param("name"));
  if (auto good = events::validate_channel_name(channel); !good) co_return error_response(good.error());
  auto body = parse_publish(request);
  if (!body) co_return error_response(body.error());
  auto published = co_await worker.events().publish(channel_of(request, channel), std::move(body->events),
                                                    std::move(body->idempotency_key));
  if (!published) co_return error_response(published.error());
  json::array list;
  for (const auto id : published->ids) list.push_back(published_json(channel, id));
  json::value answer;
  if (body->is_array) {
    json::object object;
    object["object"] = "list";
    object["data"] = std::move(list);
    answer = std::move(object);
  } else {
    answer = std::move(list.front());
  }
  HttpResponse response = json_response(answer);
  if (published->replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  co_return response;
}

asio::awaitable<HandlerResult> history(Worker& worker, HttpRequest& request) {
  const std::string channel(request.path_param("name"));
  const auto limit = query_integer(request, "limit", 1, kLargestPage);
  if (!limit) co_return error_response(limit.error());
  std::string_view cursor = request.query_param("after").value_or("");
  if (cursor.empty()) cursor = cursor_of(request);
  events::Log::After after;
  if (!cursor.empty()) {
    const auto start = events::start_after(cursor);
    using From = events::Log::After::Kind;
    after.id = start.id;
    after.kind = start.kind == events::Start::Kind::oldest  ? From::oldest
                 : start.kind == events::Start::Kind::after ? From::event
                                                            : From::malformed;
  }
  const auto size = static_cast<std::size_t>(limit->value_or(kDefaultPage));
  auto page = co_await worker.events().history(channel_of(request, channel), after, size);
  if (!page) co_return error_response(page.error());
  HttpResponse response = json_response(page_json(channel, *page));
  response.headers.emplace_back("Cache-Control", "no-store");
  co_return response;
}

HandlerResult stream(Worker& worker, const HttpRequest& request) {
  EventStreamRequest wanted;
  if (auto refused = refuse_stream(worker, request, wanted.ticket)) return std::move(*refused);
  wanted.channel = channel_of(request, request.path_param("name"));
  wanted.selector = selector_of(request);
  wanted.request_id = request.request_id;
  if (const auto cursor = cursor_of(request); !cursor.empty()) wanted.start = events::start_after(cursor);
  StreamTakeover takeover;
  takeover.take = [&streams = worker.event_streams(), wanted = std::move(wanted)](StreamSocket socket) mutable {
    streams.open(std::move(socket), std::move(wanted));
  };
  return takeover;
}

asio::awaitable<HandlerResult> follow(Worker& worker, HttpRequest& request) {
  if (auto good = events::validate_channel_name(request.path_param("name")); !good) {
    co_return error_response(good.error());
  }
  if (!wants_json(request)) co_return stream(worker, request);
  auto answer = co_await history(worker, request);
  co_return answer;
}

}  // namespace

void add_channel_routes(Router& router) {
  router.add({.method = http::verb::post,
              .path = "/v1/channels/{name}/events",
              .handler = publish,
              .max_body_bytes = kMaxPublishBytes});
  router.add({.method = http::verb::get, .path = "/v1/channels/{name}/events", .handler = follow});
}

}  // namespace inkwell::server
