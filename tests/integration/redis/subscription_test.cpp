#include <inkwell/redis/subscription.hpp>

#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

using Kind = Subscription::Kind;

class SubscriptionTest : public LinkTest {};

asio::awaitable<Subscription::Event> next(Subscription& from) {
  auto event = co_await from.next(10s);
  if (!event) throw std::runtime_error(event.error().to_string());
  co_return std::move(*event);
}

asio::awaitable<void> tells(Subscriber& subscriber, test::RedisServer& server) {
  {
    Subscription news(subscriber, "news");
    EXPECT_EQ((co_await next(news)).kind, Kind::subscribed);
    server.cli({"SPUBLISH", "news", "one"});
    server.cli({"SPUBLISH", "news", "two"});
    EXPECT_EQ((co_await next(news)).payload, "one");
    EXPECT_EQ((co_await next(news)).payload, "two");
    auto none = co_await news.next(10ms);
    EXPECT_EQ(none.error().kind(), ErrorKind::deadline_exceeded);
    server.kill();
    EXPECT_EQ((co_await next(news)).kind, Kind::lost);
    server.start();
    EXPECT_EQ((co_await next(news)).kind, Kind::subscribed);
    server.cli({"SPUBLISH", "news", "three"});
    EXPECT_EQ((co_await next(news)).payload, "three");
  }
  EXPECT_EQ(subscriber.stats().channels, 0U);
  co_await subscriber.close();
}

TEST_F(SubscriptionTest, TellsMessagesLossesAndReturnsInTheirOrder) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, tells(subscriber, server_));
}

asio::awaitable<void> is_slow(Subscriber& subscriber, test::RedisServer& server) {
  Subscription few(subscriber, "few", {.max_messages = 2, .max_bytes = 1000});
  Subscription small(subscriber, "small", {.max_messages = 100, .max_bytes = 10});
  EXPECT_EQ((co_await next(few)).kind, Kind::subscribed);
  EXPECT_EQ((co_await next(small)).kind, Kind::subscribed);
  for (int i = 0; i < 5; ++i) server.cli({"SPUBLISH", "few", std::to_string(i)});
  for (int i = 0; i < 3; ++i) server.cli({"SPUBLISH", "small", "12345678"});
  co_await must([&] { return subscriber.stats().messages == 8; }, "all have come");
  EXPECT_EQ((co_await next(few)).payload, "0");
  EXPECT_EQ((co_await next(few)).payload, "1");
  const auto missing = co_await next(few);
  EXPECT_EQ(missing.kind, Kind::overrun);
  EXPECT_EQ(missing.dropped, 3U);
  EXPECT_EQ((co_await next(small)).payload, "12345678");
  EXPECT_EQ((co_await next(small)).dropped, 2U);
  server.cli({"SPUBLISH", "few", "again"});
  EXPECT_EQ((co_await next(few)).payload, "again");
  co_await subscriber.close();
}

TEST_F(SubscriptionTest, ASlowReaderIsToldWhatItMissed) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, is_slow(subscriber, server_));
}

}  // namespace
}  // namespace inkwell::redis
