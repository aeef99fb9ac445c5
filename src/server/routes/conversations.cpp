// The OpenAI Conversations API: /v1/conversations and the items below it, in the API's shapes, limits and wording.
#include "conversations/conversations.hpp"

#include <fmt/format.h>

#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/routes.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using conversations::Conversation;
using conversations::Item;
using conversations::NewItem;

HttpResponse json_text(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

HttpResponse conversation_response(const Conversation& conversation) {
  return json_text(fmt::format(R"({{"id":"{}","object":"conversation","created_at":{},"metadata":{}}})",
                               conversation.id, conversation.created_at, conversation.metadata));
}

HttpResponse items_response(const std::vector<Item>& items, bool has_more) {
  std::string body = R"({"object":"list","data":[)";
  for (const auto& item : items) {
    if (&item != &items.front()) body += ',';
    body += item.json;
  }
  const auto id = [&](const Item& item) { return fmt::format(R"("{}")", item.id); };
  body += fmt::format(R"(],"first_id":{},"last_id":{},"has_more":{}}})", items.empty() ? "null" : id(items.front()),
                      items.empty() ? "null" : id(items.back()), has_more);
  return json_text(std::move(body));
}

Error invalid(std::string code, std::string message, std::string param) {
  return Error(ErrorKind::invalid_argument, std::move(code), std::move(message)).with_param(std::move(param));
}

Result<conversations::Metadata> metadata_of(const json::object& body) {
  auto object = optional_object(body, "metadata");
  if (!object) return std::unexpected(std::move(object.error()));
  conversations::Metadata metadata;
  if (*object == nullptr) return metadata;
  for (const auto& [key, value] : **object) {
    if (!value.is_string()) {
      return std::unexpected(invalid("invalid_type", "The values of metadata must be strings.",
                                     fmt::format("metadata.{}", std::string(key))));
    }
    metadata.emplace_back(key, value.get_string());
  }
  return metadata;
}

Result<std::vector<NewItem>> items_of(const HttpRequest& request, const json::array& items, std::size_t most) {
  if (items.size() > most) {
    return std::unexpected(
        invalid("array_above_max_length",
                fmt::format("Invalid 'items': array too long. Expected an array with maximum length {}, but got "
                            "an array with length {} instead.",
                            most, items.size()),
                "items"));
  }
  const auto texts = conversations::raw_elements(request.body, "items");
  std::vector<NewItem> normalised;
  normalised.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto param = fmt::format("items[{}]", i);
    if (!items[i].is_object()) return std::unexpected(invalid("invalid_type", "An item must be an object.", param));
    auto item = conversations::normalise_item(texts[i], items[i].get_object(), param);
    if (!item) return std::unexpected(std::move(item.error()));
    normalised.push_back(std::move(*item));
  }
  return normalised;
}

/// An id that isn't one of ours names nothing.
std::optional<HttpResponse> foreign_id(const HttpRequest& request) {
  const auto id = request.path_param("id");
  if (conversations::is_conversation_id(id)) return std::nullopt;
  return error_response(
      Error(ErrorKind::not_found, "conversation_not_found", fmt::format("Conversation with id '{}' not found.", id)));
}

/// A write whose answer was lost may be there: the client is told how to find out.
HttpResponse write_error(const Error& error) {
  if (!error.outcome_unknown()) return error_response(error);
  return error_response(
      Error(ErrorKind::unavailable, "outcome_unknown",
            "The connection to Redis was lost before it answered: the change may or may not have been made.",
            "Read the conversation before you repeat it.")
          .with_retry_after(error.retry_after().value_or(std::chrono::seconds(1)))
          .with_unknown_outcome());
}

asio::awaitable<HandlerResult> create(Worker& worker, HttpRequest& request) {
  auto body = optional_json_object_body(request);
  if (!body) co_return error_response(body.error());
  auto metadata = metadata_of(*body);
  if (!metadata) co_return error_response(metadata.error());
  auto array = optional_array(*body, "items");
  if (!array) co_return error_response(array.error());
  std::vector<NewItem> items;
  if (*array != nullptr) {
    auto normalised = items_of(request, **array, conversations::kMaxItemsAtCreation);
    if (!normalised) co_return error_response(normalised.error());
    items = std::move(*normalised);
  }
  auto made = co_await worker.conversations().create(std::move(*metadata), std::move(items));
  if (!made) co_return write_error(made.error());
  co_return conversation_response(*made);
}

