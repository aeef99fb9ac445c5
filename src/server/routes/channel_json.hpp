// The JSON form of events: what a publisher posts, and what history and publishing answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/log.hpp"
#include "server/http.hpp"
#include "server/json.hpp"

namespace inkwell::server {

struct PublishBody {
  std::vector<events::Event> events;
  std::optional<std::string> idempotency_key;
  bool is_array = false;
};

/// One event, or an array of them, as `POST /v1/channels/{name}/events` takes them; every event is valid. A `data` that
/// is no string is kept as the very text it had in the body.
Result<PublishBody> parse_publish(const HttpRequest& request);

json::object event_json(std::string_view channel, const events::StoredEvent& event);
json::object published_json(std::string_view channel, events::EventId id);
json::object page_json(std::string_view channel, const events::LogPage& page);

}  // namespace inkwell::server
