// The link by way of Sentinels: a master with two replicas, three Sentinels, real failovers.
#include <boost/asio/steady_timer.hpp>

#include "link_fixture.hpp"
#include "support/replicated_set.hpp"

namespace inkwell::redis {
namespace {

class SentinelLink : public testing::Test {
 protected:
  Options options() const {
    Options options;
    options.endpoint = set_.endpoint();
    options.backoff_cap = 100ms;
    options.command_timeout = 15'000ms;
    return options;
  }
  test::ReplicatedSet set_;
  asio::io_context io_{1};
};

asio::awaitable<void> writes_and_reads(Client& client) {
  auto set = co_await client.command("SET", "key", "value");
  EXPECT_TRUE(set) << (set ? "" : set.error().to_string());
  auto get = co_await client.command("GET", "key");
  EXPECT_TRUE(get && get->view().text() == "value");
  co_await client.close();
}

asio::awaitable<void> counts(Client& client, int& acknowledged, int& unknown, const bool& over, bool& ended) {
  while (!over) {
    auto answer = co_await client.command("INCR", "counter");
    if (answer) ++acknowledged;
    if (!answer && answer.error().outcome_unknown()) ++unknown;
    asio::steady_timer pause(co_await asio::this_coro::executor, 2ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  ended = true;
}

asio::awaitable<void> counts_through(Client& client, test::ReplicatedSet& set, std::function<void()> change) {
  Gate gate(co_await asio::this_coro::executor);
  int acknowledged = 0;
  int unknown = 0;
  bool over = false;
  bool ended = false;
  gate.spawn("counts", counts(client, acknowledged, unknown, over, ended));
  co_await must([&] { return acknowledged >= 20; }, "it counts");
  const int before = acknowledged;
  change();
  co_await must([&] { return acknowledged >= before + 20 && client.stats().connects >= 2; },
                "it counts on at the new master");
  over = true;
  co_await must([&] { return ended; }, "the counter ends");
  auto value = co_await client.command("GET", "counter");
  EXPECT_TRUE(value);
  // What the old master acknowledged and had not sent to its replicas is gone with it (Redis replicates
  // asynchronously), and a lost answer may or may not have been applied. Nothing is applied twice.
  EXPECT_LE(value ? value->view().integer().value_or(0) : 0, acknowledged + unknown);
  EXPECT_NE(set.master(), 0U);
  co_await client.close();
}

TEST_F(SentinelLink, FollowsAFailoverThatWasOrdered) {
  Client client(io_.get_executor(), options());
  run_on(io_, counts_through(client, set_, [&] { set_.fail_over(); }), 60s);
}

TEST_F(SentinelLink, FollowsAFailoverAfterTheMasterFroze) {
  auto watchful = options();
  watchful.health_interval = 200ms;
  watchful.health_timeout = 300ms;
  Client client(io_.get_executor(), watchful);
  run_on(io_,
         counts_through(client, set_,
                        [&] {
                          set_.server(0).pause();
                          set_.wait_for_another_master(0);
                        }),
         60s);
  set_.server(0).resume();
}

asio::awaitable<void> learns_why(Client& client, std::string part) {
  const CallOptions soon{.timeout = 1500ms, .idempotent = false};
  Request ping("PING");
  auto answer = co_await client.execute(std::move(ping), soon);
  EXPECT_FALSE(answer);
  const std::string message = answer ? "" : answer.error().message();
  EXPECT_NE(message.find(part), std::string::npos) << message;
  co_await client.close();
}

TEST_F(SentinelLink, WritesToTheMasterWhicheverSentinelAnswersAndToNobodyElse) {
  {
    Client client(io_.get_executor(), options());
    run_on(io_, writes_and_reads(client));
    EXPECT_EQ(set_.server(0).cli({"GET", "key"}), "value");
  }
  {
    auto wrong = options();
    wrong.endpoint.master_name = "nobody";
    wrong.connect_timeout = 300ms;
    Client client(io_.get_executor(), wrong);
    run_on(io_, learns_why(client, "'nobody'"));
  }
  {
    // A Sentinel that stands alone and takes a replica for the master.
    const test::SentinelServer misled(set_.server(1).port(), 1);
    auto wrong = options();
    wrong.endpoint.seeds = {{"127.0.0.1", misled.port()}};
    Client client(io_.get_executor(), wrong);
    run_on(io_, learns_why(client, "is a replica now"));
  }
  {
    set_.sentinel(0).kill();
    set_.sentinel(1).kill();
    Client client(io_.get_executor(), options());
    run_on(io_, writes_and_reads(client));
  }
}

struct Heard {
  int subscribed = 0;
  int messages = 0;
  SubscriptionHandlers handlers() {
    return {.on_subscribed = [this] { ++subscribed; },
            .on_message = [this](std::string_view) { ++messages; },
            .on_lost = nullptr};
  }
};

asio::awaitable<void> hears_again(Subscriber& subscriber, Heard& heard, test::ReplicatedSet& set) {
  co_await must([&] { return heard.subscribed >= 2; }, "it is subscribed at the new master");
  set.server(set.master()).cli({"PUBLISH", "news", "x"});
  co_await must([&] { return heard.messages == 1; }, "it hears the new master");
  co_await subscriber.close();
}

TEST_F(SentinelLink, FollowsAFailoverAfterTheMasterWasKilledWithItsSubscriptions) {
  Client client(io_.get_executor(), options());
  Subscriber subscriber(io_.get_executor(), options(), false);
  Heard heard;
  subscriber.subscribe("news", heard.handlers());
  run_on(io_, must([&] { return heard.subscribed == 1; }, "it is subscribed"));
  run_on(io_,
         counts_through(client, set_,
                        [&] {
                          set_.server(0).kill();
                          set_.wait_for_another_master(0);
                        }),
         60s);
  run_on(io_, hears_again(subscriber, heard, set_), 60s);
}

}  // namespace
}  // namespace inkwell::redis
