// Conversations: dialogues in Redis that live 30 days after their last use, in the terms of the OpenAI Conversations
// API but knowing nothing of HTTP. One object a worker, over that worker's Store; lives on its thread; holds no state
// but options. Every operation is one atomic step on the server, so concurrent callers on any number of nodes neither
// lose nor reorder an item.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

#include "conversations/item.hpp"
#include "conversations/options.hpp"
#include "keyspace/store.hpp"

namespace inkwell::conversations {

inline constexpr std::size_t kMaxItemsAtCreation = 20;
inline constexpr std::size_t kMaxItemsAtOnce = 1000;
inline constexpr int kDefaultPage = 20;
inline constexpr int kMaxPage = 100;

/// Up to 16 pairs; keys of up to 64 characters, values of up to 512.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct Conversation {
  std::string id;
  std::int64_t created_at = 0;  ///< seconds since 1970, by Redis's clock
  std::int64_t version = 0;     ///< goes up with each change
  std::string metadata;         ///< a JSON object
};

struct Item {
  std::string id;
  std::string json;  ///< the whole item, its id included
};

enum class Order : std::uint8_t { ascending, descending };

struct Page {
  std::vector<Item> items;
  bool has_more = false;
};

class Conversations {
 public:
  /// `store` must outlive it.
  explicit Conversations(keyspace::Store& store, Options options = {}) : store_(store), options_(options) {}

  boost::asio::awaitable<Result<Conversation>> create(Metadata metadata, std::vector<NewItem> items);
  boost::asio::awaitable<Result<Conversation>> get(std::string id);
  /// Replaces the metadata.
  boost::asio::awaitable<Result<Conversation>> update(std::string id, Metadata metadata);
  boost::asio::awaitable<Result<void>> erase(std::string id);

  /// Appends up to kMaxItemsAtOnce items, all or none, next to each other. Answers them as stored. Not idempotent: an
  /// Error with outcome_unknown() says that they may be there.
  boost::asio::awaitable<Result<std::vector<Item>>> append(std::string id, std::vector<NewItem> items);
  /// A page of 1 to kMaxPage items; `after` is the id of the item to go on after (its deletion since doesn't matter),
  /// or empty.
  boost::asio::awaitable<Result<Page>> list(std::string id, Order order, int limit, std::string after);
  boost::asio::awaitable<Result<Item>> item(std::string id, std::string item_id);
  /// Answers the conversation, as the API does.
  boost::asio::awaitable<Result<Conversation>> erase_item(std::string id, std::string item_id);

 private:
  boost::asio::awaitable<Result<redis::Reply>> step(const redis::Script& script, const std::string& id,
                                                    std::vector<std::string> arguments, bool idempotent);

  keyspace::Store& store_;
  Options options_;
};

/// Whether `id` has the form of a conversation's id: "conv_" and 48 hexadecimal digits.
bool is_conversation_id(std::string_view id) noexcept;

/// The limits of the API; the error's param is "metadata".
Result<void> check_metadata(const Metadata& metadata);

}  // namespace inkwell::conversations
