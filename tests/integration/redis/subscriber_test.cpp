#include <map>

#include <inkwell/redis/subscriber.hpp>

#include "integration/redis/link_fixture.hpp"
#include "support/fault_proxy.hpp"
#include "support/scripted_peer.hpp"

namespace inkwell::redis {
namespace {

class SubscriberTest : public LinkTest {};

/// What one subscription saw, in order: "+" confirmed, "-" lost, or the message.
struct Log {
  std::vector<std::string> seen;
  SubscriptionHandlers handlers() {
    SubscriptionHandlers handlers;
    handlers.on_subscribed = [this] { seen.emplace_back("+"); };
    handlers.on_lost = [this] { seen.emplace_back("-"); };
    handlers.on_message = [this](std::string_view text) { seen.emplace_back(text); };
    return handlers;
  }
  bool is(std::vector<std::string> expected) const { return seen == expected; }
};

asio::awaitable<void> hears_both_ways(Subscriber& subscriber, test::RedisServer& server, std::string publish) {
  Log log;
  subscriber.subscribe("c", log.handlers());
  EXPECT_TRUE(log.seen.empty());
  co_await must([&] { return log.is({"+"}); }, "the subscription is confirmed");
  server.cli({publish, "c", "one"});
  server.cli({publish, "other", "not mine"});
  server.cli({publish, "c", "two"});
  co_await must([&] { return log.is({"+", "one", "two"}); }, "messages come in order");
  EXPECT_EQ(subscriber.stats().messages, 2U);
  co_await subscriber.close();
}

TEST_F(SubscriberTest, HearsShardedAndPlainChannels) {
  Subscriber sharded(io_.get_executor(), options(), true);
  run_on(io_, hears_both_ways(sharded, server_, "SPUBLISH"));
  Subscriber plain(io_.get_executor(), options(), false);
  run_on(io_, hears_both_ways(plain, server_, "PUBLISH"));
}

asio::awaitable<void> survives(Subscriber& subscriber, test::RedisServer& server) {
  Log a;
  Log b;
  subscriber.subscribe("a", a.handlers());
  subscriber.subscribe("b", b.handlers());
  co_await must([&] { return a.is({"+"}) && b.is({"+"}); }, "both are confirmed");
  server.kill();
  co_await must([&] { return a.is({"+", "-"}) && b.is({"+", "-"}); }, "both are told of the loss");
  Log c;
  subscriber.subscribe("c", c.handlers());  // while it reconnects
  subscriber.unsubscribe("b");
  server.start();
  co_await must([&] { return a.is({"+", "-", "+"}) && c.is({"+"}); }, "they are subscribed again");
  server.cli({"SPUBLISH", "b", "gone"});
  server.cli({"SPUBLISH", "a", "back"});
  co_await must([&] { return a.is({"+", "-", "+", "back"}); }, "messages come again");
  EXPECT_TRUE(b.is({"+", "-"}));
  EXPECT_EQ(server.cli({"PUBSUB", "SHARDNUMSUB", "b"}), "b\n0");
  co_await subscriber.close();
  EXPECT_EQ(subscriber.stats().connected, false);
}

TEST_F(SubscriberTest, SubscribesAgainAfterARestart) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, survives(subscriber, server_));
}

asio::awaitable<void> flips(Subscriber& subscriber, test::RedisServer& server) {
  Log first;
  Log second;
  subscriber.subscribe("c", first.handlers());
  co_await must([&] { return first.is({"+"}); }, "it is confirmed");
  subscriber.unsubscribe("c");
  subscriber.subscribe("c", second.handlers());
  co_await must([&] { return second.is({"+"}); }, "it is confirmed anew");
  server.cli({"SPUBLISH", "c", "m"});
  co_await must([&] { return second.is({"+", "m"}); }, "the second hears");
  EXPECT_TRUE(first.is({"+"}));
  for (int i = 0; i < 20; ++i) {
    subscriber.unsubscribe("c");
    Log log;
    subscriber.subscribe("c", log.handlers());
    subscriber.unsubscribe("c");
    EXPECT_TRUE(log.seen.empty());
    subscriber.subscribe("c", second.handlers());
  }
  const auto before = second.seen.size();
  co_await must([&] { return second.seen.size() == before + 1; }, "only the last confirmation counts");
  server.cli({"SPUBLISH", "c", "n"});
  co_await must([&] { return second.seen.back() == "n"; }, "and it holds");
  EXPECT_EQ(server.cli({"PUBSUB", "SHARDNUMSUB", "c"}), "c\n1");
  EXPECT_THROW(subscriber.subscribe("c", {}), std::logic_error);
  subscriber.unsubscribe("unknown");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, UnsubscribingAndSubscribingAnewNeverMixesTheTwo) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, flips(subscriber, server_));
}

asio::awaitable<void> from_within(Subscriber& subscriber, test::RedisServer& server) {
  std::vector<std::string> seen;
  SubscriptionHandlers handlers;
  handlers.on_message = [&](std::string_view text) {
    seen.emplace_back(text);
    subscriber.unsubscribe("c");
    SubscriptionHandlers others;
    others.on_message = [&](std::string_view other) { seen.emplace_back("d:" + std::string(other)); };
    others.on_subscribed = [&] { seen.emplace_back("d+"); };
    subscriber.subscribe("d", std::move(others));
  };
  bool ready = false;
  handlers.on_subscribed = [&] { ready = true; };
  subscriber.subscribe("c", std::move(handlers));
  co_await must([&] { return ready; }, "it is confirmed");
  // Both messages arrive in one read; the second comes after the handler has unsubscribed.
  server.cli({"EVAL", "redis.call('SPUBLISH','c','1') redis.call('SPUBLISH','c','2')", "0"});
  co_await must([&] { return seen == std::vector<std::string>{"1", "d+"}; }, "nothing after unsubscribing");
  server.cli({"SPUBLISH", "d", "3"});
  co_await must([&] { return seen.back() == "d:3"; }, "the channel subscribed from within is heard");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, AHandlerMaySubscribeAndUnsubscribe) {
  Subscriber subscriber(io_.get_executor(), options(), true);
  run_on(io_, from_within(subscriber, server_));
}

