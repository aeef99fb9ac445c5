// Subscriber::OnCluster: subscriptions on a Redis Cluster. A sharded channel is served by the master of its slot, so
// there is a Subscriber::Impl for each node that serves one. Each second, and whenever a node refuses, goes, or says
// that a channel is no longer its own, the map of slots is read anew and channels that have moved are taken along: to
// who listens that is a loss and a new confirmation, like any reconnection. Lives on one executor (one thread); close()
// must be awaited.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <inkwell/redis/subscriber.hpp>

#include "base/gate.hpp"
#include "redis/cluster/cluster.hpp"
#include "redis/link/subscriber_impl.hpp"

namespace inkwell::redis {

class Subscriber::OnCluster : public std::enable_shared_from_this<OnCluster> {
 public:
  OnCluster(const asio::any_io_executor& executor, const Options& options, bool sharded);

  void start();
  void subscribe(std::string channel, SubscriptionHandlers handlers);
  void unsubscribe(std::string_view channel);
  asio::awaitable<void> close();
  SubscriberStats stats() const noexcept;

 private:
  struct Channel {
    SubscriptionHandlers handlers;
    std::optional<HostPort> at;
    bool confirmed = false;
    bool gone = false;
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  asio::awaitable<void> tend();
  void doubt();
  void place_all();
  void place(const std::string& name, const ChannelPtr& channel, const HostPort& at);
  void leave(const std::string& name, Channel& channel);
  void drop_idle_nodes();
  SubscriptionHandlers watched(const ChannelPtr& channel);
  Impl& node(const HostPort& at);

  const asio::any_io_executor executor_;
  const bool sharded_;
  std::shared_ptr<cluster::Cluster> cluster_;  ///< for its map of slots
  std::map<HostPort, std::shared_ptr<Impl>> nodes_;
  std::map<std::string, ChannelPtr, std::less<>> channels_;
  bool doubtful_ = true;
  bool closing_ = false;
  asio::steady_timer wake_;
  Gate gate_;
};

}  // namespace inkwell::redis
