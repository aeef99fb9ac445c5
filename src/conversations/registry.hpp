// Registry: what is kept about a tenant's conversations outside of them: the index of each owner's, and, for a tenant
// with a quota, what they take. It lies in other hash slots than the conversations, so its steps are not theirs: a
// conversation is put into the index before it is made, and taken out by whoever finds it gone; room is taken before a
// write, and what is really there is set after it. Holds no state; lives on the store's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "conversations/options.hpp"
#include "keyspace/store.hpp"

namespace inkwell::conversations {

/// What a step says of its conversation for the registry.
struct Note {
  std::string owner;
  std::int64_t noted = 0;       ///< its last change that was told (microseconds since 1970)
  std::int64_t expires_at = 0;  ///< ms since 1970; 0: it is gone
  std::int64_t bytes = 0;
  std::int64_t version = 0;
};

/// A place in an index, and the id that stands there.
struct IndexEntry {
  std::string id;
  std::string at;  ///< microseconds since 1970, as Redis writes it
};

class Registry {
 public:
  Registry(keyspace::Store& store, keyspace::Keys keys, Quota quota)
      : store_(store), keys_(std::move(keys)), quota_(quota) {}

  /// Before a write that brings `bytes`: quota_exceeded (insufficient_quota) when there is no room. Without a quota,
  /// nothing happens here and in give().
  boost::asio::awaitable<Result<void>> take(std::string id, std::size_t bytes);
  /// After a write that surely was not made.
  boost::asio::awaitable<void> give(std::string id, std::size_t bytes);

  /// Before a conversation is made. Looks now and then for others in the index that are gone.
  boost::asio::awaitable<Result<void>> announce(std::string id, std::string owner, std::chrono::milliseconds lifetime);
  /// After any step. Failures are nobody's: the next step makes up for them.
  boost::asio::awaitable<void> settle(std::string id, Note note);

  /// Up to `limit` entries of the owner's index, the latest first, behind `after` (its `at` may be empty: where the id
  /// is now). invalid_argument (invalid_cursor) when that is not known.
  boost::asio::awaitable<Result<std::vector<IndexEntry>>> page(std::string owner, std::size_t limit, IndexEntry after);
  /// `ids` were not found.
  boost::asio::awaitable<void> forget(std::string owner, std::vector<std::string> ids, bool gone);

 private:
  boost::asio::awaitable<Result<redis::Reply>> usage(std::vector<std::string> arguments);
  boost::asio::awaitable<void> sweep(std::string owner, std::vector<std::string> ids);

  keyspace::Store& store_;
  keyspace::Keys keys_;
  Quota quota_;
};

}  // namespace inkwell::conversations
