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

using From = events::Log::After::Kind;

std::unique_ptr<const events::Selector> selector_of(const HttpRequest& request) {
  auto private_events = private_events_of(request.identity);
  std::vector<std::string> topics;
  for (const auto& [name, value] : request.query) {
    if (name == "topic") topics.push_back(value);
  }
  if (topics.empty() && private_events.all()) return nullptr;
  return std::make_unique<events::TopicSelector>(std::move(topics), std::move(private_events));
}

asio::awaitable<HandlerResult> publish(Worker& worker, HttpRequest& request) {
  auto opened = open_channel(request, ChannelUse::publish);
  if (!opened) co_return error_response(opened.error());
  const std::string channel(request.path_param("name"));
  auto body = parse_publish(request);
  if (!body) co_return error_response(body.error());
  auto published =
      co_await worker.events().publish(std::move(*opened), std::move(body->events), std::move(body->idempotency_key));
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

/// A page of what may be read; without a cursor, of the newest `limit` events those that may. Where private events are
/// left out, it goes on until the page is full or the log at its end, so that the last event of a page is one that may
/// be known of.
asio::awaitable<Result<events::LogPage>> readable_page(Worker& worker, std::string channel, events::Log::After after,
                                                       std::size_t limit, events::PrivateEvents private_events) {
  events::LogPage page;
  for (bool first = true;; first = false) {
    auto more = co_await worker.events().history(channel, after, limit);
    if (!more) co_return std::unexpected(more.error());
    if (first) page.gap = more->gap;
    if (!more->events.empty()) after = {.kind = From::event, .id = more->events.back().id};
    page.has_more = more->has_more;
    for (auto& event : more->events) {
      if (event.event.is_private && !private_events.readable(event.event.topics)) continue;
      if (page.events.size() == limit) {
        page.has_more = true;
        co_return page;
      }
      page.events.push_back(std::move(event));
    }
    if (!page.has_more || page.events.size() == limit) co_return page;
  }
}

asio::awaitable<HandlerResult> history(Worker& worker, HttpRequest& request, std::string opened) {
  const std::string channel(request.path_param("name"));
  const auto limit = query_integer(request, "limit", 1, kLargestPage);
  if (!limit) co_return error_response(limit.error());
  std::string_view cursor = request.query_param("after").value_or("");
  if (cursor.empty()) cursor = cursor_of(request);
  events::Log::After after;
  if (!cursor.empty()) {
    const auto start = events::start_after(cursor);
    after.id = start.id;
    after.kind = start.kind == events::Start::Kind::oldest  ? From::oldest
                 : start.kind == events::Start::Kind::after ? From::event
                                                            : From::malformed;
  }
  const auto size = static_cast<std::size_t>(limit->value_or(kDefaultPage));
  auto page = co_await readable_page(worker, std::move(opened), after, size, private_events_of(request.identity));
  if (!page) co_return error_response(page.error());
  HttpResponse response = json_response(page_json(channel, *page));
  response.headers.emplace_back("Cache-Control", "no-store");
  co_return response;
}

HandlerResult stream(Worker& worker, const HttpRequest& request, std::string opened) {
  EventStreamRequest wanted;
  if (auto refused = begin_stream(worker, request, wanted)) return std::move(*refused);
  wanted.channel = std::move(opened);
  wanted.selector = selector_of(request);
  StreamTakeover takeover;
  takeover.take = [&streams = worker.event_streams(), wanted = std::move(wanted)](StreamSocket socket) mutable {
    streams.open(std::move(socket), std::move(wanted));
  };
  return takeover;
}

asio::awaitable<HandlerResult> follow(Worker& worker, HttpRequest& request) {
  auto opened = open_channel(request, ChannelUse::read);
  if (!opened) co_return error_response(opened.error());
  if (!wants_json(request)) co_return stream(worker, request, std::move(*opened));
  auto answer = co_await history(worker, request, std::move(*opened));
  co_return answer;
}

}  // namespace

void add_channel_routes(Router& router) {
  router.add({.method = http::verb::post,
              .path = "/v1/channels/{name}/events",
              .access = Access::topics,
              .handler = publish,
              .max_body_bytes = kMaxPublishBytes});
  router.add(
      {.method = http::verb::get, .path = "/v1/channels/{name}/events", .access = Access::topics, .handler = follow});
}

}  // namespace inkwell::server