asio::awaitable<HandlerResult> retrieve(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto got = co_await worker.conversations().get(std::string(request.path_param("id")));
  if (!got) co_return error_response(got.error());
  co_return conversation_response(*got);
}

asio::awaitable<HandlerResult> update(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto body = json_object_body(request);
  if (!body) co_return error_response(body.error());
  if (!body->contains("metadata")) {
    co_return error_response(
        invalid("missing_required_parameter", "Missing required parameter: 'metadata'.", "metadata"));
  }
  auto metadata = metadata_of(*body);
  if (!metadata) co_return error_response(metadata.error());
  auto updated = co_await worker.conversations().update(std::string(request.path_param("id")), std::move(*metadata));
  if (!updated) co_return write_error(updated.error());
  co_return conversation_response(*updated);
}

asio::awaitable<HandlerResult> erase(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  const std::string id(request.path_param("id"));
  auto erased = co_await worker.conversations().erase(id);
  if (!erased) co_return write_error(erased.error());
  co_return json_text(fmt::format(R"({{"id":"{}","object":"conversation.deleted","deleted":true}})", id));
}

asio::awaitable<HandlerResult> append(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto body = json_object_body(request);
  if (!body) co_return error_response(body.error());
  auto array = required_array(*body, "items");
  if (!array) co_return error_response(array.error());
  if ((*array)->empty()) {
    co_return error_response(
        invalid("empty_array", "Invalid 'items': empty array. Expected an array with minimum length 1.", "items"));
  }
  auto items = items_of(request, **array, conversations::kMaxItemsAtOnce);
  if (!items) co_return error_response(items.error());
  auto stored = co_await worker.conversations().append(std::string(request.path_param("id")), std::move(*items));
  if (!stored) co_return write_error(stored.error());
  co_return items_response(*stored, false);
}

asio::awaitable<HandlerResult> list(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  const auto limit = query_integer(request, "limit", 1, conversations::kMaxPage);
  if (!limit) co_return error_response(limit.error());
  const auto wanted = request.query_param("order").value_or("desc");
  if (wanted != "asc" && wanted != "desc") {
    co_return error_response(invalid("invalid_value", "Invalid value for 'order': must be 'asc' or 'desc'.", "order"));
  }
  const auto order = wanted == "asc" ? conversations::Order::ascending : conversations::Order::descending;
  const auto size = static_cast<int>(limit->value_or(conversations::kDefaultPage));
  const std::string after(request.query_param("after").value_or(""));
  auto page = co_await worker.conversations().list(std::string(request.path_param("id")), order, size, after);
  if (!page) co_return error_response(page.error());
  co_return items_response(page->items, page->has_more);
}

asio::awaitable<HandlerResult> retrieve_item(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  std::string id(request.path_param("id"));
  std::string item_id(request.path_param("item_id"));
  auto item = co_await worker.conversations().item(std::move(id), std::move(item_id));
  if (!item) co_return error_response(item.error());
  co_return json_text(std::move(item->json));
}

asio::awaitable<HandlerResult> erase_item(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  std::string id(request.path_param("id"));
  std::string item_id(request.path_param("item_id"));
  auto conversation = co_await worker.conversations().erase_item(std::move(id), std::move(item_id));
  if (!conversation) co_return write_error(conversation.error());
  co_return conversation_response(*conversation);
}

}  // namespace

void add_conversation_routes(Router& router) {
  using http::verb;
  router.add({.method = verb::post, .path = "/v1/conversations", .handler = create});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}", .handler = retrieve});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}", .handler = update});
  router.add({.method = verb::delete_, .path = "/v1/conversations/{id}", .handler = erase});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}/items", .handler = list});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}/items", .handler = append});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}/items/{item_id}", .handler = retrieve_item});
  router.add({.method = verb::delete_, .path = "/v1/conversations/{id}/items/{item_id}", .handler = erase_item});
}

}  // namespace inkwell::server
