#include "conversations/conversations.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/random.hpp"
#include "inkwell_conversations_texts.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::Reply;
using redis::Script;
using redis::View;

constexpr std::size_t kConversationHex = 48;
constexpr std::size_t kItemRandomBytes = 16;  // the other 16 hexadecimal digits of an item's id are its number
constexpr std::size_t kMaxPairs = 16;
constexpr std::size_t kMaxKeyCharacters = 64;
constexpr std::size_t kMaxValueCharacters = 512;

/// The steps, each behind what all of them begin with.
struct Steps {
  static Script of(std::string_view body) { return Script(std::string(lua::kStep) + std::string(body)); }
  const Script create = of(lua::kCreate);
  const Script get = of(lua::kGet);
  const Script update = of(lua::kUpdate);
  const Script erase = of(lua::kErase);
  const Script append = of(lua::kAppend);
  const Script list = of(lua::kList);
  const Script get_item = of(lua::kGetItem);
  const Script erase_item = of(lua::kEraseItem);
};

const Steps& steps() {
  static const Steps all;
  return all;
}

Error no_conversation(std::string_view id) {
  return {ErrorKind::not_found, "conversation_not_found", fmt::format("Conversation with id '{}' not found.", id)};
}

Error no_item(std::string_view item_id, std::string_view id) {
  return {ErrorKind::not_found, "item_not_found",
          fmt::format("Item with id '{}' not found in conversation '{}'.", item_id, id)};
}

Error duplicate(std::string_view item_id) {
  return Error(ErrorKind::conflict, "item_exists",
               fmt::format("The conversation has an item with id '{}' already.", item_id),
               "Leave the id out, or give each item one of its own.")
      .with_param("items");
}

Error damaged(std::string_view id) {
  return {ErrorKind::data_corrupt, "conversation_damaged",
          fmt::format("What Redis holds of conversation '{}' is not what Inkwell wrote.", id),
          "Check what else writes to this Redis; `inkwell ttl audit` lists foreign keys."};
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

std::string text_of(const Metadata& metadata) {
  boost::json::object object;
  for (const auto& [key, value] : metadata) object[key] = value;
  return boost::json::serialize(object);
}

void add_items(std::vector<std::string>& arguments, const std::vector<NewItem>& items) {
  for (const auto& item : items) {
    arguments.push_back(item.client_id);
    arguments.push_back(item.prefix + random_hex(kItemRandomBytes));
    arguments.push_back(item.json);
  }
}

Result<Conversation> conversation_of(View view, std::string id) {
  if (view.size() != 3) return std::unexpected(damaged(id));
  const auto created = view[0].integer();
  const auto version = view[1].integer();
  if (!created || !version) return std::unexpected(damaged(id));
  return Conversation{
      .id = std::move(id), .created_at = *created, .version = *version, .metadata = std::string(view[2].text())};
}

Item item_of(std::string_view id, std::string_view rest) {
  std::string json;
  json.reserve(id.size() + rest.size() + 8);
  json += R"({"id":")";
  json += id;
  json += '"';
  json += rest;
  return {std::string(id), std::move(json)};
}

/// Whether a step answered {'duplicate', id}.
bool is_duplicate(View view) { return view.size() == 2 && view[0].text() == "duplicate"; }

}  // namespace

bool is_conversation_id(std::string_view id) noexcept {
  if (!id.starts_with("conv_")) return false;
  id.remove_prefix(5);
  return id.size() == kConversationHex && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> check_metadata(const Metadata& metadata) {
  const auto refuse = [](std::string message) {
    return std::unexpected(
        Error(ErrorKind::invalid_argument, "invalid_metadata", std::move(message)).with_param("metadata"));
  };
  if (metadata.size() > kMaxPairs)
    return refuse(fmt::format("metadata takes {} pairs at most, got {}.", kMaxPairs, metadata.size()));
  for (const auto& [key, value] : metadata) {
    if (characters_in(key) > kMaxKeyCharacters)
      return refuse(fmt::format("A key of metadata takes {} characters at most.", kMaxKeyCharacters));
    if (characters_in(value) > kMaxValueCharacters) {
      return refuse(fmt::format("A value of metadata takes {} characters at most.", kMaxValueCharacters));
    }
  }
  return {};
}

awaitable<Result<Reply>> Conversations::step(const Script& script, const std::string& id,
                                             std::vector<std::string> arguments, bool idempotent) {
  const auto& keys = store_.keys();
  std::vector<keyspace::Key> touched{keys.conversation(id), keys.conversation_items(id),
                                     keys.conversation_item_ids(id)};
  const redis::CallOptions options{.timeout = {}, .idempotent = idempotent};
  return store_.run(script, std::move(touched), std::move(arguments), options);
}

awaitable<Result<Conversation>> Conversations::create(Metadata metadata, std::vector<NewItem> items) {
  auto good = check_metadata(metadata);
  if (!good) co_return std::unexpected(std::move(good.error()));
  std::string id = "conv_" + random_hex(kConversationHex / 2);
  std::vector<std::string> arguments{std::to_string(options_.lifetime.count()), text_of(metadata)};
  add_items(arguments, items);
  auto reply = co_await step(steps().create, id, std::move(arguments), false);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = reply->view();
  if (is_duplicate(answer)) co_return std::unexpected(duplicate(answer[1].text()));
  if (answer.size() != 2) co_return std::unexpected(damaged(id));
  co_return conversation_of(answer[0], std::move(id));
}

awaitable<Result<Conversation>> Conversations::get(std::string id) {
  auto reply = co_await step(steps().get, id, {}, true);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->view().is_null()) co_return std::unexpected(no_conversation(id));
  co_return conversation_of(reply->view(), std::move(id));
}

