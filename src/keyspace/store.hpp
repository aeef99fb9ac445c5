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
#include <vector>

#include <inkwell/redis/client.hpp>

#include "keyspace/key.hpp"

namespace inkwell::keyspace {

class Store {
 public:
  /// `client` must outlive the store.
  Store(redis::Client& client, Keys keys) : client_(client), keys_(std::move(keys)) {}

  const Keys& keys() const noexcept { return keys_; }

  /// One atomic step. All keys must share one hash tag (a different one is a bug: throws std::logic_error).
  boost::asio::awaitable<Result<redis::Reply>> run(const redis::Script& script, std::vector<Key> keys,
                                                   std::vector<std::string> arguments, redis::CallOptions options = {});

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

  /// GETs many keys in one pipeline: an answer a key, in order; a missing one is a null reply.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> get_all(const std::vector<Key>& keys,
                                                                    redis::CallOptions options = {});

  /// EXISTS of many keys, and HMGET of `fields` followed by PEXPIRETIME of many hashes (two answers a key), likewise.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> exists_all(const std::vector<Key>& keys);
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> read_hashes(const std::vector<Key>& keys,
                                                                        std::vector<std::string_view> fields);

  struct Entry {
    Key key;
    std::string value;
    std::optional<std::chrono::milliseconds> lifetime;  ///< the family's, with jitter, when absent
  };
  /// SETs many strings, each with its lifetime, in one pipeline. Idempotent.
  boost::asio::awaitable<std::vector<Result<redis::Reply>>> set_all(std::vector<Entry> entries,
                                                                    redis::CallOptions options = {});

  /// Removes a key; true if it existed.
  boost::asio::awaitable<Result<bool>> erase(const Key& key);

  redis::Client& client() noexcept { return client_; }

 private:
  static std::vector<std::string> names_of(const std::vector<Key>& keys);
  boost::asio::awaitable<Result<redis::Reply>> execute_read(std::string_view name, redis::Request request);

  redis::Client& client_;
  Keys keys_;
};

}  // namespace inkwell::keyspace
