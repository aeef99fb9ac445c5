// The OpenAI Conversations API: /v1/conversations and the items below it, in the API's shapes, limits and wording; and
// what goes beyond it: lifetimes, versions, repeatable writes, windows, pop.
#include "conversations/conversations.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "events/node.hpp"
#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/channel_request.hpp"
#include "server/routes/conversation_answer.hpp"
#include "server/routes/conversation_request.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

Error invalid(std::string code, std::string message, std::string param) {
  return Error(ErrorKind::invalid_argument, std::move(code), std::move(message)).with_param(std::move(param));
}

/// Publishes what was appended, once for each version, in the channel "conversation:ID". Nothing when that fails: the
/// items are stored all the same.
asio::awaitable<std::optional<events::EventId>> tell_of_append(Worker& worker, const HttpRequest& request,
                                                               const std::string& id,
                                                               const conversations::Items& stored) {
  json::array ids;
  for (const auto& item : stored.items) ids.emplace_back(item.id);
  json::object data;
  data["object"] = "conversation.event";
  data["conversation_id"] = id;
  data["version"] = stored.version;
  data["item_ids"] = std::move(ids);
  std::vector<events::Event> batch(1);
  batch.front().type = "conversation.items.created";
  batch.front().data = json::serialize(data);
  std::string channel = channel_of(request, "conversation:" + id);
  auto key = std::make_optional(fmt::format("version-{}", stored.version));
  auto published = co_await worker.events().publish(std::move(channel), std::move(batch), std::move(key));
  if (!published) co_return std::nullopt;
  co_return published->ids.front();
}

Result<conversations::NewConversation> new_conversation_of(const HttpRequest& request) {
  auto body = optional_json_object_body(request);
  if (!body) return std::unexpected(std::move(body.error()));
  auto metadata = metadata_of(*body);
  if (!metadata) return std::unexpected(std::move(metadata.error()));
  auto lifetime = lifetime_of(*body);
  if (!lifetime) return std::unexpected(std::move(lifetime.error()));
  auto array = optional_array(*body, "items");
  if (!array) return std::unexpected(std::move(array.error()));
  conversations::NewConversation wanted;
  wanted.metadata = std::move(*metadata);
  wanted.lifetime = *lifetime;
  if (*array != nullptr) {
    auto items = new_items_of(request, **array, conversations::kMaxItemsAtCreation);
    if (!items) return std::unexpected(std::move(items.error()));
    wanted.items = std::move(*items);
  }
  return wanted;
}

asio::awaitable<HandlerResult> create(Worker& worker, HttpRequest& request) {
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto wanted = new_conversation_of(request);
  if (!wanted) co_return error_response(wanted.error());
  auto conversations = worker.conversations(request.identity);
  auto made = co_await conversations.create(std::move(*wanted), std::move(*write));
  if (!made) co_return write_error(made.error());
  co_return conversation_response(*made);
}

asio::awaitable<HandlerResult> retrieve(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto conversations = worker.conversations(request.identity);
  auto got = co_await conversations.get(std::string(request.path_param("id")));
  if (!got) co_return error_response(got.error());
  co_return unless_known(request, conversation_response(*got));
}

asio::awaitable<HandlerResult> update(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto body = json_object_body(request);
  if (!body) co_return error_response(body.error());
  auto lifetime = lifetime_of(*body);
  if (!lifetime) co_return error_response(lifetime.error());
  if (!body->contains("metadata") && !*lifetime) {
    co_return error_response(
        invalid("missing_required_parameter", "Missing required parameter: 'metadata'.", "metadata"));
  }
  conversations::Change change;
  change.lifetime = *lifetime;
  if (body->contains("metadata")) {
    auto metadata = metadata_of(*body);
    if (!metadata) co_return error_response(metadata.error());
    change.metadata = std::move(*metadata);
  }
  std::string id(request.path_param("id"));
  auto conversations = worker.conversations(request.identity);
  auto updated = co_await conversations.update(std::move(id), std::move(change), std::move(*write));
  if (!updated) co_return write_error(updated.error());
  co_return conversation_response(*updated);
}

asio::awaitable<HandlerResult> erase(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  const std::string id(request.path_param("id"));
  auto conversations = worker.conversations(request.identity);
  auto erased = co_await conversations.erase(id, std::move(*write));
  if (!erased) co_return write_error(erased.error());
  co_return json_text(fmt::format(R"({{"id":"{}","object":"conversation.deleted","deleted":true}})", id));
}

asio::awaitable<HandlerResult> append(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto body = json_object_body(request);
  if (!body) co_return error_response(body.error());
  auto array = required_array(*body, "items");
  if (!array) co_return error_response(array.error());
  if ((*array)->empty()) {
    co_return error_response(
        invalid("empty_array", "Invalid 'items': empty array. Expected an array with minimum length 1.", "items"));
  }
  auto items = new_items_of(request, **array, conversations::kMaxItemsAtOnce);
  if (!items) co_return error_response(items.error());
  const std::string id(request.path_param("id"));
  auto conversations = worker.conversations(request.identity);
  auto stored = co_await conversations.append(id, std::move(*items), std::move(*write));
  if (!stored) co_return write_error(stored.error());
  HttpResponse response = with_version(items_response(stored->items, false), stored->version);
  if (worker.shared().options.conversation_events) {
    const auto event = co_await tell_of_append(worker, request, id, *stored);
    if (event) response.headers.emplace_back("x-inkwell-event", event->to_string());
  }
  co_return response;
}