asio::awaitable<void> refused(Subscriber& subscriber, test::RedisServer& server, int& refusals) {
  Log good;
  Log bad;
  subscriber.subscribe("good", good.handlers());
  subscriber.subscribe("secret", bad.handlers());
  co_await must([&] { return good.is({"+"}) && refusals >= 1; }, "one is confirmed, one refused");
  EXPECT_TRUE(bad.seen.empty());
  server.cli({"ACL", "SETUSER", "carol", "&*"});
  co_await must([&] { return bad.is({"+"}); }, "it is asked for again");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, ARefusedChannelIsToldAndAskedForAgain) {
  server_.cli({"ACL", "SETUSER", "carol", "on", ">pw", "~*", "+@all", "resetchannels", "&good"});
  auto carol = options();
  carol.endpoint.username = "carol";
  carol.endpoint.password = "pw";
  int refusals = 0;
  carol.on_event = [&](const LinkEvent& event) {
    refusals += event.detail.find("NOPERM") != std::string::npos ? 1 : 0;
  };
  Subscriber subscriber(io_.get_executor(), carol, true);
  run_on(io_, refused(subscriber, server_, refusals));
}

asio::awaitable<void> notices(Subscriber& subscriber, test::RedisServer& server) {
  Log log;
  subscriber.subscribe("c", log.handlers());
  co_await must([&] { return log.is({"+"}); }, "it is confirmed");
  server.pause();
  co_await must([&] { return log.is({"+", "-"}); }, "the dead peer is noticed");
  server.resume();
  co_await must([&] { return log.is({"+", "-", "+"}); }, "it is subscribed again");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, APingNoticesADeadPeer) {
  auto watchful = options();
  watchful.health_interval = 30ms;
  watchful.health_timeout = 50ms;
  Subscriber subscriber(io_.get_executor(), watchful, true);
  run_on(io_, notices(subscriber, server_));
}

asio::awaitable<void> moved_away(Subscriber& subscriber, int& asked) {
  Log log;
  subscriber.subscribe("c", log.handlers());
  co_await must([&] { return asked >= 2; }, "it is asked for again");
  co_await must([&] { return log.is({"+", "-", "+"}); }, "the loss and the return are told");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, AChannelTheServerTakesAwayIsLostAndAskedForAgain) {
  int asked = 0;
  test::ScriptedPeer peer(io_, test::ScriptedPeer::after_handshake([&](const std::string&) -> std::string {
                            const std::string confirmed = ">3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n";
                            return ++asked == 1 ? confirmed + ">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n"
                                                : confirmed;
                          }));
  Options options;
  options.endpoint = peer.endpoint();
  Subscriber subscriber(io_.get_executor(), options, true);
  run_on(io_, moved_away(subscriber, asked));
}

asio::awaitable<void> floods(Subscriber& subscriber, test::RedisServer& server, test::FaultProxy& proxy) {
  Log log;
  subscriber.subscribe("c", log.handlers());
  co_await must([&] { return log.is({"+"}); }, "it is confirmed");
  proxy.stall(test::Way::to_client, true);
  server.cli({"EVAL", "local m = string.rep('x', 1000000) for i = 1, 60 do redis.call('SPUBLISH', 'c', m) end", "0"});
  proxy.stall(test::Way::to_client, false);
  co_await must([&] { return std::ranges::count(log.seen, "-") >= 1; }, "being cut off is told");
  co_await must([&] { return log.seen.back() == "+"; }, "and repaired");
  co_await subscriber.close();
}

TEST_F(SubscriberTest, BeingTooSlowForTheServersOutputBufferIsALossLikeAnyOther) {
  server_.cli({"CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 0"});
  test::FaultProxy proxy(test::FaultProxy::Tcp{server_.port()});
  auto slow = options();
  slow.endpoint = server_.tcp_endpoint();
  slow.endpoint.port = proxy.port();
  Subscriber subscriber(io_.get_executor(), slow, true);
  run_on(io_, floods(subscriber, server_, proxy));
}

asio::awaitable<void> many_channels(Subscriber& subscriber, test::RedisServer& server) {
  std::map<std::string, int> counts;
  int confirmed = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "channel:" + std::to_string(i);
    SubscriptionHandlers handlers;
    handlers.on_subscribed = [&] { ++confirmed; };
    handlers.on_message = [&counts, name](std::string_view) { ++counts[name]; };
    subscriber.subscribe(name, std::move(handlers));
  }
  co_await must([&] { return confirmed == 3000; }, "all are confirmed");
  server.cli({"EVAL", "for i = 0, 2999 do redis.call('PUBLISH', 'channel:' .. i, 'x') end", "0"});
  co_await must([&] { return counts.size() == 3000; }, "each hears its own");
  for (const auto& [name, count] : counts) EXPECT_EQ(count, 1);
  co_await subscriber.close();
}

TEST_F(SubscriberTest, CarriesThousandsOfChannels) {
  Subscriber subscriber(io_.get_executor(), options(), false);
  run_on(io_, many_channels(subscriber, server_));
}

}  // namespace
}  // namespace inkwell::redis
