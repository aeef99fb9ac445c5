#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <stdexcept>

#include <inkwell/redis/subscriber.hpp>

#include "base/backoff.hpp"
#include "base/gate.hpp"
#include "base/random.hpp"
#include "redis/link/wire.hpp"

namespace inkwell::redis {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

class Subscriber::Impl : public std::enable_shared_from_this<Subscriber::Impl> {
 public:
  Impl(asio::any_io_executor executor, Options options, bool sharded)
      : executor_(executor),
        options_(std::move(options)),
        sharded_(sharded),
        gate_(executor),
        backoff_(options_.backoff_base, options_.backoff_cap, options_.seed != 0 ? options_.seed : random_seed()),
        wake_writer_(executor) {
    wake_writer_.expires_at(std::chrono::steady_clock::time_point::max());
  }

  void start() { gate_.spawn("redis subscriber", run()); }
  void subscribe(std::string channel, SubscriptionHandlers handlers);
  void unsubscribe(std::string_view channel);
  asio::awaitable<void> close();
  SubscriberStats stats() const noexcept {
    return {.connected = connected_, .channels = channels_.size(), .messages = messages_, .connects = connects_};
  }

 private:
  struct Channel {
    SubscriptionHandlers handlers;
    bool confirmed = false;
    bool gone = false;  ///< unsubscribed: its handlers are not called again
  };

  asio::awaitable<void> run();
  asio::awaitable<Error> read_all();
  asio::awaitable<Error> write_all();
  asio::awaitable<Error> watch_health();
  void ask(std::string_view channel);
  void wake() { wake_writer_.cancel_one(); }
  void handle(const Reply& reply);
  void on_confirmation(std::string_view channel);
  void on_unsubscribed_by_server(std::string_view channel);
  void tell_lost();
  std::shared_ptr<Channel> find(std::string_view channel) const {
    const auto it = channels_.find(channel);
    return it == channels_.end() ? nullptr : it->second;
  }

