#include "server/routes/channel_request.hpp"

#include <algorithm>

#include "keyspace/key.hpp"
#include "server/jwt/grants.hpp"
#include "server/shared.hpp"
#include "server/sse/event_stream.hpp"
#include "server/target.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

constexpr std::string_view kCursorParams[] = {"last_event_id", "lastEventID", "lastEventId"};

}  // namespace

std::string channel_of(const HttpRequest& request, std::string_view name) {
  return keyspace::name_in_tenant(request.identity.tenant, name);
}

Error insufficient_scope(const Identity& identity) {
  // Clients of the form that came before RFC 6750's errors know 401 for both.
  const bool legacy = identity.grants && identity.grants->form() == Grants::Form::legacy;
  return {legacy ? ErrorKind::unauthenticated : ErrorKind::permission_denied, "insufficient_scope",
          "The credentials don't allow this."};
}

Result<std::string> open_channel(const HttpRequest& request, ChannelUse use) {
  const auto name = request.path_param("name");
  if (auto good = events::validate_channel_name(name); !good) return std::unexpected(good.error());
  const Identity& identity = request.identity;
  if (identity.grants) {
    if (identity.anonymous) {
      return fail(ErrorKind::unauthenticated, "missing_credentials", "This path needs credentials.");
    }
    const std::string path = "/v1/channels/" + percent_encode(name) + "/events";
    const bool allowed =
        use == ChannelUse::publish ? identity.grants->may_publish(path) : identity.grants->may_read(path);
    if (!allowed) return std::unexpected(insufficient_scope(identity));
  }
  return channel_of(request, name);
}

events::PrivateEvents private_events_of(const Identity& identity) {
  return identity.anonymous ? events::PrivateEvents::withheld() : events::PrivateEvents::readable();
}

std::string_view cursor_of(const HttpRequest& request) {
  if (const auto header = request.header("Last-Event-ID"); header && !header->empty()) return *header;
  for (const auto name : kCursorParams) {
    if (const auto value = request.query_param(name); value && !value->empty()) return *value;
  }
  return {};
}

bool wants_json(const HttpRequest& request) {
  const auto accept = request.header("Accept");
  return accept && accept->find("application/json") != std::string_view::npos &&
         accept->find("text/event-stream") == std::string_view::npos;
}

namespace {

bool names_cursor(const HttpRequest& request) {
  return request.header("Last-Event-ID") || std::ranges::any_of(kCursorParams, [&](std::string_view name) {
           return request.query_param(name).has_value();
         });
}

}  // namespace

std::optional<HttpResponse> begin_stream(Worker& worker, const HttpRequest& request, EventStreamRequest& wanted,
                                         std::string_view cursor_field) {
  auto admitted = worker.shared().stream_limits.admit(request.peer.address().to_string());
  if (!admitted) {
    // Of one client, not of the server: a 503 would take a whole node out of a load balancer.
    HttpResponse response = error_response(admitted.error());
    response.status = http::status::too_many_requests;
    return response;
  }
  wanted.ticket = std::move(*admitted);
  wanted.expires_at = request.identity.expires_at;
  if (const auto cursor = cursor_of(request); !cursor.empty()) wanted.start = events::start_after(cursor);
  wanted.head = {.request_id = request.request_id, .lines = worker.shared().cors.lines_for(request)};
  if (names_cursor(request)) wanted.head.cursor_field = cursor_field;
  return std::nullopt;
}

}  // namespace inkwell::server
