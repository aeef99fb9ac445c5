// Conversations::fork: reads the one in pieces and writes the other, each piece one step, because the two need not be
// on one node of a cluster.
#include <algorithm>

#include "base/random.hpp"
#include "conversations/answers.hpp"
#include "conversations/conversations.hpp"
#include "conversations/steps.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::View;

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

constexpr std::size_t kSeedBytes = 16;

/// Items of an answer as restore.lua takes them: {number, id, JSON ...}. Returns the last one's number, 0 for none.
std::uint64_t add_stored(std::vector<std::string>& arguments, View flat) {
  std::uint64_t number = 0;
  const auto seed = flat[0].text();
  for (std::size_t i = 2; i + 2 < flat.size(); i += 3) {
    number = std::stoull(std::string(flat[i].text()));
    arguments.emplace_back(flat[i].text());
    arguments.push_back(item_id_of(flat[i + 1].text(), seed, number));
    arguments.emplace_back(flat[i + 2].text());
  }
  return number;
}

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
  const View found = answer_of(*point);
  if (!found.is_aggregate()) co_return std::unexpected(no_item(wanted.last_item, id));
  if (found.size() != 5) co_return std::unexpected(damaged(id));
  const auto lifetime = wanted.lifetime ? wanted.lifetime->count() : found[2].integer().value_or(0);
  std::vector<std::string> head{std::to_string(lifetime),
                                wanted.metadata ? text_of(*wanted.metadata) : std::string(found[1].text()),
                                std::to_string(found[0].integer().value_or(0)), random_hex(kSeedBytes),
                                scope_.owner.empty() ? std::string(found[3].text()) : scope_.owner};
  std::string made = new_conversation_id();
  auto announced = co_await registry_.announce(made, head.back(), std::chrono::milliseconds(lifetime));
  if (!announced) co_return std::unexpected(std::move(announced.error()));
  const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(found[4].integer().value_or(0), 0));
  auto taken = co_await registry_.take(made, bytes);
  if (!taken) co_return std::unexpected(std::move(taken.error()));
  auto copied = co_await copy(id, made, std::move(head));
  if (!copied) co_await registry_.give(made, bytes);
  if (!copied) co_return copied;
  auto settled = co_await settle(std::move(*copied), std::move(write));
  co_return settled;
}

awaitable<Result<Conversation>> Conversations::settle(Conversation made, Write write) {
  if (write.idempotency_key.empty()) co_return made;
  auto settled = co_await reserve(made.id, std::move(write));
  if (settled && *settled == made.id) co_return made;
  Write plain;
  auto removed = co_await erase(std::move(made.id), std::move(plain));
  if (!settled) co_return std::unexpected(std::move(settled.error()));
  if (!removed) co_return std::unexpected(std::move(removed.error()));
  auto winner = co_await get(std::move(*settled));
  co_return winner;
}

awaitable<Result<Snapshot>> Conversations::snapshot(std::string id) {
  auto got = co_await get(id);
  if (!got) co_return std::unexpected(std::move(got.error()));
  std::vector<std::string> newest(1);
  auto point = co_await step(steps().fork_point, id, std::move(newest));
  if (!point) co_return std::unexpected(std::move(point.error()));
  const View found = answer_of(*point);
  if (found.size() != 5) co_return std::unexpected(damaged(id));
  Snapshot snapshot;
  snapshot.conversation = std::move(*got);
  snapshot.newest = static_cast<std::uint64_t>(found[0].integer().value_or(0));
  co_return snapshot;
}

awaitable<Result<Piece>> Conversations::items_from(std::string id, std::uint64_t next, std::uint64_t newest) {
  std::vector<std::string> range{std::to_string(next), std::to_string(newest), std::to_string(kPieceBytes)};
  auto reply = co_await step(steps().numbered, id, std::move(range));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const View flat = answer_of(*reply);
  auto found = items_of(flat, id);
  if (!found) co_return std::unexpected(std::move(found.error()));
  Piece piece;
  piece.items = std::move(found->items);
  if (!piece.items.empty()) piece.next = std::stoull(std::string(flat[flat.size() - 3].text())) + 1;
  if (piece.next > newest) piece.next = 0;
  co_return piece;
}

awaitable<Result<Conversation>> Conversations::copy(std::string from, std::string to, std::vector<std::string> head) {
  const redis::CallOptions once{.timeout = {}, .idempotent = false};
  std::uint64_t next = 1;
  while (true) {
    std::vector<std::string> range{std::to_string(next), head[2], std::to_string(kPieceBytes)};
    auto piece = co_await step(steps().numbered, from, std::move(range));
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    std::vector<std::string> arguments = head;
    const auto last = add_stored(arguments, answer_of(*piece));
    if (last != 0) next = last + 1;
    arguments.emplace_back();  // may reach it whoever's it is
    auto reply = co_await store_.commit(steps().restore, keys_of(to), std::move(arguments), once);
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (last != 0 && next <= std::stoull(head[2])) continue;
    if (auto note = note_of(*reply)) co_await registry_.settle(to, std::move(*note));
    co_return conversation_of(answer_of(*reply), std::move(to));
  }
}

}  // namespace inkwell::conversations
