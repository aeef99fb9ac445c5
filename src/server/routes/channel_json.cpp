#include "server/routes/channel_json.hpp"

#include <array>
#include <fmt/format.h>
#include <simdjson.h>

namespace inkwell::server {
namespace {

constexpr std::array<std::string_view, 6> kEventFields = {"type",    "data",  "topics",
                                                          "private", "retry", "idempotency_key"};

json::string_view text(std::string_view view) { return {view.data(), view.size()}; }

std::unexpected<Error> refuse(std::string code, std::string message, std::string param) {
  return std::unexpected(
      Error(ErrorKind::invalid_argument, std::move(code), std::move(message)).with_param(std::move(param)));
}

std::string in(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
}

/// The text of a `data` member's value within an event object, if there is one; the last of several.
std::optional<std::string> raw_data(simdjson::ondemand::object object) {
  std::optional<std::string> found;
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return found;
    simdjson::ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return found;
    if (key != "data") continue;
    std::string_view raw;
    if (simdjson::to_json_string(value).get(raw) != simdjson::SUCCESS) return found;
    found.emplace(raw);
  }
  return found;
}

/// Replaces the data of the events named by `wanted` with their text in the body, which has been parsed once already.
/// Numbers, above all, come back as their publisher wrote them.
void keep_text(const std::string& body, const std::vector<bool>& wanted, std::vector<events::Event>& out) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(body);
  simdjson::ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return;
  simdjson::ondemand::array array;
  if (document.get_array().get(array) == simdjson::SUCCESS) {
    std::size_t i = 0;
    for (auto element : array) {
      simdjson::ondemand::object object;
      if (i >= out.size() || element.get_object().get(object) != simdjson::SUCCESS) return;
      auto raw = raw_data(object);
      if (wanted[i] && raw) out[i].data = std::move(*raw);
      ++i;
    }
    return;
  }
  simdjson::ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return;
  auto raw = raw_data(object);
  if (wanted[0] && raw) out[0].data = std::move(*raw);
}

Result<void> read_topics(const json::object& object, std::string_view prefix, events::Event& event) {
  const auto topics = optional_array(object, "topics", prefix);
  if (!topics) return std::unexpected(topics.error());
  if (!*topics) return {};
  for (const auto& topic : **topics) {
    const auto* name = topic.if_string();
    if (!name) return refuse("invalid_type", "Each topic must be a string.", in(prefix, "topics"));
    event.topics.emplace_back(name->data(), name->size());
  }
  return {};
}

Result<void> only_known_fields(const json::object& object, std::string_view prefix) {
  for (const auto& member : object) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::find(kEventFields.begin(), kEventFields.end(), key) == kEventFields.end()) {
      return refuse("unknown_parameter", fmt::format("An event has no field '{}'.", key), in(prefix, key));
    }
  }
  return {};
}

/// Reads one event; `is_text` says whether its data was a string.
Result<events::Event> read_event(const json::object& object, std::string_view prefix, bool& is_text) {
  if (auto known = only_known_fields(object, prefix); !known) return std::unexpected(known.error());
  events::Event event;
  const auto type = optional_string(object, "type", prefix);
  if (!type) return std::unexpected(type.error());
  event.type = type->value_or("");
  const json::value* data = object.if_contains("data");
  if (!data) return refuse("missing_required_parameter", "'data' is required.", in(prefix, "data"));
  const auto* string = data->if_string();
  is_text = string != nullptr;
  if (string) event.data.assign(string->data(), string->size());
  if (auto topics = read_topics(object, prefix, event); !topics) return std::unexpected(topics.error());
  const auto is_private = optional_bool(object, "private", prefix);
  if (!is_private) return std::unexpected(is_private.error());
  event.is_private = is_private->value_or(false);
  const auto retry = optional_integer(object, "retry", 0, events::kMaxRetryMs, prefix);
  if (!retry) return std::unexpected(retry.error());
  if (*retry) event.retry_ms = static_cast<std::uint32_t>(**retry);
  return event;
}

Result<void> check_all(const PublishBody& body) {
  for (std::size_t i = 0; i < body.events.size(); ++i) {
    auto good = events::validate(body.events[i]);
    if (good) continue;
    if (!body.is_array || !good.error().param()) return good;
    Error error = std::move(good.error());
    std::string param = fmt::format("[{}].{}", i, *error.param());
    return std::unexpected(std::move(error).with_param(std::move(param)));
  }
  return {};
}

