#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <vector>

#include <inkwell/redis/request.hpp>

#include "redis/cluster/subscriptions.hpp"
#include "redis/link/subscriber_impl.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis {
namespace {

constexpr std::chrono::milliseconds kAskAgain{500};  // after the server refused a subscription

}  // namespace

Subscriber::Impl::Impl(const asio::any_io_executor& executor, const Options& options, bool sharded)
    : Session(executor, untracked(options), Policy(), directory_for(executor, options)), sharded_(sharded) {}

// ---- What callers do ----

void Subscriber::Impl::subscribe(std::string channel, SubscriptionHandlers handlers) {
  if (over()) return;
  auto entry = std::make_shared<Channel>();
  entry->handlers = std::move(handlers);
  const auto [it, inserted] = channels_.emplace(std::move(channel), std::move(entry));
  if (!inserted) throw std::logic_error("redis::Subscriber: subscribed twice to " + it->first);
  if (ready()) ask(Verb::subscribe, it->first);
}

void Subscriber::Impl::unsubscribe(std::string_view channel) {
  const auto it = channels_.find(channel);
  if (it == channels_.end()) return;
  it->second->gone = true;
  if (ready()) ask(Verb::unsubscribe, it->first);
  channels_.erase(it);
}

void Subscriber::Impl::close() {
  for (const auto& [name, channel] : channels_) channel->gone = true;
  channels_.clear();
  shut();
}

// ---- Writing ----

void Subscriber::Impl::ask(Verb verb, std::string channel) {
  Request request;
  switch (verb) {
    case Verb::subscribe:
      request.add(sharded_ ? "SSUBSCRIBE" : "SUBSCRIBE", channel);
      break;
    case Verb::unsubscribe:
      request.add(sharded_ ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel);
      break;
    case Verb::ping:
      request.add("PING");
      break;
  }
  out_ += request.wire();
  asked_.push_back({verb, std::move(channel)});
  flush_soon();
}

void Subscriber::Impl::flush_soon() {
  if (std::exchange(flush_posted_, true)) return;
  asio::post(executor(), [self = std::static_pointer_cast<Impl>(shared_from_this())] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void Subscriber::Impl::flush() {
  if (!ready() || out_.empty()) return;
  const std::array<std::string_view, 1> pieces{out_};
  out_.erase(0, connection().write(pieces));
}

// ---- The connection ----

void Subscriber::Impl::on_ready() {
  out_.clear();
  asked_.clear();
  for (const auto& [name, channel] : channels_) {
    channel->ask_at.reset();
    ask(Verb::subscribe, name);
  }
  flush();
}

void Subscriber::Impl::on_lost(const Error&, bool, bool) {
  const auto channels = channels_;  // a handler may change the map
  for (const auto& [name, channel] : channels) {
    const bool was = std::exchange(channel->confirmed, false);
    if (was && !channel->gone && channel->handlers.on_lost) channel->handlers.on_lost();
  }
  if (doubt_) doubt_();
}

Subscriber::Impl::Clock::time_point Subscriber::Impl::on_time(Clock::time_point now) {
  auto next = Clock::time_point::max();
  for (const auto& [name, channel] : channels_) {
    if (!channel->ask_at) continue;
    if (*channel->ask_at > now) {
      next = std::min(next, *channel->ask_at);
    } else {
      channel->ask_at.reset();
      if (ready()) ask(Verb::subscribe, name);
    }
  }
  return next;
}

// ---- Reading ----

void Subscriber::Impl::on_answer(Reply reply) {
  const View view = reply.view();
  if (view.type() == Type::push) return pushed(view);
  if (asked_.empty()) {
    return distrust({ErrorKind::upstream, "redis_protocol", "Redis sent a subscriber a reply to nothing.",
                     "Look at what stands between Inkwell and Redis."});
  }
  if (view.is_error()) return refused(view.text());
  asked_.pop_front();  // PONG
}

void Subscriber::Impl::pushed(View push) {
  if (push.size() < 3) return;  // none that we asked for
  auto part = push.begin();
  const auto kind = (*part).text();
  const auto channel = (*++part).text();
  if (kind == "message" || kind == "smessage") {
    const auto entry = find(channel);
    if (!entry || !entry->confirmed) return;
    ++messages_;
    if (entry->handlers.on_message) entry->handlers.on_message((*++part).text());
  } else if (kind == "subscribe" || kind == "ssubscribe") {
    confirmed(channel);
  } else if (kind == "unsubscribe" || kind == "sunsubscribe") {
    unsubscribed(channel);
  }
}

void Subscriber::Impl::confirmed(std::string_view channel) {
  if (asked_.empty() || asked_.front().verb != Verb::subscribe || asked_.front().channel != channel) return;
  asked_.pop_front();
  // Unsubscribed and subscribed anew in the meantime: the last confirmation is the one that holds.
  for (const auto& later : asked_) {
    if (later.channel == channel && later.verb != Verb::ping) return;
  }
  const auto entry = find(channel);
  if (!entry) return;
  entry->confirmed = true;
  if (entry->handlers.on_subscribed) entry->handlers.on_subscribed();
}

void Subscriber::Impl::unsubscribed(std::string_view channel) {
  if (!asked_.empty() && asked_.front().verb == Verb::unsubscribe && asked_.front().channel == channel) {
    asked_.pop_front();
    return;
  }
  // The server's own doing (a slot that moves away): the subscription is lost and asked for again.
  const auto entry = find(channel);
  if (!entry || !std::exchange(entry->confirmed, false)) return;
  if (entry->handlers.on_lost) entry->handlers.on_lost();
  if (entry->gone || !ready()) return;
  entry->ask_at = Clock::now() + kAskAgain / 10;
  wake_at(*entry->ask_at);
}

void Subscriber::Impl::refused(std::string_view line) {
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  if (asked.verb != Verb::subscribe) return;
  emit(LinkEvent::Kind::connect_failed, "Redis refused a subscription: " + std::string(line));
  if (doubt_) doubt_();
  const auto entry = find(asked.channel);
  if (!entry) return;
  entry->ask_at = Clock::now() + kAskAgain;
  wake_at(*entry->ask_at);
}

// ---- Subscriber ----

Subscriber::Subscriber(const asio::any_io_executor& executor, const Options& options, bool sharded) {
  if (options.endpoint.topology == Topology::cluster) {
    cluster_ = std::make_shared<OnCluster>(executor, options, sharded);
    cluster_->start();
  } else {
    impl_ = std::make_shared<Impl>(executor, options, sharded);
    impl_->start();
  }
}
Subscriber::~Subscriber() {
  if (impl_) impl_->close();
}

void Subscriber::subscribe(std::string channel, SubscriptionHandlers handlers) {
  if (cluster_) return cluster_->subscribe(std::move(channel), std::move(handlers));
  impl_->subscribe(std::move(channel), std::move(handlers));
}
void Subscriber::unsubscribe(std::string_view channel) {
  if (cluster_) return cluster_->unsubscribe(channel);
  impl_->unsubscribe(channel);
}

asio::awaitable<void> Subscriber::close() {
  if (cluster_) {
    auto cluster = cluster_;
    co_await cluster->close();
    co_return;
  }
  auto impl = impl_;
  impl->close();
  co_await asio::post(impl->executor(), asio::use_awaitable);
}

SubscriberStats Subscriber::stats() const noexcept { return cluster_ ? cluster_->stats() : impl_->stats(); }

}  // namespace inkwell::redis
