#include "events/node.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "events/selector.hpp"
#include "integration/events/hub_world.hpp"

namespace inkwell::events {
namespace {

using test::after;
using test::Listener;
using test::oldest;
using test::RedisServer;
using test::World;
using namespace std::chrono_literals;

std::vector<EventId> tail(const std::vector<EventId>& ids, std::size_t from) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(from), ids.end()};
}

/// How many commands Redis has executed, without those that ask.
std::uint64_t commands(const RedisServer& server) {
  std::uint64_t sum = 0;
  std::istringstream lines(server.cli({"INFO", "commandstats"}));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("cmdstat_info") || line.starts_with("cmdstat_ping") || line.starts_with("cmdstat_pubsub"))
      continue;
    const auto at = line.find("calls=");
    if (at != std::string::npos) sum += std::stoull(line.substr(at + 6));
  }
  return sum;
}

std::string subscribers(const RedisServer& server, const World& world, const std::string& channel) {
  const auto key = world.stores[0]->keys().channel_live(channel).str();
  const auto answer = server.cli({"PUBSUB", "SHARDNUMSUB", key});
  return answer.substr(answer.find('\n') + 1);
}

TEST(Node, DeliversLiveEventsInOrderToReadersOnEveryWorker) {
  RedisServer server;
  World world(server, 3);
  std::array<Listener, 3> listeners;
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(world.nodes[i]->follow(listeners[i], "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return listeners[0].joined && listeners[1].joined && listeners[2].joined; }));
  const auto ids = world.publish("news", 50);
  for (auto& listener : listeners) {
    ASSERT_TRUE(world.wait_for([&] { return listener.ids.size() >= 50; }));
    EXPECT_EQ(listener.ids, ids);
    EXPECT_TRUE(listener.gaps.empty());
  }
  EXPECT_EQ(subscribers(server, world, "news"), "1");
  EXPECT_EQ(world.stats().history_reads, 0U);
  test::expect_no_immortal_keys(server);
}

TEST(Node, StartsALiveReaderAtTheTailAndAnotherAtTheOldest) {
  RedisServer server;
  World world(server, 1);
  const auto before = world.publish("news", 100);
  Listener live;
  Listener all;
  ASSERT_TRUE(world.nodes[0]->follow(live, "news", {}));
  ASSERT_TRUE(world.nodes[0]->follow(all, "news", oldest()));
  ASSERT_TRUE(world.wait_for([&] { return live.joined && all.joined; }));
  const auto later = world.publish("news", 3);
  ASSERT_TRUE(world.wait_for([&] { return live.ids.size() == 3 && all.ids.size() == 103; }));
  EXPECT_EQ(live.ids, later);
  EXPECT_EQ(tail(all.ids, 100), later);
  EXPECT_EQ(std::vector<EventId>(all.ids.begin(), all.ids.begin() + 100), before);
  EXPECT_TRUE(all.gaps.empty());
}

/// Reads of logs that the server has answered since it was started.
std::size_t log_reads(const RedisServer& server) {
  const std::string stats = server.cli({"INFO", "commandstats"});
  std::size_t reads = 0;
  for (const std::string_view name : {"cmdstat_xrange:calls=", "cmdstat_xrevrange:calls="}) {
    const auto at = stats.find(name);
    if (at != std::string::npos) reads += std::stoul(stats.substr(at + name.size()));
  }
  return reads;
}

TEST(Node, ServesThousandsThatComeBackAtOnceToANodeThatJustStartedWithAHandfulOfReads) {
  RedisServer server;
  NodeOptions options;
  options.chain.prefill = 16;  // so that what they missed is not in the ring
  std::vector<EventId> ids;
  {
    World before(server, 1, options);
    ids = before.publish("news", 200);
  }
  server.cli({"CONFIG", "RESETSTAT"});
  World world(server, 2, options);
  std::deque<Listener> listeners;
  for (std::size_t i = 0; i < 2000; ++i) {
    auto& listener = listeners.emplace_back();
    ASSERT_TRUE(world.nodes[i % 2]->follow(listener, "news", after(ids[145 + i % 10])));  // some 50 behind
  }
  ASSERT_TRUE(world.wait_for(
      [&] { return std::ranges::all_of(listeners, [&](const Listener& each) { return each.last() == ids.back(); }); }));
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    ASSERT_EQ(listeners[i].ids, tail(ids, 146 + i % 10));
    ASSERT_TRUE(listeners[i].gaps.empty());
  }
  EXPECT_LT(log_reads(server), 50U);
  EXPECT_GT(world.stats().history_reads, 0U);  // they were not in the ring
}

TEST(Node, ResumesFromTheRingWithoutReadingTheLog) {
  RedisServer server;
  World world(server, 2);
  const auto ids = world.publish("news", 40);
  Listener first;
  ASSERT_TRUE(world.nodes[0]->follow(first, "news", after(ids[9])));
  ASSERT_TRUE(world.wait_for([&] { return first.ids.size() == 30; }));
  EXPECT_EQ(first.ids, tail(ids, 10));
  EXPECT_EQ(world.stats().history_reads, 0U);
  EXPECT_FALSE(first.lost);
}

TEST(Node, JoinsALongHistoryToTheLiveSideById) {
  RedisServer server;
  NodeOptions options;
  options.history_batch = 7;
  options.chain.prefill = 4;
  World world(server, 2, options);
  auto ids = world.publish("news", 100);
  Listener reader;
  ASSERT_TRUE(world.nodes[1]->follow(reader, "news", after(ids[4])));
  const auto more = world.publish("news", 60, 100);  // while it reads
  ids.insert(ids.end(), more.begin(), more.end());
  ASSERT_TRUE(world.wait_for([&] { return reader.ids.size() >= 155; }));
  EXPECT_EQ(reader.ids, tail(ids, 5));
  EXPECT_TRUE(reader.gaps.empty());
}

TEST(Node, TellsAReaderWhatTheLogNoLongerHolds) {
  RedisServer server;
  NodeOptions options;
  options.publish = {.max_length = 10, .exact_length = true};
  options.chain.prefill = 4;
  World world(server, 1, options);
  const auto ids = world.publish("news", 30);
  Listener trimmed;
  Listener next_to_it;
  Listener unknown;
  Listener malformed;
  ASSERT_TRUE(world.nodes[0]->follow(trimmed, "news", after(ids[5])));
  ASSERT_TRUE(world.nodes[0]->follow(next_to_it, "news", after(ids[19])));
  ASSERT_TRUE(world.nodes[0]->follow(unknown, "news", after({ids[29].milliseconds + 5000, 0})));
  ASSERT_TRUE(world.nodes[0]->follow(malformed, "news", start_after("999999999999999999999999-1")));
  ASSERT_TRUE(world.wait_for([&] {
    return trimmed.ids.size() == 10 && next_to_it.ids.size() == 10 && unknown.ids.size() == 10 && malformed.joined;
  }));
  EXPECT_EQ(trimmed.ids, tail(ids, 20));
  EXPECT_EQ(trimmed.lost, GapReason::trimmed);
  ASSERT_EQ(trimmed.gaps.size(), 1U);
  EXPECT_NE(trimmed.gaps[0].find("\"from\":\"" + ids[5].to_string() + "\",\"to\":\"" + ids[20].to_string()),
            std::string::npos);
  EXPECT_TRUE(trimmed.all.front()->is_gap()) << "it is told first";
  EXPECT_EQ(next_to_it.ids, tail(ids, 20));
  EXPECT_FALSE(next_to_it.lost);
  EXPECT_TRUE(next_to_it.gaps.empty());
  EXPECT_EQ(unknown.lost, GapReason::unknown_cursor);
  EXPECT_EQ(unknown.ids, tail(ids, 20));
  EXPECT_EQ(unknown.gaps.size(), 1U);
  EXPECT_EQ(malformed.lost, GapReason::malformed_cursor);
  const auto live = world.publish("news", 1);
  ASSERT_TRUE(world.wait_for([&] { return malformed.ids == live && malformed.gaps.size() == 1; }));
}

TEST(Node, TellsAReaderThatTheLogHasExpired) {
  RedisServer server;
  World world(server, 1);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", after({1700000000000, 3})));
  ASSERT_TRUE(world.wait_for([&] { return reader.gaps.size() == 1; }));
  EXPECT_EQ(reader.lost, GapReason::unknown_cursor);
  const auto live = world.publish("news", 2);
  ASSERT_TRUE(world.wait_for([&] { return reader.ids == live; }));
  EXPECT_EQ(reader.gaps.size(), 1U);
}

TEST(Node, TellsAReaderWhoseLogExpiredAndBeganAnew) {
  RedisServer server;
  NodeOptions options;
  options.chain.prefill = 1;
  World world(server, 1, options);
  const auto old = world.publish("news", 5);
  server.cli({"DEL", world.stores[0]->keys().channel_log("news").str()});
  const auto fresh = world.publish("news", 5);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", after(old[4])));
  ASSERT_TRUE(world.wait_for([&] { return reader.ids.size() == 5; }));
  EXPECT_EQ(reader.ids, fresh);
  EXPECT_EQ(reader.lost, GapReason::trimmed);
}

TEST(Node, ASlowReaderFallsOffTheRingAndReadsOnFromTheLog) {
  RedisServer server;
  NodeOptions options;
  options.chain.ring_bytes = 2000;
  options.history_batch = 16;
  World world(server, 2, options);
  Listener slow;
  Listener quick;
  ASSERT_TRUE(world.nodes[0]->follow(slow, "news", {}));
  ASSERT_TRUE(world.nodes[0]->follow(quick, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return slow.joined && quick.joined; }));
  slow.held = true;
  slow.most_at_once = 3;
  const auto ids = world.publish("news", 200, 0, 100);
  ASSERT_TRUE(world.wait_for([&] { return quick.ids.size() == 200; }));
  EXPECT_TRUE(slow.ids.empty());
  slow.release();
  ASSERT_TRUE(world.wait_for([&] { return slow.ids.size() >= 200; }));
  EXPECT_EQ(slow.ids, ids);
  EXPECT_TRUE(slow.gaps.empty());
  EXPECT_GE(world.stats().fell_behind, 1U);
  EXPECT_EQ(quick.ids, ids);
}

