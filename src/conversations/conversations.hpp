// Conversations: dialogues in Redis that live 30 days after their last use, in the terms of the OpenAI Conversations
// API but knowing nothing of HTTP. A cheap view for one scope (a tenant, perhaps one owner in it) over a worker's
// Store, made a request; lives on that worker's thread; holds no state but options. Every operation is one atomic step
// on the server, so concurrent callers on any number of nodes neither lose nor reorder an item.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

#include "conversations/model.hpp"
#include "conversations/near.hpp"
#include "conversations/options.hpp"
#include "conversations/registry.hpp"
#include "conversations/window.hpp"
#include "keyspace/store.hpp"

namespace inkwell::conversations {

class Conversations {
 public:
  /// `store` must outlive it, and `near`, in which repeated reads are found; null: all go to Redis.
  explicit Conversations(keyspace::Store& store, Options options = {}, Scope scope = {}, Near* near = nullptr);

  /// Not idempotent, like every write here, unless it has an idempotency key: an Error with outcome_unknown() says that
  /// it may have happened.
  boost::asio::awaitable<Result<Conversation>> create(NewConversation wanted, Write write);
  boost::asio::awaitable<Result<Conversation>> get(std::string id);
  /// The conversations made for `owner` (empty: for nobody in particular; a scope with an owner sees its own only), 1
  /// to kMaxPage of them. `after`: a page's next_after, or the id of a conversation in the list; empty for the start.
  /// What changes meanwhile moves to the front, behind which a walk with next_after doesn't return: it meets all that
  /// doesn't change, once. Doesn't count as a use of them.
  boost::asio::awaitable<Result<ConversationPage>> list_of(std::string owner, int limit, std::string after);
  boost::asio::awaitable<Result<Conversation>> update(std::string id, Change change, Write write);
  boost::asio::awaitable<Result<void>> erase(std::string id, Write write);

  /// Appends up to kMaxItemsAtOnce items, all or none, next to each other. Answers them as stored.
  boost::asio::awaitable<Result<Items>> append(std::string id, std::vector<NewItem> items, Write write);
  /// Removes the newest items, up to `most`, and answers them, the oldest first; nobody else gets the same ones.
  boost::asio::awaitable<Result<Items>> pop(std::string id, int most, Write write);
  /// A new conversation with copies of the items up to one, which keep their ids. Bounded memory however many they are;
  /// items deleted meanwhile may or may not be in it. Ended half-way, it leaves nothing but keys that expire, under an
  /// id nobody knows. `write` counts for its key only.
  boost::asio::awaitable<Result<Conversation>> fork(std::string id, Fork wanted, Write write);
  /// What a conversation is now, to be read piece by piece with items_from().
  boost::asio::awaitable<Result<Snapshot>> snapshot(std::string id);
  /// Items of a snapshot, the oldest first, from number `next` (1 is the first ever) on, and the number to go on from.
  /// Items deleted since the snapshot may be missing. Bounded memory however many there are.
  boost::asio::awaitable<Result<Piece>> items_from(std::string id, std::uint64_t next, std::uint64_t newest);
  /// What was made piece by piece, under an idempotency key: of duplicates, the first to come here is the one, and the
  /// others are removed. `made` is an id that nobody knows yet. Answers the one.
  boost::asio::awaitable<Result<Conversation>> settle(Conversation made, Write write);
  /// A page of 1 to kMaxPage items; `after` is the id of the item to go on after (its deletion since doesn't matter),
  /// or empty.
  boost::asio::awaitable<Result<Page>> list(std::string id, Order order, int limit, std::string after);
  boost::asio::awaitable<Result<Item>> item(std::string id, std::string item_id);
  /// The newest items within `limits`, the oldest of them first: what a model is shown next (see window.hpp).
  boost::asio::awaitable<Result<Page>> window(std::string id, WindowLimits limits);
  /// Answers the conversation, as the API does.
  boost::asio::awaitable<Result<Conversation>> erase_item(std::string id, std::string item_id, Write write);

 private:
  Result<void> check_lifetime(std::optional<std::chrono::milliseconds> lifetime) const;
  std::vector<keyspace::Key> keys_of(const std::string& id) const;
  boost::asio::awaitable<Result<redis::Reply>> step(const redis::Script& script, const std::string& id,
                                                    std::vector<std::string> arguments, bool tracked = false);
  /// What list.lua answers, by plain commands; nothing where they don't tell, and the step must be asked.
  struct Listed {
    std::optional<Result<Page>> page;
    std::chrono::milliseconds slide_due_in{0};
  };
  boost::asio::awaitable<Listed> list_plainly(std::string id, Order order, std::size_t most, std::string after);
  boost::asio::awaitable<Result<Page>> list_by_step(std::string id, Order order, std::size_t most, std::string after);
  template <class T, class Decode>
  boost::asio::awaitable<Result<T>> read(const redis::Script& script, std::string id, std::string query,
                                         std::vector<std::string> arguments, Decode decode);
  boost::asio::awaitable<Result<redis::Reply>> write_step(const redis::Script& script, std::string id,
                                                          std::vector<std::string> arguments, Write write);
  boost::asio::awaitable<Result<redis::Reply>> write_bytes(const redis::Script& script, std::string id,
                                                           std::vector<std::string> arguments, Write write,
                                                           std::size_t bytes);
  boost::asio::awaitable<Result<Conversation>> copy(std::string from, std::string to, std::vector<std::string> head);
  boost::asio::awaitable<Result<std::string>> reserve(std::string proposed, Write write);
  std::string idempotency_name(const Write& write) const;

  keyspace::Store& store_;
  Options options_;
  Scope scope_;
  keyspace::Keys keys_;
  Registry registry_;
  Near* near_;
};

}  // namespace inkwell::conversations
