// The consistency checker: nodes that share nothing but Redis, publishers that retry until they are acknowledged, and
// subscribers that are slow, leave and come back elsewhere, under a schedule of faults drawn from one seed. Afterwards
// every delivery is held against everything that is known to have been published.
//
// | fault | production cause |
//   Redis is killed and started       | a machine or container dies and comes back with its append-only file
//   Redis stands still                | a fork of a large process, a paused virtual machine
//   a node's connections are reset    | a failover, a firewall that forgets
//   a node's connection is cut midway | the same, in the middle of a reply
//   a node hears nothing              | a peer that died without a word
//   a node dies                       | a deployment, an out-of-memory kill
//   the log is trimmed, an entry goes | its length, an operator
//
// What it fails on: a gap that was not told, or told without a cause; a repeat; a fall in the order; an event that the
// subscriber's selector refuses; a publish acknowledged that isn't there, or that is there twice.
#include <array>
#include <boost/asio/post.hpp>
#include <deque>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "events/selector.hpp"
#include "integration/events/hub_world.hpp"
#include "support/fault_proxy.hpp"

namespace inkwell::events {
namespace {

using test::Listener;
using test::RedisServer;
using namespace std::chrono_literals;

constexpr std::size_t kProcesses = 3;
constexpr std::size_t kChannels = 3;
constexpr std::size_t kPublishers = 4;
constexpr std::size_t kSubscribers = 12;
constexpr std::size_t kFaults = 30;
constexpr std::array<std::string_view, 2> kTopics = {"even", "odd"};

std::uint64_t seed() {
  const char* given = std::getenv("INKWELL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

std::string channel_name(std::size_t index) { return "channel " + std::to_string(index); }

/// A node as if it were a process of its own: its own hub, links and proxy. Two workers.
struct Process {
  Process(asio::io_context& io, const RedisServer& server)
      : proxy(inkwell::test::FaultProxy::Tcp{server.port()}), hub(2) {
    redis::Options link;
    link.endpoint = server.tcp_endpoint();
    link.endpoint.port = proxy.port();
    link.connect_timeout = 300ms;
    link.command_timeout = 600ms;
    link.health_interval = 200ms;
    link.health_timeout = 300ms;
    link.backoff_cap = 50ms;
    NodeOptions options;
    options.chain.ring_bytes = 8U << 10;  // so that slow subscribers fall off it
    options.publish.max_length = 100'000;
    options.tick = 50ms;
    options.check_interval = 300ms;
    for (std::size_t i = 0; i < 2; ++i) {
      clients.push_back(std::make_unique<redis::Client>(io.get_executor(), link));
      stores.push_back(std::make_unique<keyspace::Store>(*clients.back(), keyspace::Keys("default")));
      nodes.push_back(std::make_unique<Node>(i, hub, io.get_executor(), *stores.back(), link, options));
    }
  }
  asio::awaitable<void> close() {
    for (auto& node : nodes) co_await node->close();
    for (auto& client : clients) co_await client->close();
  }

  inkwell::test::FaultProxy proxy;
  Hub hub;
  std::vector<std::unique_ptr<redis::Client>> clients;
  std::vector<std::unique_ptr<keyspace::Store>> stores;
  std::vector<std::unique_ptr<Node>> nodes;
  bool alive = true;
};

/// What one subscriber was told over all its connections, in order.
struct Told {
  std::size_t channel = 0;
  std::optional<std::size_t> topic;  ///< of kTopics; none: everything
  bool began_cut = false;            ///< something was removed while it had no event yet, hence no cursor
  std::vector<EventRef> events;
};

class Subscriber {
 public:
  Subscriber(std::size_t channel, std::optional<std::size_t> topic) {
    told_.channel = channel;
    told_.topic = topic;
  }
  void connect(Node& node, const Process* process) {
    reader_ = std::make_unique<Listener>();
    process_ = process;
    std::unique_ptr<const Selector> selector;
    if (told_.topic)
      selector = std::make_unique<TopicSelector>(std::vector<std::string>{std::string(kTopics[*told_.topic])});
    const Start start = cursor_ == kNoEvent ? test::oldest() : test::after(cursor_);
    ASSERT_TRUE(node.follow(*reader_, channel_name(told_.channel), start, std::move(selector)));
  }
  void leave() {
    if (!reader_) return;
    reader_->leave();
    collect();
    reader_.reset();
  }
  void hold_or_release() {
    if (reader_->held) {
      reader_->release();
    } else {
      reader_->held = true;
    }
  }
  void settle() { reader_->release(); }
  /// Entries of a channel are gone. Whoever has no cursor asks for what is retained, and misses nothing of that.
  void removed(std::size_t channel) {
    if (channel == told_.channel && last() == kNoEvent) told_.began_cut = true;
  }
  bool is_on(const Process& process) const { return process_ == &process; }
  EventId last() const { return reader_ && !reader_->ids.empty() ? reader_->last() : cursor_; }
  const Told& told() {
    collect();
    return told_;
  }

 private:
  /// The cursor is what an EventSource would send: the last event's id, which a gap doesn't move.
  void collect() {
    if (!reader_) return;
    if (!reader_->ids.empty()) cursor_ = reader_->last();
    told_.events.insert(told_.events.end(), reader_->all.begin(), reader_->all.end());
    reader_->all.clear();
    reader_->ids.clear();
  }

  Told told_;
  EventId cursor_ = kNoEvent;
  const Process* process_ = nullptr;
  std::unique_ptr<Listener> reader_;
};

/// "publisher.number" of an event in wire form.
std::string label_of(const BroadcastEvent& event) {
  const auto at = event.wire.find("data: ") + 6;
  return event.wire.substr(at, event.wire.find('\n', at) - at);
}
std::size_t topic_of(std::string_view label) { return static_cast<std::size_t>(label.back() - '0') % 2; }

class Checker {
 public:
  void acknowledged(std::size_t channel, EventId id, const std::string& label) {
    known_[channel][id] = label;
    const auto [it, first] = ids_.try_emplace({channel, label}, id);
    EXPECT_EQ(it->second, id) << label << " was published twice";
  }
  void removed(std::size_t channel) { damaged_.insert(channel); }

  void check(const Told& told) {
    for (const auto& event : told.events) {
      if (!event->is_gap()) acknowledged(told.channel, event->id, label_of(*event));
    }
    EventId at = kNoEvent;
    bool gap = told.began_cut;
    for (const auto& event : told.events) {
      if (event->is_gap()) {
        EXPECT_TRUE(damaged_.contains(told.channel)) << "a gap was told where nothing was removed: " << event->wire;
        gap = true;
        continue;
      }
      ASSERT_GT(event->id, at) << "a repeat, or out of order: " << event->wire;
      if (told.topic && topic_of(label_of(*event)) != *told.topic) {
        ADD_FAILURE() << "not for this subscriber: " << event->wire;
      }
      if (!gap) expect_nothing_between(told, at, event->id);
      at = event->id;
      gap = false;
    }
  }

 private:
  void expect_nothing_between(const Told& told, EventId from, EventId to) const {
    const auto& events = known_.at(told.channel);
    for (auto it = events.upper_bound(from); it != events.end() && it->first < to; ++it) {
      if (told.topic && topic_of(it->second) != *told.topic) continue;
      ADD_FAILURE() << it->second << " (" << it->first.to_string() << ") is missing between " << from.to_string()
                    << " and " << to.to_string() << ", and no gap was told";
      return;
    }
  }

  std::map<std::size_t, std::map<EventId, std::string>> known_;
  std::map<std::pair<std::size_t, std::string>, EventId> ids_;
  std::set<std::size_t> damaged_;
};

class Trial {
 public:
  explicit Trial(std::uint64_t seed)
      : server_({"--appendonly", "yes", "--appendfsync", "always"}), random_(seed), gate_(io_.get_executor()) {
    for (auto& process : processes_) process = std::make_unique<Process>(io_, server_);
    for (std::size_t i = 0; i < kSubscribers; ++i) {
      std::optional<std::size_t> topic;
      if (i % 3 == 1) topic = i % 2;
      subscribers_.emplace_back(i % kChannels, topic);
      connect(subscribers_.back());
    }
    for (std::size_t i = 0; i < kPublishers; ++i) gate_.spawn("publisher", publish(*this, i));
  }
  ~Trial() {
    for (auto& subscriber : subscribers_) subscriber.leave();
    run(close(*this));
  }

  void faults() {
    for (std::size_t i = 0; i < kFaults; ++i) {
      const std::size_t enough = acknowledged_ + 15;
      fault();
      for (auto& subscriber : subscribers_) wander(subscriber);
      ASSERT_TRUE(wait_for([&] { return acknowledged_ >= enough; })) << "after fault " << i << ": " << last_fault_;
    }
  }

  void verify() {
    for (auto& process : processes_) process->proxy.heal();
    stop_ = true;
    ASSERT_TRUE(wait_for([&] { return publishing_ == 0; }));
    for (auto& subscriber : subscribers_) subscriber.settle();
    std::array<std::array<EventId, 2>, kChannels> last{};  // of each topic
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
      for (std::size_t topic = 0; topic < 2; ++topic) last[channel][topic] = last_word(channel, topic);
    }
    for (auto& subscriber : subscribers_) {
      const auto& told = subscriber.told();
      const EventId end = last[told.channel][told.topic.value_or(1)];
      ASSERT_TRUE(wait_for([&] { return subscriber.last() == end; }))
          << "a subscriber stands at " << subscriber.last().to_string() << ", not at " << end.to_string();
    }
    for (auto& subscriber : subscribers_) checker_.check(subscriber.told());
  }

 private:
  static asio::awaitable<void> publish(Trial& trial, std::size_t publisher) {
    ++trial.publishing_;
    for (std::size_t number = 0; !trial.stop_; ++number) {
      const std::size_t channel = trial.random_() % kChannels;
      const std::string label = fmt::format("{}.{}", publisher, number);
      const auto id = co_await trial.acknowledge(channel, label);
      trial.checker_.acknowledged(channel, id, label);
      ++trial.acknowledged_;
    }
    --trial.publishing_;
  }

  /// Tries by one node after the other, always with the same key, until one has acknowledged it.
  asio::awaitable<EventId> acknowledge(std::size_t channel, std::string label) {
    for (;;) {
      const auto process = processes_[random_() % kProcesses];
      std::vector<Event> events(1);
      events[0].data = label;
      events[0].topics.emplace_back(kTopics[topic_of(label)]);
      auto done = co_await process->nodes[random_() % 2]->publish(channel_name(channel), std::move(events), label);
      asio::steady_timer pause(io_, done ? 1ms : 10ms);
      co_await pause.async_wait(asio::use_awaitable);
      if (done) co_return done->ids.front();
    }
  }

  EventId last_word(std::size_t channel, std::size_t topic) {
    const std::string label = fmt::format("end {}.{}", channel, topic);
    const auto id = run(acknowledge(channel, label));
    checker_.acknowledged(channel, id, label);
    return id;
  }

  void connect(Subscriber& subscriber) {
    const auto& process = processes_[random_() % kProcesses];
    subscriber.connect(*process->nodes[random_() % 2], process.get());
  }

  void wander(Subscriber& subscriber) {
    const auto what = random_() % 8;
    if (what == 0) subscriber.hold_or_release();
    if (what == 1) {
      subscriber.leave();
      connect(subscriber);
    }
  }

  void fault() {
    auto& process = processes_[random_() % kProcesses];
    process->proxy.heal();
    switch (random_() % 8) {
      case 0:
        last_fault_ = "Redis killed and started";
        server_.kill();
        return server_.start();
      case 1:
        last_fault_ = "Redis stands still";
        server_.pause();
        pass(150ms);
        return server_.resume();
      case 2:
        last_fault_ = "connections reset";
        return process->proxy.drop_all(true);
      case 3:
        last_fault_ = "cut midway";
        return process->proxy.cut_after(inkwell::test::Way::to_client, 50 + random_() % 5000);
      case 4:
        last_fault_ = "a node hears nothing";
        process->proxy.black_hole(inkwell::test::Way::to_client, true);
        pass(400ms);
        process->proxy.drop_all(true);  // before it heals: bytes are never lost from the middle of a connection
        return process->proxy.heal();
      case 5:
        last_fault_ = "a node dies";
        return replace(process);
      default:
        last_fault_ = "entries removed";
        return remove_some(random_() % kChannels);
    }
  }

  void replace(std::shared_ptr<Process>& process) {
    const auto dead = std::exchange(process, std::make_shared<Process>(io_, server_));
    dead->proxy.refuse(true);
    dead->proxy.drop_all(true);
    for (auto& subscriber : subscribers_) {
      if (!subscriber.is_on(*dead)) continue;
      subscriber.leave();
      connect(subscriber);
    }
    run(dead->close());
    graveyard_.push_back(dead);  // a publisher may still be waiting for its answer
  }

  void remove_some(std::size_t channel) {
    checker_.removed(channel);
    for (auto& subscriber : subscribers_) subscriber.removed(channel);
    const std::string key = keyspace::Keys("default").channel_log(channel_name(channel)).str();
    if (random_() % 2 == 0) {
      server_.cli({"XTRIM", key, "MAXLEN", "=", std::to_string(random_() % 40)});
    } else {
      server_.cli({"EVAL",
                   "local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 9) if e[5] then "
                   "redis.call('XDEL', KEYS[1], e[5][1]) end",
                   "1", key});
    }
  }

  template <class T>
  T run(asio::awaitable<T> task) {
    return inkwell::test::run_on(io_, std::move(task), 60s);
  }
  bool wait_for(std::function<bool()> condition) { return run(inkwell::test::eventually(std::move(condition), 30s)); }
  /// Lets the loop run while nothing is to be expected of it.
  void pass(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    wait_for([&] { return std::chrono::steady_clock::now() >= until; });
  }

  static asio::awaitable<void> close(Trial& trial) {
    co_await trial.gate_.close();
    for (auto& process : trial.processes_) co_await process->close();
  }

  asio::io_context io_;
  RedisServer server_;
  std::mt19937_64 random_;
  Checker checker_;
  std::array<std::shared_ptr<Process>, kProcesses> processes_;
  std::vector<std::shared_ptr<Process>> graveyard_;
  std::deque<Subscriber> subscribers_;
  Gate gate_;
  std::size_t acknowledged_ = 0;
  std::size_t publishing_ = 0;
  bool stop_ = false;
  std::string last_fault_;
};

TEST(EventsConsistency, HoldsForEverySubscriberThroughAScheduleOfFaults) {
  const std::uint64_t from = seed();
  SCOPED_TRACE(fmt::format("INKWELL_SEED={}", from));
  std::printf("seed %llu\n", static_cast<unsigned long long>(from));
  Trial trial(from);
  trial.faults();
  if (!::testing::Test::HasFatalFailure()) trial.verify();
}

}  // namespace
}  // namespace inkwell::events
