// Store: the only door from the parts to Redis. It takes Keys, never strings, so the schema covers every write, and
// every value it writes gets its family's lifetime in the same command. Lua steps (Script) set lifetimes themselves;
// the arguments they need come from rule() and lifetime_with_jitter(). Lives on its client's executor (one thread);
// holds no state of its own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "keyspace/key.hpp"

namespace inkwell::keyspace {

class Commits;

class Store {
 public:
  /// `client` and `commits` must outlive the store. Without `commits` a write is acknowledged when the server's memory
  /// has it.
  Store(redis::Client& client, Keys keys, Commits* commits = nullptr)
      : client_(client), keys_(std::move(keys)), commits_(commits) {}

  const Keys& keys() const noexcept { return keys_; }

  /// One atomic step. All keys must share one hash tag (a different one is a bug: throws std::logic_error).
  boost::asio::awaitable<Result<redis::Reply>> run(const redis::Script& script, std::vector<Key> keys,
                                                   std::vector<std::string> arguments, redis::CallOptions options = {});

  /// The same for a step whose answer promises that the write lasts (Commits).
  boost::asio::awaitable<Result<redis::Reply>> commit(const redis::Script& script, std::vector<Key> keys,
                                                      std::vector<std::string> arguments,
                                                      redis::CallOptions options = {});

  /// The same for a step that reads; the server tells the client when one of the keys read changes (Client::
  /// execute_tracked).
  boost::asio::awaitable<Result<redis::Reply>> run_tracked(const redis::Script& script, std::vector<Key> keys,
                                                           std::vector<std::string> arguments);

  /// A read command whose first argument is the key: `read("XRANGE", key, "-", "+")`. Sent again after a lost
  /// connection. A command that writes is a bug here: throws std::logic_error (the commands allowed are listed in
  /// store.cpp).
  template <redis::Argument... Args>
  boost::asio::awaitable<Result<redis::Reply>> read(std::string_view name, const Key& key, const Args&... arguments) {
    return execute_read(name, redis::Request(name, key.str(), arguments...));
  }

  /// GETs many keys in one pipeline: an answer a key, in order; a missing one is a null reply. `tracked`: where the
  /// client tracks what it is told to, the server tells when one of them changes (redis::Invalidations).
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> get_all(const std::vector<Key>& keys,
                                                                    redis::CallOptions options = {},
                                                                    bool tracked = false);

  struct Read {
    std::string_view name;  ///< of a read command, as for read()
    Key key;
    std::vector<std::string> arguments{};
  };
  /// Many reads in one pipeline; with `tracked` the server tells the client when one of the keys changes.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> read_all(const std::vector<Read>& reads, bool tracked);

  /// EXISTS of many keys, and HMGET of `fields` followed by PEXPIRETIME of many hashes (two answers a key), likewise.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> exists_all(const std::vector<Key>& keys);
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> read_hashes(const std::vector<Key>& keys,
                                                                        const std::vector<std::string_view>& fields);

  struct Entry {
    Key key;
    std::string value;
    std::optional<std::chrono::milliseconds> lifetime;  ///< the family's, with jitter, when absent
  };
  /// SETs many strings, each with its lifetime, in one pipeline. Idempotent. `tracked`: as of this write, see
  /// get_all(); the invalidation that the write itself causes has then been delivered before this returns.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> set_all(std::vector<Entry> entries,
                                                                    redis::CallOptions options = {},
                                                                    bool tracked = false);

  /// What a claim() found.
  struct Claim {
    bool held = false;                          ///< the lease is this holder's now
    std::optional<Result<redis::Reply>> value;  ///< of the value key, read after the lease was asked for; none: no link
  };
  /// For each pair of keys, in one pipeline: takes the lease for `holder` where nobody has it, for its family's
  /// lifetime, then reads (tracked) the value that it stands for. Idempotent for the same holder.
  boost::asio::awaitable<std::vector<Claim>> claim_all(const std::vector<std::pair<Key, Key>>& leases_and_values,
                                                       std::string holder, redis::CallOptions options = {});
  /// Gives leases back, those of them that are still the holder's.
  boost::asio::awaitable<void> release_all(const std::vector<Key>& leases, std::string holder,
                                           redis::CallOptions options = {});
  /// Lengthens lifetimes, in one pipeline; never shortens one, never brings a key back. Idempotent.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> extend_all(
      const std::vector<std::pair<Key, std::chrono::milliseconds>>& lifetimes, redis::CallOptions options = {});

  /// Removes a key; true if it existed.
  boost::asio::awaitable<Result<bool>> erase(const Key& key);
  /// Removes many keys in one pipeline; how many of them existed.
  boost::asio::awaitable<Result<std::uint64_t>> erase_all(const std::vector<Key>& keys);

  redis::Client& client() noexcept { return client_; }

 private:
  static std::vector<std::string> names_of(const std::vector<Key>& keys);
  boost::asio::awaitable<Result<redis::Reply>> execute_read(std::string_view name, redis::Request request);

  redis::Client& client_;
  Keys keys_;
  Commits* commits_;
};

}  // namespace inkwell::keyspace