  asio::any_io_executor executor_;
  Options options_;
  const bool sharded_;
  Gate gate_;
  Backoff backoff_;
  asio::steady_timer wake_writer_;
  std::unique_ptr<link::Wire> wire_;
  std::map<std::string, std::shared_ptr<Channel>, std::less<>> channels_;
  /// Subscribe commands of this connection whose confirmation has not come. Only the last one's says that the channel
  /// is subscribed for good: an earlier one may be followed by the confirmation of an unsubscribe.
  std::map<std::string, unsigned, std::less<>> outstanding_;
  Request queue_;
  bool connected_ = false;
  bool closing_ = false;
  std::uint64_t messages_ = 0;
  std::uint64_t connects_ = 0;
};

void Subscriber::Impl::subscribe(std::string channel, SubscriptionHandlers handlers) {
  auto entry = std::make_shared<Channel>();
  entry->handlers = std::move(handlers);
  const auto [it, inserted] = channels_.emplace(std::move(channel), std::move(entry));
  if (!inserted) throw std::logic_error("redis::Subscriber: subscribed twice to " + it->first);
  if (connected_) ask(it->first);
}

void Subscriber::Impl::ask(std::string_view channel) {
  queue_.add(sharded_ ? "SSUBSCRIBE" : "SUBSCRIBE", channel);
  const auto it = outstanding_.find(channel);
  if (it == outstanding_.end()) {
    outstanding_.emplace(std::string(channel), 1);
  } else {
    ++it->second;
  }
  wake();
}

void Subscriber::Impl::unsubscribe(std::string_view channel) {
  const auto it = channels_.find(channel);
  if (it == channels_.end()) return;
  it->second->gone = true;
  if (connected_) {
    queue_.add(sharded_ ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel);
    wake();
  }
  channels_.erase(it);
}

asio::awaitable<void> Subscriber::Impl::run() {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer pause(executor_);
  while (!closing_) {
    wire_ = std::make_unique<link::Wire>(executor_, options_);
    auto opened = co_await wire_->open();
    if (opened) {
      ++connects_;
      backoff_.reset();
      connected_ = true;
      queue_ = Request();
      outstanding_.clear();
      for (const auto& [name, channel] : channels_) ask(name);
      co_await (read_all() || write_all() || watch_health());
      connected_ = false;
      wire_->close();
      tell_lost();
    }
    pause.expires_after(backoff_.next());
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void Subscriber::Impl::tell_lost() {
  const auto channels = channels_;  // a handler may change the map
  for (const auto& [name, channel] : channels) {
    const bool was = std::exchange(channel->confirmed, false);
    if (was && !channel->gone && channel->handlers.on_lost) channel->handlers.on_lost();
  }
}

asio::awaitable<Error> Subscriber::Impl::read_all() {
  for (;;) {
    auto reply = co_await wire_->next();
    if (!reply) co_return std::move(reply.error());
    handle(*reply);
  }
}

void Subscriber::Impl::handle(const Reply& reply) {
  const View push = reply.view();
  if (push.type() != Type::push || push.size() < 3) return;  // PONG, or a kind of push that nobody asked for
  auto part = push.begin();
  auto kind = (*part).text();
  const auto channel = (*++part).text();
  if (kind.starts_with('s') && kind != "subscribe") kind.remove_prefix(1);
  if (kind == "message") {
    const auto entry = find(channel);
    if (!entry || !entry->confirmed) return;
    ++messages_;
    if (entry->handlers.on_message) entry->handlers.on_message((*++part).text());
  } else if (kind == "subscribe") {
    on_confirmation(channel);
  } else if (kind == "unsubscribe") {
    on_unsubscribed_by_server(channel);
  }
}

void Subscriber::Impl::on_confirmation(std::string_view channel) {
  const auto count = outstanding_.find(channel);
  if (count == outstanding_.end() || --count->second > 0) return;
  outstanding_.erase(count);
  const auto entry = find(channel);
  if (!entry) return;
  entry->confirmed = true;
  if (entry->handlers.on_subscribed) entry->handlers.on_subscribed();
}

// Also the answer to our own unsubscribe: then the channel is unknown, or has been asked for again.
void Subscriber::Impl::on_unsubscribed_by_server(std::string_view channel) {
  const auto entry = find(channel);
  if (!entry || outstanding_.contains(channel)) return;
  const bool was = std::exchange(entry->confirmed, false);
  if (was && entry->handlers.on_lost) entry->handlers.on_lost();
  if (!entry->gone && connected_) ask(channel);
}

asio::awaitable<Error> Subscriber::Impl::write_all() {
  for (;;) {
    if (queue_.empty()) {
      co_await wake_writer_.async_wait(kTuple);
      co_await asio::post(executor_, asio::use_awaitable);
      continue;
    }
    const Request request = std::exchange(queue_, Request());
    auto written = co_await wire_->write(asio::buffer(request.wire()));
    if (!written) co_return std::move(written.error());
  }
}

asio::awaitable<Error> Subscriber::Impl::watch_health() {
  asio::steady_timer timer(executor_);
  for (;;) {
    const auto silent_until = wire_->last_read() + options_.health_interval;
    if (std::chrono::steady_clock::now() < silent_until) {
      timer.expires_at(silent_until);
      co_await timer.async_wait(asio::use_awaitable);
      continue;
    }
    const auto before = wire_->bytes_read();
    queue_.add("PING");
    wake();
    timer.expires_after(options_.health_timeout);
    co_await timer.async_wait(asio::use_awaitable);
    if (wire_->bytes_read() == before) {
      co_return Error(ErrorKind::unavailable, "redis_unavailable", "Redis stopped answering the subscriber's PING.");
    }
  }
}

asio::awaitable<void> Subscriber::Impl::close() {
  auto self = shared_from_this();
  if (std::exchange(closing_, true)) co_return;
  co_await gate_.close();
  connected_ = false;
  if (wire_) wire_->close();
  channels_.clear();
}

Subscriber::Subscriber(asio::any_io_executor executor, Options options, bool sharded)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), sharded)) {
  impl_->start();
}
Subscriber::~Subscriber() = default;

void Subscriber::subscribe(std::string channel, SubscriptionHandlers handlers) {
  impl_->subscribe(std::move(channel), std::move(handlers));
}
void Subscriber::unsubscribe(std::string_view channel) { impl_->unsubscribe(channel); }
asio::awaitable<void> Subscriber::close() { return impl_->close(); }
SubscriberStats Subscriber::stats() const noexcept { return impl_->stats(); }

}  // namespace inkwell::redis