TEST(Node, ASlowReaderOfAnEmptyLogIsToldWhatWasCutWhileItSlept) {
  RedisServer server;
  NodeOptions options;
  options.chain.ring_bytes = 1000;
  options.publish = {.max_length = 20, .exact_length = true};
  World world(server, 1, options);
  Listener slow;
  ASSERT_TRUE(world.nodes[0]->follow(slow, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return slow.joined; }));
  slow.held = true;
  const auto ids = world.publish("news", 60);
  slow.release();
  ASSERT_TRUE(world.wait_for([&] { return slow.last() == ids.back(); }));
  EXPECT_EQ(slow.ids, tail(ids, 40));
  ASSERT_EQ(slow.gaps.size(), 1U);
}

TEST(Node, SelectsByTopic) {
  RedisServer server;
  World world(server, 1);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", {},
                                     std::make_unique<TopicSelector>(std::vector<std::string>{"chapters", "notes"})));
  ASSERT_TRUE(world.wait_for([&] { return reader.joined; }));
  std::vector<Event> events(4);
  events[1].topics = {"notes", "x"};
  events[2].topics = {"other"};
  events[3].topics = {"chapters"};
  auto published = world.run(world.nodes[0]->publish("news", events, std::nullopt));
  ASSERT_TRUE(published);
  ASSERT_TRUE(world.wait_for([&] { return reader.ids.size() == 2; }));
  EXPECT_EQ(reader.ids, (std::vector<EventId>{published->ids[1], published->ids[3]}));
  EXPECT_EQ(reader.cursor(), published->ids[3]);
}