awaitable<Result<Conversation>> Conversations::update(std::string id, Metadata metadata) {
  auto good = check_metadata(metadata);
  if (!good) co_return std::unexpected(std::move(good.error()));
  std::vector<std::string> arguments(1, text_of(metadata));
  auto reply = co_await step(steps().update, id, std::move(arguments), false);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->view().is_null()) co_return std::unexpected(no_conversation(id));
  co_return conversation_of(reply->view(), std::move(id));
}

awaitable<Result<void>> Conversations::erase(std::string id) {
  auto reply = co_await step(steps().erase, id, {}, false);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->view().is_null()) co_return std::unexpected(no_conversation(id));
  co_return Result<void>{};
}

awaitable<Result<std::vector<Item>>> Conversations::append(std::string id, std::vector<NewItem> items) {
  std::vector<std::string> arguments;
  arguments.reserve(items.size() * 3);
  add_items(arguments, items);
  auto reply = co_await step(steps().append, id, std::move(arguments), false);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = reply->view();
  if (answer.is_null()) co_return std::unexpected(no_conversation(id));
  if (is_duplicate(answer)) co_return std::unexpected(duplicate(answer[1].text()));
  if (answer.size() != 1 || answer[0].size() != items.size()) co_return std::unexpected(damaged(id));
  std::vector<Item> stored;
  stored.reserve(items.size());
  for (const View made : answer[0]) stored.push_back(item_of(made.text(), items[stored.size()].json));
  co_return stored;
}

awaitable<Result<Page>> Conversations::list(std::string id, Order order, int limit, std::string after) {
  limit = std::clamp(limit, 1, kMaxPage);
  std::vector<std::string> arguments{order == Order::ascending ? "asc" : "desc", std::to_string(limit + 1), after};
  auto reply = co_await step(steps().list, id, std::move(arguments), true);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = reply->view();
  if (answer.is_null()) co_return std::unexpected(no_conversation(id));
  if (!answer.is_aggregate()) {
    co_return std::unexpected(Error(ErrorKind::invalid_argument, "invalid_cursor",
                                    fmt::format("No item with id '{}' found in conversation '{}'.", after, id),
                                    "Give the id of an item of this conversation.")
                                  .with_param("after"));
  }
  Page page;
  for (auto part = answer.begin(); part != answer.end(); ++part) {
    if (page.items.size() == static_cast<std::size_t>(limit)) {
      page.has_more = true;
      break;
    }
    const auto item_id = (*part).text();
    if (++part == answer.end()) break;
    page.items.push_back(item_of(item_id, (*part).text()));
  }
  co_return page;
}

awaitable<Result<Item>> Conversations::item(std::string id, std::string item_id) {
  std::vector<std::string> arguments(1, item_id);
  auto reply = co_await step(steps().get_item, id, std::move(arguments), true);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = reply->view();
  if (answer.is_null()) co_return std::unexpected(no_conversation(id));
  if (answer.size() != 2) co_return std::unexpected(no_item(item_id, id));
  co_return item_of(answer[0].text(), answer[1].text());
}

awaitable<Result<Conversation>> Conversations::erase_item(std::string id, std::string item_id) {
  std::vector<std::string> arguments(1, item_id);
  auto reply = co_await step(steps().erase_item, id, std::move(arguments), false);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = reply->view();
  if (answer.is_null()) co_return std::unexpected(no_conversation(id));
  if (answer.size() != 3) co_return std::unexpected(no_item(item_id, id));
  co_return conversation_of(answer, std::move(id));
}

}  // namespace inkwell::conversations
