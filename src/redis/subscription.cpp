#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include <inkwell/redis/subscriber.hpp>
#include <inkwell/redis/subscription.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {

class Subscription::Buffer {
 public:
  explicit Buffer(SubscriptionOptions options) : options_(options) {}

  void message(std::string_view payload) {
    if (messages_ >= options_.max_messages || bytes_ + payload.size() > options_.max_bytes) return overrun();
    ++messages_;
    bytes_ += payload.size();
    push({.kind = Kind::message, .payload = std::string(payload), .dropped = 0});
  }
  // Confirmations and losses are bounded by folding: of two in a row that say the same, or a loss right after the
  // confirmation that nobody has read, one is kept.
  void state(Kind kind) {
    if (!events_.empty() && events_.back().kind == kind) return;
    if (events_.size() >= options_.max_messages + kStates) return overrun();
    push({.kind = kind, .payload = {}, .dropped = 0});
  }
  bool empty() const noexcept { return events_.empty(); }
  Event pop() {
    Event event = std::move(events_.front());
    events_.pop_front();
    if (event.kind == Kind::message) {
      --messages_;
      bytes_ -= event.payload.size();
    }
    return event;
  }
  void wait_with(asio::steady_timer* timer) noexcept { reader_ = timer; }

 private:
  static constexpr std::size_t kStates = 64;

  void overrun() {
    if (events_.empty() || events_.back().kind != Kind::overrun)
      push({.kind = Kind::overrun, .payload = {}, .dropped = 0});
    ++events_.back().dropped;
  }
  void push(Event event) {
    events_.push_back(std::move(event));
    if (reader_ != nullptr) reader_->cancel();
  }

  const SubscriptionOptions options_;
  std::deque<Event> events_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  asio::steady_timer* reader_ = nullptr;
};

Subscription::Subscription(Subscriber& subscriber, std::string channel, SubscriptionOptions options)
    : subscriber_(subscriber), channel_(std::move(channel)), buffer_(std::make_shared<Buffer>(options)) {
  subscriber_.subscribe(channel_,
                        {.on_subscribed = [buffer = buffer_] { buffer->state(Kind::subscribed); },
                         .on_message = [buffer = buffer_](std::string_view payload) { buffer->message(payload); },
                         .on_lost = [buffer = buffer_] { buffer->state(Kind::lost); }});
}

Subscription::~Subscription() { subscriber_.unsubscribe(channel_); }

asio::awaitable<Result<Subscription::Event>> Subscription::next(std::chrono::milliseconds timeout) {
  const auto buffer = buffer_;
  if (buffer->empty()) {
    asio::steady_timer timer(co_await asio::this_coro::executor, timeout);
    struct Waiting {
      Buffer& buffer;
      ~Waiting() { buffer.wait_with(nullptr); }
    } const waiting{*buffer};
    buffer->wait_with(&timer);
    const auto [ended] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (buffer->empty() && ended)
      co_return fail(ErrorKind::cancelled, "redis_cancelled", "The wait for a message was cancelled.");
  }
  if (buffer->empty())
    co_return fail(ErrorKind::deadline_exceeded, "redis_no_message", "No message came within the time allowed.");
  co_return buffer->pop();
}

}  // namespace inkwell::redis
