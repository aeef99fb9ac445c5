// The Mercure hub (https://mercure.rocks/spec): publish (POST) and subscribe (GET). /.well-known/mercure is the channel
// "default"; every channel has an endpoint of its own beside it.
#include <algorithm>
#include <boost/beast/core/string.hpp>

#include "events/node.hpp"
#include "server/jwt/grants.hpp"
#include "server/router.hpp"
#include "server/routes/channel_request.hpp"
#include "server/routes/mercure_request.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/sse/event_stream.hpp"
#include "server/target.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

constexpr std::size_t kMaxFormBytes = 1U << 20;
constexpr std::string_view kDefaultChannel = "default";

Result<std::string> hub_of(const HttpRequest& request) {
  if (request.path_params.empty()) return channel_of(request, kDefaultChannel);
  const auto name = request.path_param("name");
  if (auto good = events::validate_channel_name(name); !good) return std::unexpected(good.error());
  return channel_of(request, name);
}

Result<FormFields> form_of(const HttpRequest& request) {
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  const auto type = request.header("Content-Type").value_or("");
  if (!boost::beast::iequals(type.substr(0, type.find_first_of("; \t")), kForm)) {
    return std::unexpected(Error(ErrorKind::invalid_argument, "unsupported_content_type",
                                 "The body must be application/x-www-form-urlencoded."));
  }
  return parse_query(request.body);
}

/// Who may read which private events here: by the topics its credentials name.
events::PrivateEvents readable_by(const Identity& identity) {
  if (identity.grants) return events::PrivateEvents::matching(identity.grants->readable());
  return private_events_of(identity);
}

bool may_publish(const Identity& identity, const events::Event& event) {
  return !identity.grants || std::ranges::all_of(event.topics, [&](const std::string& topic) {
    return identity.grants->may_publish(topic);
  });
}

asio::awaitable<HandlerResult> publish(Worker& worker, HttpRequest& request) {
  const auto channel = hub_of(request);
  if (!channel) co_return error_response(channel.error());
  const auto fields = form_of(request);
  if (!fields) co_return error_response(fields.error());
  auto event = read_update(*fields);
  if (!event) co_return error_response(event.error());
  if (!may_publish(request.identity, *event)) co_return error_response(insufficient_scope(request.identity));
  std::optional<std::string> key;
  if (const auto header = request.header("Idempotency-Key")) {
    if (header->empty() || header->size() > events::kMaxIdempotencyKeyBytes) {
      co_return error_response(
          Error(ErrorKind::invalid_argument, "invalid_parameter", "An Idempotency-Key must have 1 to 256 bytes."));
    }
    key = *header;
  }
  std::vector<events::Event> batch;
  batch.push_back(std::move(*event));
  const auto published = co_await worker.events().publish(*channel, std::move(batch), std::move(key));
  if (!published) co_return error_response(published.error());
  HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = published->ids.front().to_string();
  co_return response;
}

asio::awaitable<HandlerResult> subscribe(Worker& worker, HttpRequest& request) {
  auto channel = hub_of(request);
  if (!channel) co_return error_response(channel.error());
  auto selector = read_matchers(request.query, readable_by(request.identity));
  if (!selector) co_return error_response(selector.error());
  EventStreamRequest wanted;
  wanted.channel = std::move(*channel);
  wanted.selector = std::move(*selector);
  const bool legacy =
      std::ranges::all_of(request.query, [](const auto& param) { return !param.first.starts_with("match"); });
  const auto field = legacy ? kLegacyCursorField : kCursorField;
  if (auto refused = begin_stream(worker, request, wanted, field)) co_return std::move(*refused);
  StreamTakeover takeover;
  takeover.take = [&streams = worker.event_streams(), wanted = std::move(wanted)](StreamSocket socket) mutable {
    streams.open(std::move(socket), std::move(wanted));
  };
  HandlerResult result = std::move(takeover);
  co_return result;
}

/// A subscription whose parameters stand in the body, where there is room for more of them. They join those of the URL,
/// which come first: a cursor in both is the URL's.
asio::awaitable<HandlerResult> query(Worker& worker, HttpRequest& request) {
  auto fields = form_of(request);
  if (!fields) co_return error_response(fields.error());
  std::ranges::move(*fields, std::back_inserter(request.query));
  auto result = co_await subscribe(worker, request);
  co_return result;
}

}  // namespace

void add_mercure_routes(Router& router) {
  for (const char* path : {"/.well-known/mercure", "/v1/channels/{name}/mercure"}) {
    router.add({.method = http::verb::post,
                .path = path,
                .access = Access::topics,
                .handler = publish,
                .max_body_bytes = kMaxFormBytes});
    router.add({.method = http::verb::get, .path = path, .access = Access::topics, .handler = subscribe});
    router.add({.method = http::verb::unknown,
                .path = path,
                .access = Access::topics,
                .handler = query,
                .max_body_bytes = kMaxFormBytes});
  }
}

}  // namespace inkwell::server
