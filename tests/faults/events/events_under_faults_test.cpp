// Readers of a channel while Redis is killed, restarted and cut off. | fault | production cause |
//   SIGKILL and start        | the server's machine or container dies and comes back with its append-only file
//   CLIENT KILL pubsub       | a proxy's idle timeout, an output buffer limit
//   CLIENT KILL normal       | a failover, a network that resets
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "integration/events/hub_world.hpp"

namespace inkwell::events {
namespace {

using test::after;
using test::Listener;
using test::RedisServer;
using test::World;
using namespace std::chrono_literals;

std::uint64_t seed() {
  const char* given = std::getenv("INKWELL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

/// Publishes until told to stop. Notes every id it was given; a publish that failed may or may not have happened.
asio::awaitable<void> publish_for_ever(World& world, std::size_t node, const bool& stop, std::vector<EventId>& ids,
                                       bool& ended) {
  std::size_t i = 0;
  while (!stop) {
    std::vector<Event> events(1 + ++i % 3);
    for (auto& event : events) event.data = std::to_string(i);
    auto published = co_await world.nodes[node]->publish("news", std::move(events), std::nullopt);
    if (published) ids.insert(ids.end(), published->ids.begin(), published->ids.end());
    asio::steady_timer pause(world.io, published ? 200us : 2000us);
    co_await pause.async_wait(asio::use_awaitable);
  }
  ended = true;
}

/// Ids that came, in the order they came; fails on a repeat, on a fall, and on a gap.
void expect_whole(const Listener& reader, const std::vector<EventId>& acknowledged) {
  EXPECT_TRUE(reader.gaps.empty()) << reader.gaps.front();
  for (std::size_t i = 1; i < reader.ids.size(); ++i) ASSERT_LT(reader.ids[i - 1], reader.ids[i]);
  const std::set<EventId> seen(reader.ids.begin(), reader.ids.end());
  for (const auto& id : acknowledged) ASSERT_TRUE(seen.contains(id)) << id.to_string() << " was acknowledged";
}

TEST(EventsUnderFaults, EndWithEveryAcknowledgedEventOnceWhenRedisIsKilledAndRestarted) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  NodeOptions options;
  options.publish.max_length = 100'000;
  World world(server, 2, options);
  std::array<Listener, 2> readers;
  for (std::size_t i = 0; i < 2; ++i) ASSERT_TRUE(world.nodes[i]->follow(readers[i], "news", {}));
  ASSERT_TRUE(world.wait_for([&] { return readers[0].joined && readers[1].joined; }));
  bool stop = false;
  std::array<std::vector<EventId>, 2> ids;
  std::array<bool, 2> ended{};
  Gate gate(world.io.get_executor());
  for (std::size_t i = 0; i < 2; ++i) gate.spawn("publisher", publish_for_ever(world, i, stop, ids[i], ended[i]));
  for (std::size_t round = 1; round <= 3; ++round) {
    const auto enough = readers[0].ids.size() + 100;
    ASSERT_TRUE(world.wait_for([&] { return readers[0].ids.size() >= enough; }));
    server.kill();
    server.start();
  }
  stop = true;
  ASSERT_TRUE(world.wait_for([&] { return ended[0] && ended[1]; }));
  const auto last = world.publish("news", 1).back();
  for (auto& reader : readers) {
    ASSERT_TRUE(world.wait_for([&] { return reader.last() == last; }));
    expect_whole(reader, ids[0]);
    expect_whole(reader, ids[1]);
  }
  world.run(gate.close());
  test::expect_no_immortal_keys(server);
}

/// A client as they are in the field: reads for a while, sometimes sleeps, sometimes goes away and comes back - to
/// another worker - with the last id it saw.
class Wanderer {
 public:
  Wanderer(World& world, std::uint64_t seed) : world_(world), random_(seed) { connect(); }

  void step() {
    switch (random_() % 12) {
      case 0:
        if (reader_->held) {
          reader_->release();
        } else {
          reader_->held = true;
        }
        break;
      case 1:
        collect();
        connect();
        break;
      default:
        break;
    }
  }
  void settle() { reader_->release(); }
  EventId last() const { return reader_->ids.empty() ? cursor_ : reader_->last(); }

  /// Everything it was told, over all its connections.
  std::vector<EventRef> told() {
    collect();
    return told_;
  }

 private:
  void collect() {
    told_.insert(told_.end(), reader_->all.begin(), reader_->all.end());
    cursor_ = last();
    reader_->all.clear();
    reader_->ids.clear();
  }
  void connect() {
    if (reader_) reader_->leave();
    reader_ = std::make_unique<Listener>();
    reader_->most_at_once = 1 + random_() % 64;
    const Start start = cursor_ == kNoEvent ? test::oldest() : after(cursor_);
    ASSERT_TRUE(world_.nodes[random_() % world_.nodes.size()]->follow(*reader_, "news", start));
  }

  World& world_;
  std::mt19937_64 random_;
  std::unique_ptr<Listener> reader_;
  EventId cursor_{};
  std::vector<EventRef> told_;
};

/// Consecutive events must be linked by their predecessors unless a gap stands between them, and never repeat or fall.
void expect_no_untold_loss(const std::vector<EventRef>& told) {
  const BroadcastEvent* before = nullptr;
  bool gap = false;
  for (const auto& event : told) {
    if (event->is_gap()) {
      gap = true;
      continue;
    }
    if (before) {
      ASSERT_LT(before->id, event->id) << "repeated or reordered";
      ASSERT_TRUE(gap || event->predecessor == before->id)
          << "untold loss between " << before->id.to_string() << " and " << event->id.to_string();
    }
    before = event.get();
    gap = false;
  }
}

TEST(EventsUnderFaults, NeverSkipUntoldRepeatOrReorderUnderARandomSchedule) {
  const auto chosen = seed();
  std::printf("INKWELL_SEED=%llu\n", static_cast<unsigned long long>(chosen));
  std::mt19937_64 random(chosen);
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  NodeOptions options;
  options.publish = {.max_length = 150, .exact_length = true};
  options.chain.ring_bytes = 8000;
  options.chain.prefill = 8;
  options.history_batch = 16;
  options.linger = 100ms;
  options.tick = 50ms;
  options.check_interval = 300ms;
  World world(server, 3, options);
  bool stop = false;
  std::array<std::vector<EventId>, 2> ids;
  std::array<bool, 2> ended{};
  Gate gate(world.io.get_executor());
  std::deque<Wanderer> clients;
  for (int i = 0; i < 30; ++i) clients.emplace_back(world, random());
  for (std::size_t i = 0; i < 2; ++i) gate.spawn("publisher", publish_for_ever(world, i, stop, ids[i], ended[i]));
  for (int round = 0; round < 150; ++round) {
    world.run(test::eventually(
        [until = std::chrono::steady_clock::now() + 10ms] { return std::chrono::steady_clock::now() > until; }));
    for (auto& client : clients) client.step();
    const auto dice = random() % 40;
    if (dice < 4) server.cli({"CLIENT", "KILL", "TYPE", "pubsub"});
    if (dice == 4) server.cli({"CLIENT", "KILL", "TYPE", "normal"});
    if (dice == 5) {
      server.kill();
      server.start();
    }
  }
  stop = true;
  ASSERT_TRUE(world.wait_for([&] { return ended[0] && ended[1]; }));
  for (auto& client : clients) client.settle();
  const auto last = world.publish("news", 1).back();
  ASSERT_TRUE(world.wait_for(
      [&] { return std::ranges::all_of(clients, [&](const Wanderer& client) { return client.last() == last; }); }));
  for (auto& client : clients) expect_no_untold_loss(client.told());
  const auto stats = world.stats();
  std::printf("%zu+%zu published, %llu repairs, %llu gaps, %llu history reads, %llu fell behind\n", ids[0].size(),
              ids[1].size(), static_cast<unsigned long long>(stats.repairs),
              static_cast<unsigned long long>(stats.gaps), static_cast<unsigned long long>(stats.history_reads),
              static_cast<unsigned long long>(stats.fell_behind));
  EXPECT_GT(stats.fell_behind + stats.history_reads, 0U) << "the schedule tried nothing";
  clients.clear();
  world.run(gate.close());
  test::expect_no_immortal_keys(server);
}

}  // namespace
}  // namespace inkwell::events
