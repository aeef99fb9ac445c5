// The client on a real cluster of three masters and their replicas: routing, redirections, resharding and failovers
// under load.
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "link_fixture.hpp"
#include "redis/cluster/key_slot.hpp"
#include "support/cluster_servers.hpp"

namespace inkwell::redis {
namespace {

using cluster::key_slot;

class ClusterClient : public testing::Test {
 protected:
  Options options() const {
    Options options;
    options.endpoint = servers_.endpoint();
    options.backoff_cap = 100ms;
    options.command_timeout = 20'000ms;
    return options;
  }
  test::ClusterServers servers_;
  asio::io_context io_{1};
};

std::string key_number(int i) { return "key" + std::to_string(i); }

asio::awaitable<void> sets_and_gets(Client& client) {
  for (int i = 0; i < 100; ++i) {
    auto set = co_await client.command("SET", key_number(i), i);
    EXPECT_TRUE(set) << (set ? "" : set.error().to_string());
  }
  for (int i = 0; i < 100; ++i) {
    auto get = co_await client.command("GET", key_number(i));
    EXPECT_TRUE(get && get->view().integer() == i) << i;
  }
}

asio::awaitable<void> sends_many_at_once(Client& client) {
  Request pipeline;
  for (int i = 0; i < 100; ++i) pipeline.add("GET", key_number(i));
  pipeline.add("PING").add("MGET", "key1", "nothing", "key2").add("LPUSH", "key3", "not a list");
  auto answers = co_await client.execute_all(std::move(pipeline));
  EXPECT_EQ(answers.size(), 103U);
  for (int i = 0; i < 100; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    EXPECT_TRUE(answer && answer->view().integer() == i) << i;
  }
  EXPECT_TRUE(answers[100] && answers[100]->view().text() == "PONG");
  EXPECT_TRUE(answers[101] && answers[101]->view().size() == 3);
  EXPECT_EQ(answers[102].error().code(), "redis_wrongtype");
}

asio::awaitable<void> splits_over_slots(Client& client) {
  auto values = co_await client.command("MGET", "key5", "nothing", "key6", "key7");
  EXPECT_TRUE(values);
  if (values) {
    std::vector<std::string> texts;
    for (const View value : values->view()) texts.push_back(value.is_null() ? "null" : std::string(value.text()));
    EXPECT_EQ(texts, (std::vector<std::string>{"5", "null", "6", "7"}));
  }
  auto exist = co_await client.command("EXISTS", "key5", "nothing", "key6");
  EXPECT_TRUE(exist && exist->view().integer() == 2);
  auto gone = co_await client.command("DEL", "key8", "key9", "nothing");
  EXPECT_TRUE(gone && gone->view().integer() == 2);
  auto refused = co_await client.command("MSET", "key1", "1", "key2", "2");
  EXPECT_TRUE(!refused && refused.error().code() == "redis_crossslot");
}

asio::awaitable<void> runs_scripts(Client& client) {
  const Script script("return {KEYS[1], ARGV[1]}");
  for (int i = 0; i < 10; ++i) {
    std::vector<std::string> keys{key_number(i)};
    std::vector<std::string> arguments{"a"};
    auto answer = co_await client.run(script, keys, arguments);
    EXPECT_TRUE(answer && answer->view().size() == 2) << i;
  }
}

asio::awaitable<void> does_what_one_server_does(Client& client) {
  co_await sets_and_gets(client);
  co_await sends_many_at_once(client);
  co_await splits_over_slots(client);
  co_await runs_scripts(client);
  EXPECT_EQ(client.masters().size(), 3U);
  EXPECT_TRUE(client.connected());
  co_await client.close();
}

TEST_F(ClusterClient, DoesWhatAClientOfOneServerDoes) {
  Client client(io_.get_executor(), options());
  run_on(io_, does_what_one_server_does(client));
}

std::uint64_t gets_at(test::ClusterServers& servers, std::size_t first, std::size_t last) {
  std::uint64_t sum = 0;
  for (std::size_t i = first; i < last; ++i) {
    const auto stats = servers.node(i).cli({"INFO", "commandstats"});
    const auto at = stats.find("cmdstat_get:calls=");
    if (at != std::string::npos) sum += std::stoull(stats.substr(at + 18));
  }
  return sum;
}

asio::awaitable<void> reads_from_replicas(Client& client, test::ClusterServers& servers) {
  const CallOptions anywhere{.timeout = 5s, .idempotent = true, .read_from = ReadFrom::replica};
  const auto read = [&](int i) -> asio::awaitable<bool> {
    Request get("GET", "key" + std::to_string(i));
    auto answer = co_await client.execute(std::move(get), anywhere);
    co_return answer && answer->view().integer() == i;
  };
  for (int i = 0; i < 30; ++i) {
    Request set("SET", "key" + std::to_string(i), i);
    auto answer = co_await client.execute(std::move(set), anywhere);  // a write finds the master all the same
    EXPECT_TRUE(answer) << answer.error().to_string();
  }
  servers.make_whole();
  for (std::size_t i = 0; i < 3; ++i) servers.node(i).cli({"WAIT", "1", "5000"});
  const auto all_come_from_replicas = [&]() -> asio::awaitable<bool> {
    const auto before = gets_at(servers, 0, 3);
    for (int i = 0; i < 30; ++i) {
      const bool right = co_await read(i);
      EXPECT_TRUE(right) << i;
    }
    co_return gets_at(servers, 0, 3) == before;
  };
  bool spread = false;
  for (int round = 0; round < 200 && !spread; ++round) spread = co_await all_come_from_replicas();
  EXPECT_TRUE(spread) << "masters are still asked";
  EXPECT_GE(gets_at(servers, 3, 6), 30U);
  Request all("GET", "key1");
  all.add("GET", "key2").add("GET", "key3");
  const auto masters_before = gets_at(servers, 0, 3);
  auto answers = co_await client.execute_all(std::move(all), anywhere);
  EXPECT_EQ(answers[2]->view().integer(), 3);
  EXPECT_EQ(gets_at(servers, 0, 3), masters_before);
  for (std::size_t i = 3; i < 6; ++i) servers.node(i).kill();
  for (int i = 0; i < 30; ++i) {
    const bool right = co_await read(i);
    EXPECT_TRUE(right) << i << ": without replicas the masters serve";
  }
  co_await client.close();
}

TEST_F(ClusterClient, ReadsFromReplicasWhereItMayAndFromMastersWhereItMust) {
  Client client(io_.get_executor(), options());
  run_on(io_, reads_from_replicas(client, servers_), 30s);
}

asio::awaitable<void> follows_a_move(Client& client, test::ClusterServers& servers) {
  co_await sets_and_gets(client);
  const auto slot = key_slot("key1");
  const auto from = servers.master_of(slot);
  const auto to = (from + 1) % 3;
  servers.begin_to_move_slot(slot, to);
  auto here = co_await client.command("GET", "key1");  // still where it was
  EXPECT_TRUE(here && here->view().integer() == 1);
  const std::string newcomer = "{key1}new";  // not there: asked for at the other
  auto asked = co_await client.command("SET", newcomer, "n");
  EXPECT_TRUE(asked) << (asked ? "" : asked.error().to_string());
  EXPECT_EQ(servers.node(from).cli({"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}), "1");
  servers.finish_moving_slot(slot, to);
  co_await sets_and_gets(client);
  auto moved = co_await client.command("GET", newcomer);
  EXPECT_TRUE(moved && moved->view().text() == "n");
  co_await client.close();
}

TEST_F(ClusterClient, FollowsASlotThatMoves) {
  Client client(io_.get_executor(), options());
  run_on(io_, follows_a_move(client, servers_), 30s);
}

struct Count {
  int acknowledged = 0;
  int unknown = 0;
  int refused = 0;
};

asio::awaitable<void> counts(Client& client, std::string key, Count& count, const bool& over, int& running) {
  while (!over) {
    auto answer = co_await client.command("INCR", key);
    if (answer) {
      ++count.acknowledged;
    } else if (answer.error().outcome_unknown()) {
      ++count.unknown;
    } else {
      ++count.refused;
    }
    asio::steady_timer pause(co_await asio::this_coro::executor, 1ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  --running;
}

// Counters on all masters while something happens to the cluster. `lossless`: no master's memory is lost.
asio::awaitable<void> counts_through(Client& client, test::ClusterServers& servers, std::function<void()> change,
                                     bool lossless) {
  Gate gate(co_await asio::this_coro::executor);
  std::vector<Count> counters(12);
  bool over = false;
  int running = 12;
  for (int i = 0; i < 12; ++i)
    gate.spawn("counts",
               counts(client, "counter" + std::to_string(i), counters[static_cast<std::size_t>(i)], over, running));
  const auto all_reach = [&counters](int more, std::vector<Count> since) {
    for (std::size_t i = 0; i < counters.size(); ++i) {
      if (counters[i].acknowledged < since[i].acknowledged + more) return false;
    }
    return true;
  };
  co_await must([&] { return all_reach(10, std::vector<Count>(12)); }, "all count");
  const auto before = counters;
  change();
  co_await must([&] { return all_reach(10, before); }, "all count on");
  over = true;
  co_await must([&] { return running == 0; }, "all end");
  for (int i = 0; i < 12; ++i) {
    const auto& count = counters[static_cast<std::size_t>(i)];
    auto value = co_await client.command("GET", "counter" + std::to_string(i));
    EXPECT_TRUE(value);
    const auto applied = value ? value->view().integer().value_or(0) : 0;
    EXPECT_LE(applied, count.acknowledged + count.unknown) << "counter" << i << ": applied twice";
    if (lossless) {
      EXPECT_GE(applied, count.acknowledged) << "counter" << i;
    }
    EXPECT_EQ(count.refused, 0) << "counter" << i;
  }
  (void)servers;
  co_await client.close();
}

TEST_F(ClusterClient, CountsOnThroughReshardingAndAnOrderedFailover) {
  Client client(io_.get_executor(), options());
  run_on(io_,
         counts_through(
             client, servers_,
             [&] {
               for (int i = 0; i < 12; ++i) {
                 const auto slot = key_slot("counter" + std::to_string(i));
                 servers_.move_slot(slot, (servers_.master_of(slot) + 1) % 3);
               }
               servers_.fail_over(0);
             },
             true),
         90s);
}

TEST_F(ClusterClient, CountsOnAfterAMasterWasKilled) {
  Client client(io_.get_executor(), options());
  run_on(io_,
         counts_through(
             client, servers_,
             [&] {
               const auto slot = key_slot("counter0");
               const auto before = servers_.master_of(slot);
               servers_.node(before).kill();
               servers_.wait_for_another_master(slot, before);
             },
             false),
         90s);
}

struct Heard {
  int subscribed = 0;
  int lost = 0;
  std::vector<std::string> messages;
  SubscriptionHandlers handlers() {
    return {.on_subscribed = [this] { ++subscribed; },
            .on_message = [this](std::string_view payload) { messages.emplace_back(payload); },
            .on_lost = [this] { ++lost; }};
  }
};

// Published until it is heard, as nothing says when a new master knows of its subscribers.
asio::awaitable<void> is_heard(Client& client, std::string channel, Heard& heard, std::string message) {
  co_await must([&] { return heard.subscribed > heard.lost; }, "it is subscribed");
  auto published = co_await client.command("SPUBLISH", channel, message);
  EXPECT_TRUE(published && published->view().integer() == 1) << channel << " " << message;
  co_await must([&] { return !heard.messages.empty() && heard.messages.back() == message; }, "it is heard");
}

asio::awaitable<void> all_are_heard(Client& client, std::vector<Heard>& all, std::string message) {
  for (std::size_t i = 0; i < all.size(); ++i)
    co_await is_heard(client, "news" + std::to_string(i), all[i], message + std::to_string(i));
}

asio::awaitable<void> follows_channels(Client& client, Subscriber& subscriber, test::ClusterServers& servers,
                                       std::vector<Heard>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) subscriber.subscribe("news" + std::to_string(i), all[i].handlers());
  co_await all_are_heard(client, all, "first");
  const auto slot = key_slot("news0");
  const auto from = servers.master_of(slot);
  servers.move_slot(slot, (from + 1) % 3);
  co_await must([&] { return all[0].lost == 1 && all[0].subscribed == 2; }, "the channel is followed to its new node");
  co_await all_are_heard(client, all, "moved");
  const auto before = servers.master_of(slot);
  servers.node(before).kill();
  co_await must([&] { return all[0].lost == 2; }, "the loss is told");
  servers.wait_for_another_master(slot, before);
  co_await must([&] { return all[0].subscribed == 3; }, "the channel is followed to the replica");
  co_await all_are_heard(client, all, "failed over");
  for (std::size_t i = 0; i < all.size(); ++i) subscriber.unsubscribe("news" + std::to_string(i));
  EXPECT_EQ(subscriber.stats().channels, 0U);
  for (const auto& heard : all) EXPECT_EQ(heard.messages.size(), 3U);
  co_await subscriber.close();
  co_await client.close();
}

TEST_F(ClusterClient, SubscriptionsFollowTheirChannelsThroughAMoveAndAKilledMaster) {
  Client client(io_.get_executor(), options());
  Subscriber subscriber(io_.get_executor(), options(), true);
  std::vector<Heard> all(6);
  run_on(io_, follows_channels(client, subscriber, servers_, all), 90s);
}

asio::awaitable<void> gives_up_at_its_deadline(Client& client) {
  const auto began = std::chrono::steady_clock::now();
  const CallOptions soon{.timeout = 300ms, .idempotent = false};
  Request get("GET", "key");
  auto answer = co_await client.execute(std::move(get), soon);
  EXPECT_FALSE(answer);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  if (!answer) {
    EXPECT_FALSE(answer.error().outcome_unknown());
  }
  co_await client.close();
}

TEST(ClusterClientAlone, EndsACallAtItsDeadlineWhenNoNodeIsThere) {
  asio::io_context io{1};
  Options options;
  options.endpoint.topology = Topology::cluster;
  options.endpoint.seeds = {{"127.0.0.1", test::free_port()}, {"127.0.0.1", test::free_port()}};
  options.backoff_cap = 20ms;
  Client client(io.get_executor(), options);
  run_on(io, gives_up_at_its_deadline(client));
}

TEST(ClusterClientAlone, SaysThatAServerIsNoCluster) {
  asio::io_context io{1};
  const test::RedisServer server;
  Options options;
  options.endpoint.topology = Topology::cluster;
  options.endpoint.seeds = {{"127.0.0.1", server.port()}};
  Client client(io.get_executor(), options);
  run_on(io, gives_up_at_its_deadline(client));
}

}  // namespace
}  // namespace inkwell::redis
