// Subscriber::Impl: a session that says SUBSCRIBE. A connection answers commands in order, errors as plain replies and
// confirmations as pushes, so what was asked and not yet answered is kept in a queue; a push that doesn't answer the
// front of that queue is the server's own doing. One server; Subscriber::OnCluster has one for each node.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <inkwell/redis/subscriber.hpp>

#include "redis/link/session.hpp"

namespace inkwell::redis {

class Subscriber::Impl final : public link::Session {
 public:
  Impl(const asio::any_io_executor& executor, const Options& options, bool sharded);

  void subscribe(std::string channel, SubscriptionHandlers handlers);
  void unsubscribe(std::string_view channel);
  void close();
  /// Called whenever a subscription was refused, or the connection was lost or could not be made: on a cluster, the
  /// channel may be served elsewhere now.
  void on_doubt(std::function<void()> doubt) { doubt_ = std::move(doubt); }
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
  void on_connect_failed(const Error&, bool, bool) override {
    if (doubt_) doubt_();
  }
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
  std::function<void()> doubt_;
  std::map<std::string, ChannelPtr, std::less<>> channels_;
  std::deque<Asked> asked_;  ///< of this connection, without an answer yet
  std::string out_;
  bool flush_posted_ = false;
  std::uint64_t messages_ = 0;
};

}  // namespace inkwell::redis