TEST(Node, RepairsWhatItMissedWhileItsSubscriptionWasCut) {
  RedisServer server;
  World world(server, 2);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return reader.joined; }));
  std::vector<EventId> ids;
  for (std::size_t round = 0; round < 10; ++round) {
    server.cli({"CLIENT", "KILL", "TYPE", "pubsub"});
    const auto more = world.publish("news", 20, round * 20);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  ASSERT_TRUE(world.wait_for([&] { return reader.ids.size() >= 200; }));
  EXPECT_EQ(reader.ids, ids);
  EXPECT_TRUE(reader.gaps.empty());
  EXPECT_GE(world.stats().repairs, 1U);
}

TEST(Node, NoticesAnEventWhoseMessageNeverCame) {
  RedisServer server;
  NodeOptions options;
  options.check_interval = 20ms;
  options.tick = 10ms;
  World world(server, 1, options);
  const auto first = world.publish("news", 1);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return reader.joined; }));
  const auto silent = server.cli(
      {"XADD", world.stores[0]->keys().channel_log("news").str(), "*", "p", first[0].to_string(), "d", "never pushed"});
  ASSERT_TRUE(world.wait_for([&] { return reader.ids.size() == 1; }));
  EXPECT_EQ(reader.ids[0].to_string(), silent);
  EXPECT_TRUE(reader.gaps.empty());
}

