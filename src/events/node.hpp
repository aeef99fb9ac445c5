// Node: one worker's share of the events part: the sources of the channels it owns, the feeds of the channels its
// readers follow, and the log. Lives on its worker's thread; nodes speak through the Hub only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <inkwell/redis/subscriber.hpp>

#include "base/gate.hpp"
#include "events/channel/chain.hpp"
#include "events/channel/feed.hpp"
#include "events/channel/source.hpp"
#include "events/hub.hpp"
#include "events/log.hpp"
#include "events/options.hpp"
#include "events/reader.hpp"
#include "keyspace/store.hpp"

namespace inkwell::events {

class Node {
 public:
  /// `hub`, `store` and its client must outlive the node. `link` is how to reach Redis for the subscriptions.
  Node(std::size_t index, Hub& hub, asio::any_io_executor executor, keyspace::Store& store, const redis::Options& link,
       NodeOptions options);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  /// close() must have been awaited, and all readers must have left.
  ~Node();

  /// `events` must be valid (validate); publish options' absent values are the node's.
  asio::awaitable<Result<Published>> publish(std::string channel, std::vector<Event> events,
                                             std::optional<std::string> idempotency_key);
  asio::awaitable<Result<LogPage>> history(std::string channel, Log::After after, std::size_t limit);

  /// `reader` follows the channel from `start` on, until it leaves. It must follow none yet. With Redis away it simply
  /// waits. Refused only when the node has no room for another channel.
  Result<void> follow(Reader& reader, std::string_view channel, Start start,
                      std::unique_ptr<const Selector> selector = nullptr);

  /// How many readers of this node follow the channel.
  std::size_t readers_of(std::string_view channel) const;

  /// Calls the reader's on_ready in a later turn of the loop, once however often it was asked.
  void wake_later(Reader& reader);

  /// Ends all subscriptions and waits for what is under way.
  asio::awaitable<void> close();

  NodeStats stats() const;
  const NodeOptions& options() const noexcept { return options_; }

 private:
  friend class Feed;
  friend class Source;
  friend class Reader;

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>{}(name); }
  };

  void receive(std::vector<Message>& messages);
  void to_source(Message& message);
  void to_feed(Message& message, std::vector<std::shared_ptr<Feed>>& touched);
  void wake_queued();
  void forget(Reader& reader);
  asio::awaitable<void> tick_for_ever();
  void tick();
  void tick_feeds(std::chrono::steady_clock::time_point now);
  void tick_sources(std::chrono::steady_clock::time_point now);
  void post_to_owner(Message::Kind kind, const Feed& feed);

  std::uint32_t index_;
  Hub& hub_;
  asio::any_io_executor executor_;
  keyspace::Store& store_;
  NodeOptions options_;
  Log log_;
  redis::Subscriber subscriber_;
  Gate gate_;
  asio::steady_timer timer_;
  std::uint64_t tokens_ = 0;
  std::unordered_map<std::string, std::shared_ptr<Feed>, NameHash, std::equal_to<>> feeds_;
  std::unordered_map<std::uint64_t, Feed*> feeds_by_token_;
  std::unordered_map<std::string, std::shared_ptr<Source>, NameHash, std::equal_to<>> sources_;
  std::vector<Reader*> queue_;  ///< to be woken in the next turn; null where one has left since
  bool queue_scheduled_ = false;
  bool closed_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  ///< posted functions look whether the node is still there
  ChainStats closed_sources_;                              ///< of sources that have been let go
  NodeStats counts_;
};

}  // namespace inkwell::events
