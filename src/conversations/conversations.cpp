#include "conversations/conversations.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/random.hpp"
#include "conversations/answers.hpp"
#include "conversations/packing.hpp"
#include "conversations/steps.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::Reply;
using redis::Script;
using redis::View;

constexpr std::size_t kSeedBytes = 16;  // what makes a conversation's item ids unguessable
constexpr std::size_t kMaxPairs = 16;
constexpr std::size_t kMaxKeyCharacters = 64;
constexpr std::size_t kMaxValueCharacters = 512;

/// How long the answer to a request with an idempotency key is kept, as the steps take it.
const std::string kRecordLifetime =
    std::to_string(keyspace::rule(keyspace::Family::conversation_idempotency).lifetime.count());

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

/// As append_items in write.lua takes them. Returns their bytes.
std::size_t add_items(std::vector<std::string>& arguments, const std::vector<NewItem>& items,
                      std::size_t compress_above) {
  std::size_t bytes = 0;
  for (const auto& item : items) {
    arguments.push_back(item.client_id);
    arguments.push_back(item.again ? "&" : item.prefix);
    arguments.push_back(packed(item.json, compress_above));
    bytes += arguments.back().size();
  }
  return bytes;
}

/// Whether a step answered {`word`, id}.
bool is_about(View view, std::string_view word) { return view.size() == 2 && view[0].text() == word; }

/// From what append.lua answers, and what was to be appended.
Result<Items> appended(View answer, std::vector<NewItem> items, std::string_view id) {
  if (answer.size() != 4) return std::unexpected(damaged(id));
  Items stored;
  stored.version = answer[2].integer().value_or(0);
  stored.items.reserve(items.size());
  auto number = static_cast<std::uint64_t>(answer[0].integer().value_or(0));
  std::size_t again = 0;
  for (auto& item : items) {
    std::string stored_id = item.client_id.empty() ? item.prefix + '*' : std::move(item.client_id);
    if (item.again) {
      if (again + 1 >= answer[3].size()) return std::unexpected(damaged(id));
      stored_id = answer[3][again].text();
      auto json = unpacked(answer[3][again + 1].text());
      if (!json) return std::unexpected(damaged(id));
      item.json = std::move(*json);
      again += 2;
    }
    stored.items.push_back(item_of(item_id_of(stored_id, answer[1].text(), number), item.json));
    ++number;
  }
  return stored;
}

}  // namespace

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

Result<void> Conversations::check_lifetime(std::optional<std::chrono::milliseconds> lifetime) const {
  if (!lifetime || (*lifetime >= std::chrono::seconds(1) && *lifetime <= options_.max_lifetime)) return {};
  const auto most = std::chrono::floor<std::chrono::seconds>(options_.max_lifetime).count();
  return std::unexpected(Error(ErrorKind::invalid_argument, "invalid_lifetime",
                               fmt::format("A conversation can live 1 to {} seconds after its last use.", most))
                             .with_param("expires_after"));
}

Conversations::Conversations(keyspace::Store& store, Options options, Scope scope, Near* near)
    : store_(store),
      options_(options),
      scope_(std::move(scope)),
      keys_(scope_.tenant.empty() ? store.keys() : store.keys().of(scope_.tenant)),
      registry_(store, keys_, scope_.quota),
      near_(near) {}

std::vector<keyspace::Key> Conversations::keys_of(const std::string& id) const {
  return {keys_.conversation(id), keys_.conversation_items(id), keys_.conversation_item_ids(id)};
}

/// One owner's keys are not another's. They have no spaces in them.
std::string Conversations::idempotency_name(const Write& write) const {
  return scope_.owner.empty() ? write.idempotency_key : scope_.owner + " " + write.idempotency_key;
}

/// A step that changes nothing but how long the conversation lives.
awaitable<Result<Reply>> Conversations::step(const Script& script, const std::string& id,
                                             std::vector<std::string> arguments, bool tracked) {
  arguments.push_back(scope_.owner);
  const redis::CallOptions options{.timeout = {}, .idempotent = true};
  auto call = tracked ? store_.run_tracked(script, keys_of(id), std::move(arguments))
                      : store_.run(script, keys_of(id), std::move(arguments), options);
  auto reply = co_await std::move(call);
  if (!reply) co_return reply;
  if (reply->view().is_null()) co_return std::unexpected(no_conversation(id));
  if (auto note = note_of(*reply)) co_await registry_.settle(id, std::move(*note));
  co_return reply;
}

/// A write: its refusals are errors here, for all of them. With an idempotency key it may be sent again.
awaitable<Result<Reply>> Conversations::write_step(const Script& script, std::string id,
                                                   std::vector<std::string> arguments, Write write) {
  auto touched = keys_of(id);
  const bool repeatable = !write.idempotency_key.empty();
  if (repeatable) touched.push_back(keys_.conversation_idempotency(id, idempotency_name(write)));
  std::vector<std::string> all{write.expected_versions, repeatable ? write.fingerprint : "", kRecordLifetime,
                               scope_.quota.limited() ? "0" : std::to_string(options_.list_granularity.count())};
  all.insert(all.end(), std::make_move_iterator(arguments.begin()), std::make_move_iterator(arguments.end()));
  all.push_back(scope_.owner);
  const redis::CallOptions options{.timeout = {}, .idempotent = repeatable};
  auto reply = co_await store_.commit(script, std::move(touched), std::move(all), options);
  if (near_ != nullptr) near_->written(keys_.conversation(id).str());
  if (!reply) co_return reply;
  if (reply->view().is_null()) co_return std::unexpected(no_conversation(id));
  const View answer = answer_of(*reply);
  if (is_about(answer, "duplicate")) co_return std::unexpected(duplicate(answer[1].text()));
  if (is_about(answer, "missing")) co_return std::unexpected(missing(answer[1].text(), id));
  if (!answer.is_aggregate() && answer.text() == "key_reused") co_return std::unexpected(key_reused());
  if (!answer.is_aggregate() && answer.text() == "stale") co_return std::unexpected(stale(id));
  if (auto note = note_of(*reply)) co_await registry_.settle(std::move(id), std::move(*note));
  co_return reply;
}