TEST(Node, AForeignMessageOnTheLiveSideHarmsNothing) {
  RedisServer server;
  World world(server, 1);
  Listener reader;
  ASSERT_TRUE(world.nodes[0]->follow(reader, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return reader.joined; }));
  server.cli({"SPUBLISH", world.stores[0]->keys().channel_live("news").str(), "nonsense"});
  const auto ids = world.publish("news", 3);
  ASSERT_TRUE(world.wait_for([&] { return reader.ids == ids && world.stats().undecodable == 1; }));
  EXPECT_TRUE(reader.gaps.empty());
}

TEST(Node, HoldsOneSubscriptionForAThousandReadersAndResumesThemAllWithAHandfulOfCommands) {
  RedisServer server;
  World world(server, 4);
  const auto ids = world.publish("news", 60);
  std::deque<Listener> readers(1000);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    ASSERT_TRUE(world.nodes[i % 4]->follow(readers[i], "news", {}));
  }
  ASSERT_TRUE(world.wait_for([&] { return std::ranges::all_of(readers, &Listener::joined); }));
  EXPECT_EQ(subscribers(server, world, "news"), "1");
  EXPECT_EQ(world.stats().sources, 1U);

  const auto before = commands(server);
  for (auto& reader : readers) reader.leave();
  std::deque<Listener> again(1000);
  for (std::size_t i = 0; i < again.size(); ++i) {
    ASSERT_TRUE(world.nodes[i % 4]->follow(again[i], "news", after(ids[9])));
  }
  ASSERT_TRUE(world.wait_for([&] { return std::ranges::all_of(again, [](auto& r) { return r.ids.size() == 50; }); }));
  EXPECT_LT(commands(server) - before, 50U);
  for (const auto& reader : again) ASSERT_EQ(reader.ids, tail(ids, 10));
}

