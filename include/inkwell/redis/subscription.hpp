// Subscription: what is published to one channel, as an asynchronous stream:
//
//   Subscription news(subscriber, "news");
//   for (;;) {
//     auto event = co_await news.next(30s);
//     if (!event) continue;                                    // nothing in 30 s, or closed: event.error() says which
//     if (event->kind == Subscription::Kind::message) ...
//   }
//
// Pub/Sub keeps nothing, so the stream says where something may be missing: between `lost` and the next `subscribed`,
// and where the reader was too slow for the buffer (`overrun`). Lives on its subscriber's executor (one thread).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <inkwell/error.hpp>

namespace inkwell::redis {

class Subscriber;

struct SubscriptionOptions {
  std::size_t max_messages = 1024;    ///< waiting for the reader; what comes beyond is dropped, and told as an overrun
  std::size_t max_bytes = 16u << 20;  ///< of their payloads together
};

class Subscription {
 public:
  enum class Kind : std::uint8_t {
    subscribed,  ///< the server has confirmed: what is published from here on follows
    message,
    lost,     ///< the connection is gone; it comes back by itself
    overrun,  ///< `dropped` messages are missing here
  };
  struct Event {
    Kind kind = Kind::message;
    std::string payload;        ///< of a message
    std::uint64_t dropped = 0;  ///< of an overrun
  };

  /// Subscribes at once. A channel can be subscribed to once a Subscriber, whichever way: std::logic_error otherwise.
  /// `subscriber` must outlive it.
  Subscription(Subscriber& subscriber, std::string channel, SubscriptionOptions options = {});
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  /// Unsubscribes. No next() may be under way.
  ~Subscription();

  /// The next event, in the order things happened. ErrorKind::deadline_exceeded when there is none within `timeout`,
  /// ErrorKind::cancelled when the awaiting coroutine was cancelled; nothing is lost by either. One call at a time.
  boost::asio::awaitable<Result<Event>> next(std::chrono::milliseconds timeout);

 private:
  class Buffer;
  Subscriber& subscriber_;
  const std::string channel_;
  const std::shared_ptr<Buffer> buffer_;
};

}  // namespace inkwell::redis