Result<PublishBody> read_array(const json::array& array, std::vector<bool>& wanted) {
  PublishBody body;
  body.is_array = true;
  if (array.empty() || array.size() > events::kMaxBatchEvents) {
    return refuse("invalid_batch", "An array must hold 1 to 1000 events.", "events");
  }
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string prefix = fmt::format("[{}]", i);
    const auto* object = array[i].if_object();
    if (!object) return refuse("invalid_type", "Each element must be an object.", prefix);
    if (object->contains("idempotency_key")) {
      return refuse("invalid_parameter", "An array is published as one: its key belongs in the Idempotency-Key header.",
                    in(prefix, "idempotency_key"));
    }
    bool is_text = true;
    auto event = read_event(*object, prefix, is_text);
    if (!event) return std::unexpected(event.error());
    body.events.push_back(std::move(*event));
    wanted.push_back(!is_text);
  }
  return body;
}

Result<PublishBody> read_one(const json::object& object, std::vector<bool>& wanted) {
  PublishBody body;
  bool is_text = true;
  auto event = read_event(object, {}, is_text);
  if (!event) return std::unexpected(event.error());
  body.events.push_back(std::move(*event));
  wanted.push_back(!is_text);
  const auto key = optional_string(object, "idempotency_key");
  if (!key) return std::unexpected(key.error());
  if (*key) body.idempotency_key.emplace(**key);
  return body;
}

}  // namespace

Result<PublishBody> parse_publish(const HttpRequest& request) {
  const auto value = json_body(request);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object() && !value->is_array()) {
    return fail(ErrorKind::invalid_argument, "invalid_json", "The body must be a JSON object or an array of objects.");
  }
  std::vector<bool> wanted;
  auto body = value->is_array() ? read_array(value->get_array(), wanted) : read_one(value->get_object(), wanted);
  if (!body) return body;
  if (std::find(wanted.begin(), wanted.end(), true) != wanted.end()) keep_text(request.body, wanted, body->events);
  if (auto good = check_all(*body); !good) return std::unexpected(good.error());
  const auto header = request.header("Idempotency-Key");
  if (header && !body->idempotency_key) body->idempotency_key.emplace(*header);
  if (body->idempotency_key &&
      (body->idempotency_key->empty() || body->idempotency_key->size() > events::kMaxIdempotencyKeyBytes)) {
    return refuse("invalid_idempotency_key", "An idempotency key must have 1 to 256 bytes.", "idempotency_key");
  }
  return body;
}

json::object event_json(std::string_view channel, const events::StoredEvent& event) {
  json::object out;
  out["object"] = "event";
  out["id"] = event.id.to_string();
  out["channel"] = text(channel);
  out["created_at"] = event.id.milliseconds / 1000;
  if (event.event.type.empty()) {
    out["type"] = nullptr;
  } else {
    out["type"] = event.event.type;
  }
  out["data"] = event.event.data;
  json::array topics;
  for (const auto& topic : event.event.topics) topics.emplace_back(topic);
  out["topics"] = std::move(topics);
  out["private"] = event.event.is_private;
  if (event.event.retry_ms) out["retry"] = *event.event.retry_ms;
  return out;
}

json::object published_json(std::string_view channel, events::EventId id) {
  json::object out;
  out["object"] = "event";
  out["id"] = id.to_string();
  out["channel"] = text(channel);
  out["created_at"] = id.milliseconds / 1000;
  return out;
}

json::object page_json(std::string_view channel, const events::LogPage& page) {
  json::object out;
  out["object"] = "list";
  json::array data;
  for (const auto& event : page.events) data.push_back(event_json(channel, event));
  out["data"] = std::move(data);
  if (page.events.empty()) {
    out["first_id"] = nullptr;
    out["last_id"] = nullptr;
  } else {
    out["first_id"] = page.events.front().id.to_string();
    out["last_id"] = page.events.back().id.to_string();
  }
  out["has_more"] = page.has_more;
  if (page.gap) {
    json::object gap;
    gap["from"] = nullptr;
    gap["to"] = nullptr;
    if (page.gap->from != events::kNoEvent) gap["from"] = page.gap->from.to_string();
    if (page.gap->to) gap["to"] = page.gap->to->to_string();
    gap["reason"] = text(events::name_of(page.gap->reason));
    out["gap"] = std::move(gap);
  }
  return out;
}

}  // namespace inkwell::server
