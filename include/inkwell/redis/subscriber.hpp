// Subscriber: one Pub/Sub connection that repairs itself and re-subscribes - on a cluster one to each node that serves
// a channel; a channel follows its slot. Lives on the executor it was made with (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis {

/// What a subscription calls, on the subscriber's executor, in the order things happened on the connection. None may
/// throw. A callback may subscribe and unsubscribe.
struct SubscriptionHandlers {
  /// The server has confirmed the subscription: every message published after this moment reaches on_message, until
  /// on_lost. Called again after each reconnect: what was published in between was missed and must be read elsewhere.
  std::function<void()> on_subscribed;
  /// A message; `payload` is valid during the call only.
  std::function<void(std::string_view payload)> on_message;
  /// The connection was lost (it reconnects by itself).
  std::function<void()> on_lost;
};

struct SubscriberStats {
  bool connected = false;
  std::size_t channels = 0;
  std::uint64_t messages = 0;
  std::uint64_t connects = 0;
};

class Subscriber {
 public:
  /// Sharded Pub/Sub (SSUBSCRIBE, Redis >= 7.0) is used when `sharded`; plain SUBSCRIBE otherwise.
  Subscriber(const boost::asio::any_io_executor& executor, const Options& options, bool sharded);
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;
  /// close() must have been awaited.
  ~Subscriber();

  /// Subscribes to `channel`, at most once at a time (a second subscribe of the same channel is a bug and throws
  /// std::logic_error). Returns at once; on_subscribed tells when it holds.
  void subscribe(std::string channel, SubscriptionHandlers handlers);
  /// After this returns none of the channel's handlers is called any more. Unknown channels are ignored.
  void unsubscribe(std::string_view channel);

  boost::asio::awaitable<void> close();
  SubscriberStats stats() const noexcept;

 private:
  class Impl;
  class OnCluster;
  std::shared_ptr<Impl> impl_;          // one server, or
  std::shared_ptr<OnCluster> cluster_;  // a cluster
};

}  // namespace inkwell::redis