/// A write that brings `bytes`, which the tenant's quota must have room for.
awaitable<Result<Reply>> Conversations::write_bytes(const Script& script, std::string id,
                                                    std::vector<std::string> arguments, Write write,
                                                    std::size_t bytes) {
  auto taken = co_await registry_.take(id, bytes);
  if (!taken) co_return std::unexpected(std::move(taken.error()));
  auto reply = co_await write_step(script, id, std::move(arguments), std::move(write));
  if (!reply && !reply.error().outcome_unknown()) co_await registry_.give(std::move(id), bytes);
  co_return reply;
}

/// The id that a creation with an idempotency key has, the first time and ever after.
awaitable<Result<std::string>> Conversations::reserve(std::string proposed, Write write) {
  std::vector<keyspace::Key> keys(1, keys_.conversation_idempotency("", idempotency_name(write)));
  std::vector<std::string> arguments{write.fingerprint, std::move(proposed), kRecordLifetime};
  const redis::CallOptions options{.timeout = {}, .idempotent = true};
  auto reply = co_await store_.commit(steps().reserve, std::move(keys), std::move(arguments), options);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->view().text() == "key_reused") co_return std::unexpected(key_reused());
  co_return std::string(reply->view().text());
}

awaitable<Result<Conversation>> Conversations::create(NewConversation wanted, Write write) {
  auto good = check_metadata(wanted.metadata);
  if (!good) co_return std::unexpected(std::move(good.error()));
  good = check_lifetime(wanted.lifetime);
  if (!good) co_return std::unexpected(std::move(good.error()));
  std::string id = new_conversation_id();
  if (!write.idempotency_key.empty()) {
    auto reserved = co_await reserve(std::move(id), write);
    if (!reserved) co_return std::unexpected(std::move(reserved.error()));
    id = std::move(*reserved);
  }
  const auto lifetime = wanted.lifetime.value_or(scope_.lifetime.value_or(options_.lifetime));
  std::vector<std::string> arguments{std::to_string(lifetime.count()), text_of(wanted.metadata), random_hex(kSeedBytes),
                                     scope_.owner};
  const auto bytes = add_items(arguments, wanted.items, options_.compress_above);
  auto announced = co_await registry_.announce(id, scope_.owner, lifetime);
  if (!announced) co_return std::unexpected(std::move(announced.error()));
  auto reply = co_await write_bytes(steps().create, id, std::move(arguments), std::move(write), bytes);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return conversation_of(answer_of(*reply), std::move(id));
}

awaitable<Result<Conversation>> Conversations::update(std::string id, Change change, Write write) {
  if (change.metadata) {
    auto good = check_metadata(*change.metadata);
    if (!good) co_return std::unexpected(std::move(good.error()));
  }
  auto good = check_lifetime(change.lifetime);
  if (!good) co_return std::unexpected(std::move(good.error()));
  std::vector<std::string> arguments{change.metadata ? "1" : "0", change.metadata ? text_of(*change.metadata) : "",
                                     change.lifetime ? std::to_string(change.lifetime->count()) : ""};
  auto reply = co_await write_step(steps().update, id, std::move(arguments), std::move(write));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return conversation_of(answer_of(*reply), std::move(id));
}

awaitable<Result<void>> Conversations::erase(std::string id, Write write) {
  auto reply = co_await write_step(steps().erase, std::move(id), {}, std::move(write));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return Result<void>{};
}

awaitable<Result<Items>> Conversations::append(std::string id, std::vector<NewItem> items, Write write) {
  std::vector<std::string> arguments;
  arguments.reserve(items.size() * 3);
  const auto bytes = add_items(arguments, items, options_.compress_above);
  auto reply = co_await write_bytes(steps().append, id, std::move(arguments), std::move(write), bytes);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return appended(answer_of(*reply), std::move(items), id);
}

awaitable<Result<Items>> Conversations::pop(std::string id, int most, Write write) {
  std::vector<std::string> arguments(1, std::to_string(std::clamp(most, 1, kMaxPage)));
  auto reply = co_await write_step(steps().pop, id, std::move(arguments), std::move(write));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = answer_of(*reply);
  if (answer.size() != 2) co_return std::unexpected(damaged(id));
  auto popped = items_of(answer[0], id);
  if (popped) popped->version = answer[1].integer().value_or(0);
  co_return popped;
}

awaitable<Result<Conversation>> Conversations::erase_item(std::string id, std::string item_id, Write write) {
  std::vector<std::string> arguments(1, item_id);
  auto reply = co_await write_step(steps().erase_item, id, std::move(arguments), std::move(write));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View answer = answer_of(*reply);
  if (!answer.is_aggregate()) co_return std::unexpected(no_item(item_id, id));
  co_return conversation_of(answer, std::move(id));
}

}  // namespace inkwell::conversations
