#include "redis/cluster/subscriptions.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ranges>
#include <stdexcept>

#include "redis/cluster/key_slot.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 100ms;  // between two looks at the map while something is wrong
// And while nothing seems to be. A master that was told to hand over keeps its subscribers as a replica, and says
// nothing to them; what is published before the new master has met it as one doesn't reach them.
constexpr auto kLook = 1s;
constexpr auto kMapWithin = 2s;

}  // namespace

Subscriber::OnCluster::OnCluster(const asio::any_io_executor& executor, const Options& options, bool sharded)
    : executor_(executor),
      sharded_(sharded),
      cluster_(std::make_shared<cluster::Cluster>(executor, untracked(options))),
      wake_(executor),
      gate_(executor) {}

void Subscriber::OnCluster::start() {
  cluster_->start();
  gate_.spawn("redis: subscriptions on a cluster", tend());
}

asio::awaitable<void> Subscriber::OnCluster::close() {
  closing_ = true;
  for (const auto& channel : channels_ | std::views::values) channel->gone = true;
  channels_.clear();
  for (const auto& node : nodes_ | std::views::values) node->close();
  cluster_->close({ErrorKind::cancelled, "redis_closed", "The Redis subscriber is closed."});
  co_await gate_.close();
}

SubscriberStats Subscriber::OnCluster::stats() const noexcept {
  SubscriberStats sum;
  sum.channels = channels_.size();
  sum.connected = !nodes_.empty();
  for (const auto& node : nodes_ | std::views::values) {
    const auto stats = node->stats();
    sum.connected = sum.connected && stats.connected;
    sum.messages += stats.messages;
    sum.connects += stats.connects;
  }
  return sum;
}

// ---- Channels ----

void Subscriber::OnCluster::subscribe(std::string channel, SubscriptionHandlers handlers) {
  if (closing_) return;
  const auto entry = std::make_shared<Channel>();
  entry->handlers = std::move(handlers);
  const auto [it, inserted] = channels_.emplace(std::move(channel), entry);
  if (!inserted) throw std::logic_error("redis::Subscriber: subscribed twice to " + it->first);
  const auto* const at = cluster_->master_of(cluster::key_slot(it->first));
  if (at == nullptr) return doubt();
  const HostPort there = *at;
  place(std::string(it->first), entry, there);
}

void Subscriber::OnCluster::unsubscribe(std::string_view channel) {
  const auto it = channels_.find(channel);
  if (it == channels_.end()) return;
  const auto entry = it->second;
  entry->gone = true;
  const std::string name = it->first;
  channels_.erase(it);
  leave(name, *entry);
}

// At the node that serves the channel now; for who listens, a move is a loss.
void Subscriber::OnCluster::place(const std::string& name, const ChannelPtr& channel, const HostPort& at) {
  if (channel->gone || channel->at == at) return;
  leave(name, *channel);
  channel->at = at;
  node(at).subscribe(name, watched(channel));
  if (std::exchange(channel->confirmed, false) && channel->handlers.on_lost) channel->handlers.on_lost();
}

void Subscriber::OnCluster::leave(const std::string& name, Channel& channel) {
  if (!channel.at) return;
  const auto found = nodes_.find(*channel.at);
  if (found != nodes_.end()) found->second->unsubscribe(name);
  channel.at.reset();
}

SubscriptionHandlers Subscriber::OnCluster::watched(const ChannelPtr& channel) {
  return {.on_subscribed =
              [channel] {
                channel->confirmed = true;
                if (!channel->gone && channel->handlers.on_subscribed) channel->handlers.on_subscribed();
              },
          .on_message =
              [channel](std::string_view payload) {
                if (!channel->gone && channel->handlers.on_message) channel->handlers.on_message(payload);
              },
          .on_lost =
              [channel] {
                channel->confirmed = false;
                if (!channel->gone && channel->handlers.on_lost) channel->handlers.on_lost();
              }};
}

Subscriber::Impl& Subscriber::OnCluster::node(const HostPort& at) {
  auto& node = nodes_[at];
  if (!node) {
    node = std::make_shared<Impl>(executor_, cluster_->options_for(at), sharded_);
    node->on_doubt([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->doubt();
    });
    node->start();
  }
  return *node;
}

// ---- The map of slots ----

void Subscriber::OnCluster::doubt() {
  doubtful_ = true;
  wake_.cancel();
}

asio::awaitable<void> Subscriber::OnCluster::tend() {
  while (!closing_) {
    doubtful_ = false;
    const auto failure = co_await cluster_->refresh(cluster::Cluster::Clock::now() + kMapWithin);
    doubtful_ = doubtful_ || failure.has_value();
    place_all();
    drop_idle_nodes();
    asio::steady_timer pause(executor_, kPause);  // however many doubts there are
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    if (closing_ || doubtful_) continue;
    wake_.expires_after(kLook - kPause);
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Subscriber::OnCluster::place_all() {
  const auto channels = channels_;  // a handler may change the map
  for (const auto& [name, channel] : channels) {
    const auto* const at = cluster_->master_of(cluster::key_slot(name));
    if (at == nullptr) continue;
    const HostPort there = *at;
    place(name, channel, there);
  }
}

void Subscriber::OnCluster::drop_idle_nodes() {
  std::erase_if(nodes_, [this](const auto& entry) {
    const bool used = std::ranges::any_of(channels_ | std::views::values,
                                          [&entry](const ChannelPtr& channel) { return channel->at == entry.first; });
    if (!used) entry.second->close();
    return !used;
  });
}

}  // namespace inkwell::redis
