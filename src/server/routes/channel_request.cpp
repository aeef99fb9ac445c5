#include "server/routes/channel_request.hpp"

namespace inkwell::server {

std::string_view cursor_of(const HttpRequest& request) {
  if (const auto header = request.header("Last-Event-ID"); header && !header->empty()) return *header;
  for (const std::string_view name : {"last_event_id", "lastEventID", "lastEventId"}) {
    if (const auto value = request.query_param(name); value && !value->empty()) return *value;
  }
  return {};
}

bool wants_json(const HttpRequest& request) {
  const auto accept = request.header("Accept");
  return accept && accept->find("application/json") != std::string_view::npos &&
         accept->find("text/event-stream") == std::string_view::npos;
}

}  // namespace inkwell::server