TEST(Node, AThousandReadersWhoComeToAColdNodeWithOldCursorsShareTheReads) {
  RedisServer server;
  std::vector<EventId> ids;
  {
    World publisher(server, 1);
    for (int i = 0; i < 10; ++i) {
      auto batch = publisher.run(publisher.nodes[0]->publish("news", std::vector<Event>(80), std::nullopt));
      ids.insert(ids.end(), batch->ids.begin(), batch->ids.end());
    }
  }
  World world(server, 2);
  const auto before = commands(server);
  std::deque<Listener> readers(1000);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    ASSERT_TRUE(world.nodes[i % 2]->follow(readers[i], "news", after(ids[i * 7 % 700])));
  }
  ASSERT_TRUE(
      world.wait_for([&] { return std::ranges::all_of(readers, [&](auto& r) { return r.last() == ids.back(); }); }));
  EXPECT_LT(commands(server) - before, 50U);
  for (std::size_t i = 0; i < readers.size(); ++i) ASSERT_EQ(readers[i].ids, tail(ids, i * 7 % 700 + 1));
}

TEST(Node, LetsGoOfAChannelSomeTimeAfterItsLastReaderLeft) {
  RedisServer server;
  NodeOptions options;
  options.linger = 50ms;
  options.tick = 10ms;
  World world(server, 2, options);
  {
    Listener reader;
    ASSERT_TRUE(world.nodes[0]->follow(reader, "news", {}));
    ASSERT_TRUE(world.wait_for([&] { return reader.joined; }));
    EXPECT_EQ(subscribers(server, world, "news"), "1");
  }
  ASSERT_TRUE(world.wait_for([&] { return world.stats().channels == 0 && world.stats().sources == 0; }));
  ASSERT_TRUE(world.wait_for([&] { return subscribers(server, world, "news") == "0"; }));
  Listener again;
  ASSERT_TRUE(world.nodes[1]->follow(again, "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return again.joined; }));
  const auto ids = world.publish("news", 2);
  ASSERT_TRUE(world.wait_for([&] { return again.ids == ids; }));
}

TEST(Node, RefusesChannelsBeyondItsBound) {
  RedisServer server;
  NodeOptions options;
  options.max_channels = 2;
  World world(server, 1, options);
  std::array<Listener, 3> readers;
  EXPECT_TRUE(world.nodes[0]->follow(readers[0], "a", {}));
  EXPECT_TRUE(world.nodes[0]->follow(readers[1], "b", {}));
  const auto refused = world.nodes[0]->follow(readers[2], "c", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::overloaded);
  EXPECT_TRUE(world.nodes[0]->follow(readers[2], "a", {}));
}

TEST(Node, CatchesUpThroughAFullMailbox) {
  RedisServer server;
  World world(server, 2);
  // A hub whose mailboxes hold next to nothing: appends are refused while one waits.
  Hub narrow(2, 1);
  redis::Options link;
  link.endpoint = server.endpoint();
  NodeOptions options;
  options.check_interval = 20ms;
  options.tick = 10ms;
  Node owner_or_not(0, narrow, world.io.get_executor(), *world.stores[0], link, options);
  Node other(1, narrow, world.io.get_executor(), *world.stores[1], link, options);
  {
    Listener a;
    Listener b;
    ASSERT_TRUE(owner_or_not.follow(a, "news", {}));
    ASSERT_TRUE(other.follow(b, "news", {}));
    ASSERT_TRUE(world.wait_for([&] { return a.joined && b.joined; }));
    std::vector<EventId> ids;
    for (int i = 0; i < 10; ++i) {
      auto batch = world.run(world.nodes[0]->publish("news", std::vector<Event>(20), std::nullopt));
      ids.insert(ids.end(), batch->ids.begin(), batch->ids.end());
    }
    ASSERT_TRUE(world.wait_for([&] { return a.ids.size() >= 200 && b.ids.size() >= 200; }));
    EXPECT_EQ(a.ids, ids);
    EXPECT_EQ(b.ids, ids);
    EXPECT_TRUE(a.gaps.empty() && b.gaps.empty());
  }
  world.run(owner_or_not.close());
  world.run(other.close());
}

}  // namespace
}  // namespace inkwell::events