/// {"count": N}, or nothing for one.
asio::awaitable<HandlerResult> pop(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto body = optional_json_object_body(request);
  if (!body) co_return error_response(body.error());
  const auto count = optional_integer(*body, "count", 1, conversations::kMaxPage);
  if (!count) co_return error_response(count.error());
  std::string id(request.path_param("id"));
  const auto most = static_cast<int>(count->value_or(1));
  auto conversations = worker.conversations(request.identity);
  auto popped = co_await conversations.pop(std::move(id), most, std::move(*write));
  if (!popped) co_return write_error(popped.error());
  co_return with_version(items_response(popped->items, false), popped->version);
}

/// {"item_id", "metadata", "expires_after"}, each of which may be left out.
asio::awaitable<HandlerResult> fork(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto body = optional_json_object_body(request);
  if (!body) co_return error_response(body.error());
  const auto last = optional_string(*body, "item_id");
  if (!last) co_return error_response(last.error());
  auto lifetime = lifetime_of(*body);
  if (!lifetime) co_return error_response(lifetime.error());
  conversations::Fork wanted;
  wanted.last_item = last->value_or("");
  wanted.lifetime = *lifetime;
  if (body->contains("metadata")) {
    auto metadata = metadata_of(*body);
    if (!metadata) co_return error_response(metadata.error());
    wanted.metadata = std::move(*metadata);
  }
  std::string id(request.path_param("id"));
  auto conversations = worker.conversations(request.identity);
  auto made = co_await conversations.fork(std::move(id), std::move(wanted), std::move(*write));
  if (!made) co_return write_error(made.error());
  co_return conversation_response(*made);
}

/// Those of the request's owner; of ?owner= when it has none.
asio::awaitable<HandlerResult> list_conversations(Worker& worker, HttpRequest& request) {
  const auto limit = query_integer(request, "limit", 1, conversations::kMaxPage);
  if (!limit) co_return error_response(limit.error());
  const auto size = static_cast<int>(limit->value_or(conversations::kDefaultPage));
  std::string owner(request.query_param("owner").value_or(""));
  if (!request.identity.owner.empty() && !owner.empty() && owner != request.identity.owner) {
    co_return error_response(Error(ErrorKind::permission_denied, "other_owner",
                                   "The request is made for one owner and asks for another one's conversations.")
                                 .with_param("owner"));
  }
  std::string after(request.query_param("after").value_or(""));
  auto conversations = worker.conversations(request.identity);
  auto page = co_await conversations.list_of(std::move(owner), size, std::move(after));
  if (!page) co_return error_response(page.error());
  co_return conversations_response(*page);
}

asio::awaitable<HandlerResult> list(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  const auto limits = window_of(request);
  if (!limits) co_return error_response(limits.error());
  if (*limits) {
    std::string id(request.path_param("id"));
    auto conversations = worker.conversations(request.identity);
    auto window = co_await conversations.window(std::move(id), **limits);
    if (!window) co_return error_response(window.error());
    co_return unless_known(request, page_response(*window));
  }
  const auto limit = query_integer(request, "limit", 1, conversations::kMaxPage);
  if (!limit) co_return error_response(limit.error());
  const auto wanted = request.query_param("order").value_or("desc");
  if (wanted != "asc" && wanted != "desc") {
    co_return error_response(invalid("invalid_value", "Invalid value for 'order': must be 'asc' or 'desc'.", "order"));
  }
  const auto order = wanted == "asc" ? conversations::Order::ascending : conversations::Order::descending;
  const auto size = static_cast<int>(limit->value_or(conversations::kDefaultPage));
  const std::string after(request.query_param("after").value_or(""));
  auto conversations = worker.conversations(request.identity);
  auto page = co_await conversations.list(std::string(request.path_param("id")), order, size, after);
  if (!page) co_return error_response(page.error());
  co_return unless_known(request, page_response(*page));
}

asio::awaitable<HandlerResult> retrieve_item(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  std::string id(request.path_param("id"));
  std::string item_id(request.path_param("item_id"));
  auto conversations = worker.conversations(request.identity);
  auto item = co_await conversations.item(std::move(id), std::move(item_id));
  if (!item) co_return error_response(item.error());
  HttpResponse response = json_text(std::move(item->json));
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", item->id));  // an item never changes
  co_return unless_known(request, std::move(response));
}

asio::awaitable<HandlerResult> erase_item(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  std::string id(request.path_param("id"));
  std::string item_id(request.path_param("item_id"));
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto conversations = worker.conversations(request.identity);
  auto conversation = co_await conversations.erase_item(std::move(id), std::move(item_id), std::move(*write));
  if (!conversation) co_return write_error(conversation.error());
  co_return conversation_response(*conversation);
}

}  // namespace

void add_conversation_routes(Router& router) {
  using http::verb;
  add_transfer_routes(router);
  router.add({.method = verb::post, .path = "/v1/conversations", .handler = create});
  router.add({.method = verb::get, .path = "/v1/conversations", .handler = list_conversations});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}", .handler = retrieve});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}", .handler = update});
  router.add({.method = verb::delete_, .path = "/v1/conversations/{id}", .handler = erase});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}/fork", .handler = fork});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}/items", .handler = list});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}/items", .handler = append});
  router.add({.method = verb::post, .path = "/v1/conversations/{id}/items/pop", .handler = pop});
  router.add({.method = verb::get, .path = "/v1/conversations/{id}/items/{item_id}", .handler = retrieve_item});
  router.add({.method = verb::delete_, .path = "/v1/conversations/{id}/items/{item_id}", .handler = erase_item});
}

}  // namespace inkwell::server
