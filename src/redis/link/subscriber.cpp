// Subscriber: a session that says SUBSCRIBE. A connection answers commands in order, errors as plain replies and
// confirmations as pushes, so what was asked and not yet answered is kept in a queue; a push that doesn't answer the
// front of that queue is the server's own doing.
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <stdexcept>
#include <vector>

#include <inkwell/redis/request.hpp>
#include <inkwell/redis/subscriber.hpp>

#include "redis/link/session.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis {
namespace {

constexpr std::chrono::milliseconds kAskAgain{500};  // after the server refused a subscription

Options untracked(Options options) {
  options.tracking = {};
  return options;
}

}  // namespace

class Subscriber::Impl final : public link::Session {
 public:
  Impl(const asio::any_io_executor& executor, const Options& options, bool sharded)
      : Session(executor, untracked(options), Policy(), directory_for(executor, options)), sharded_(sharded) {}

  void subscribe(std::string channel, SubscriptionHandlers handlers);
  void unsubscribe(std::string_view channel);
  void close();
  SubscriberStats stats() const noexcept {
    return {.connected = ready(), .channels = channels_.size(), .messages = messages_, .connects = totals().connects};
  }

 private:
  struct Channel {
    SubscriptionHandlers handlers;
    bool confirmed = false;
    bool gone = false;  ///< unsubscribed: its handlers are not called again
    std::optional<Clock::time_point> ask_at;
  };
  enum class Verb : std::uint8_t { subscribe, unsubscribe, ping };
  struct Asked {
    Verb verb;
    std::string channel;
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  void on_ready() override;
  void on_answer(Reply reply) override;
  void on_turn_end() override { flush(); }
  void on_lost(const Error& cause, bool garbled, bool again) override;
  void on_connect_failed(const Error&, bool, bool) override {}
  void send_ping() override { ask(Verb::ping, {}); }
  Clock::time_point on_time(Clock::time_point now) override;

  void ask(Verb verb, std::string channel);
  void flush();
  void flush_soon();
  void pushed(View push);
  void confirmed(std::string_view channel);
  void unsubscribed(std::string_view channel);
  void refused(std::string_view line);
  ChannelPtr find(std::string_view channel) const {
    const auto it = channels_.find(channel);
    return it == channels_.end() ? nullptr : it->second;
  }

  const bool sharded_;
  std::map<std::string, ChannelPtr, std::less<>> channels_;
  std::deque<Asked> asked_;  ///< of this connection, without an answer yet
  std::string out_;
  bool flush_posted_ = false;
  std::uint64_t messages_ = 0;
};

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
  const auto entry = find(asked.channel);
  if (!entry) return;
  entry->ask_at = Clock::now() + kAskAgain;
  wake_at(*entry->ask_at);
}

// ---- Subscriber ----

Subscriber::Subscriber(asio::any_io_executor executor, Options options, bool sharded)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), sharded)) {
  impl_->start();
}
Subscriber::~Subscriber() { impl_->close(); }

void Subscriber::subscribe(std::string channel, SubscriptionHandlers handlers) {
  impl_->subscribe(std::move(channel), std::move(handlers));
}
void Subscriber::unsubscribe(std::string_view channel) { impl_->unsubscribe(channel); }

asio::awaitable<void> Subscriber::close() {
  auto impl = impl_;
  impl->close();
  co_await asio::post(impl->executor(), asio::use_awaitable);
}

SubscriberStats Subscriber::stats() const noexcept { return impl_->stats(); }

}  // namespace inkwell::redis
