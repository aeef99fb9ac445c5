// Conversations::fork: reads the one in pieces and writes the other, each piece one step, because the two need not be
// on one node of a cluster.
#include "conversations/answers.hpp"
#include "conversations/conversations.hpp"
#include "conversations/steps.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::View;

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
constexpr std::size_t kHead = 3;  // lifetime, metadata and newest number come before the items

}  // namespace

awaitable<Result<Conversation>> Conversations::fork(std::string id, Fork wanted, Write write) {
  if (wanted.metadata) {
    auto good = check_metadata(*wanted.metadata);
    if (!good) co_return std::unexpected(std::move(good.error()));
  }
  auto good = check_lifetime(wanted.lifetime);
  if (!good) co_return std::unexpected(std::move(good.error()));
  std::vector<std::string> arguments(1, wanted.last_item);
  auto point = co_await step(steps().fork_point, id, std::move(arguments));
  if (!point) co_return std::unexpected(std::move(point.error()));
  const View found = point->view();
  if (!found.is_aggregate()) co_return std::unexpected(no_item(wanted.last_item, id));
  if (found.size() != kHead) co_return std::unexpected(damaged(id));
  const auto lifetime = wanted.lifetime ? wanted.lifetime->count() : found[2].integer().value_or(0);
  std::vector<std::string> head{std::to_string(lifetime),
                                wanted.metadata ? text_of(*wanted.metadata) : std::string(found[1].text()),
                                std::to_string(found[0].integer().value_or(0))};
  std::string made = new_conversation_id();
  auto copied = co_await copy(id, made, std::move(head));
  if (!copied || write.idempotency_key.empty()) co_return copied;
  // Of duplicates, each has made a copy; the first to settle its id is the one, and the others take theirs back.
  auto settled = co_await reserve(made, std::move(write));
  if (settled && *settled == made) co_return copied;
  Write plain;
  auto removed = co_await erase(std::move(made), std::move(plain));
  if (!settled) co_return std::unexpected(std::move(settled.error()));
  if (!removed) co_return std::unexpected(std::move(removed.error()));
  auto winner = co_await get(std::move(*settled));
  co_return winner;
}

awaitable<Result<Conversation>> Conversations::copy(std::string from, std::string to, std::vector<std::string> head) {
  const auto& keys = store_.keys();
  const redis::CallOptions once{.timeout = {}, .idempotent = false};
  std::uint64_t next = 1;
  while (true) {
    std::vector<std::string> range{std::to_string(next), head[2], std::to_string(kPieceBytes)};
    auto piece = co_await step(steps().numbered, from, std::move(range));
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    std::vector<std::string> arguments = head;
    for (const View part : piece->view()) arguments.emplace_back(part.text());
    const bool empty = arguments.size() == kHead;
    if (!empty) next = std::stoull(arguments[arguments.size() - 3]) + 1;
    std::vector<keyspace::Key> touched{keys.conversation(to), keys.conversation_items(to),
                                       keys.conversation_item_ids(to)};
    auto reply = co_await store_.run(steps().restore, std::move(touched), std::move(arguments), once);
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (empty || next > std::stoull(head[2])) co_return conversation_of(reply->view(), std::move(to));
  }
}

}  // namespace inkwell::conversations
