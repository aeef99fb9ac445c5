// A hub of several workers over a real redis-server, all on one loop, and readers that write down what they are told.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "events/node.hpp"
#include "keyspace/store.hpp"
#include "support/loop.hpp"
#include "support/redis_server.hpp"

namespace inkwell::events::test {

using inkwell::test::eventually;
using inkwell::test::RedisServer;
using inkwell::test::run_on;

/// Takes what it is given, unless it is held back.
class Listener final : public Reader {
 public:
  ~Listener() override { leave(); }

  std::vector<EventId> ids;
  std::vector<std::string> gaps;  ///< "from>to reason" as their data has it
  std::vector<EventRef> all;
  std::optional<GapReason> lost;  ///< what on_joined said
  bool joined = false;
  bool held = false;
  std::size_t most_at_once = 64;

  void take() {
    std::array<Item, 64> items;
    while (!held && following()) {
      const auto count = peek(std::span(items).first(most_at_once));
      if (count == 0) return;
      for (std::size_t i = 0; i < count; ++i) {
        all.push_back(*items[i].event);
        if ((*items[i].event)->is_gap()) {
          gaps.push_back((*items[i].event)->wire);
        } else {
          ids.push_back((*items[i].event)->id);
        }
        consume(items[i]);
      }
    }
  }
  void release() {
    held = false;
    take();
  }
  EventId last() const { return ids.empty() ? kNoEvent : ids.back(); }

 private:
  void on_joined(std::optional<GapReason> gap) override {
    joined = true;
    lost = gap;
  }
  void on_ready() override { take(); }
};

class World {
 public:
  explicit World(RedisServer& server, std::size_t workers = 2, NodeOptions options = {}) : hub(workers) {
    redis::Options link;
    link.endpoint = server.endpoint();
    for (std::size_t i = 0; i < workers; ++i) {
      clients.push_back(std::make_unique<redis::Client>(io.get_executor(), link));
      stores.push_back(std::make_unique<keyspace::Store>(*clients.back(), keyspace::Keys("default")));
      nodes.push_back(std::make_unique<Node>(i, hub, io.get_executor(), *stores.back(), link, options));
    }
  }
  ~World() { run(close()); }

  template <class T>
  T run(boost::asio::awaitable<T> task, std::chrono::seconds deadline = std::chrono::seconds(60)) {
    return run_on(io, std::move(task), deadline);
  }
  bool wait_for(std::function<bool()> condition, std::chrono::seconds deadline = std::chrono::seconds(20)) {
    return run(eventually(std::move(condition), deadline), deadline + std::chrono::seconds(5));
  }

  /// Publishes `count` events whose data are their numbers from `first` on, and returns their ids.
  std::vector<EventId> publish(const std::string& channel, std::size_t count, std::size_t first = 0,
                               std::size_t data_bytes = 0) {
    return run(publish_task(channel, count, first, data_bytes));
  }
  asio::awaitable<std::vector<EventId>> publish_task(std::string channel, std::size_t count, std::size_t first,
                                                     std::size_t data_bytes) {
    std::vector<EventId> ids;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<Event> one(1);
      one[0].data = std::to_string(first + i) + std::string(data_bytes, '.');
      auto published = co_await nodes[i % nodes.size()]->publish(channel, std::move(one), std::nullopt);
      if (!published) throw std::runtime_error(published.error().to_string());
      ids.push_back(published->ids.front());
    }
    co_return ids;
  }

  NodeStats stats() const {
    NodeStats sum;
    for (const auto& node : nodes) {
      const auto one = node->stats();
      sum.channels += one.channels;
      sum.sources += one.sources;
      sum.readers += one.readers;
      sum.appended += one.appended;
      sum.duplicates += one.duplicates;
      sum.repairs += one.repairs;
      sum.gaps += one.gaps;
      sum.history_reads += one.history_reads;
      sum.attached_from_ring += one.attached_from_ring;
      sum.fell_behind += one.fell_behind;
      sum.damaged += one.damaged;
      sum.undecodable += one.undecodable;
    }
    return sum;
  }

  asio::awaitable<void> close() {
    for (auto& node : nodes) co_await node->close();
    for (auto& client : clients) co_await client->close();
  }

  boost::asio::io_context io;
  Hub hub;
  std::vector<std::unique_ptr<redis::Client>> clients;
  std::vector<std::unique_ptr<keyspace::Store>> stores;
  std::vector<std::unique_ptr<Node>> nodes;
};

inline Start after(EventId id) { return {.kind = Start::Kind::after, .id = id}; }
inline Start oldest() { return {.kind = Start::Kind::oldest, .id = {}}; }

/// Every key has a lifetime: run at the end of a scenario.
inline void expect_no_immortal_keys(const RedisServer& server) {
  const std::string answer = server.cli({"EVAL",
                                         "local n = 0; for _, k in ipairs(redis.call('KEYS', '*')) do if "
                                         "redis.call('PTTL', k) < 0 then n = n + 1 end end return n",
                                         "0"});
  EXPECT_EQ(answer, "0") << "keys without a lifetime";
}

}  // namespace inkwell::events::test
