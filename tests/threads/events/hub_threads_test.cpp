// Workers on threads of their own, as in the server: what crosses between them goes through the hub's mailboxes.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "integration/events/hub_world.hpp"

namespace inkwell::events {
namespace {

using test::Listener;
using test::RedisServer;

/// One worker: a thread with a loop, a client and a node.
class ThreadedWorker {
 public:
  ThreadedWorker(std::size_t index, Hub& hub, const redis::Options& link)
      : client_(io.get_executor(), link),
        store_(client_, keyspace::Keys("default")),
        node(index, hub, io.get_executor(), store_, link, {}) {}

  void run(asio::awaitable<void> task) {
    thread_ = std::jthread([this, work = std::move(task)]() mutable { test::run_on(io, main(std::move(work))); });
  }
  void join() { thread_.join(); }

  boost::asio::io_context io;

 private:
  asio::awaitable<void> main(asio::awaitable<void> task) {
    co_await std::move(task);
    co_await node.close();
    co_await client_.close();
  }
  redis::Client client_;
  keyspace::Store store_;

 public:
  Node node;

 private:
  std::jthread thread_;
};

constexpr std::size_t kWorkers = 3;
constexpr std::size_t kChannels = 6;
constexpr std::size_t kEvents = 60;

/// Follows every channel, publishes to every channel, comes and goes, and sees all that was published after it joined.
asio::awaitable<void> busy_worker(ThreadedWorker& worker, std::atomic<std::size_t>& ready,
                                  std::atomic<std::size_t>& finished) {
  std::deque<Listener> listeners(kChannels);
  for (std::size_t i = 0; i < kChannels; ++i) {
    const auto followed = worker.node.follow(listeners[i], "channel " + std::to_string(i), {});
    EXPECT_TRUE(followed);
  }
  const bool joined = co_await test::eventually([&] { return std::ranges::all_of(listeners, &Listener::joined); });
  EXPECT_TRUE(joined);
  ++ready;
  const bool all_ready = co_await test::eventually([&] { return ready == kWorkers; });
  EXPECT_TRUE(all_ready);
  for (std::size_t n = 0; n < kEvents; ++n) {
    std::vector<Event> events(1);
    events[0].data = std::to_string(n);
    auto published =
        co_await worker.node.publish("channel " + std::to_string(n % kChannels), std::move(events), std::nullopt);
    EXPECT_TRUE(published);
    Listener passer_by;
    const auto followed = worker.node.follow(passer_by, "passing " + std::to_string(n % 3), {});
    EXPECT_TRUE(followed);
  }
  const std::size_t expected = kWorkers * kEvents / kChannels;
  const bool all = co_await test::eventually(
      [&] { return std::ranges::all_of(listeners, [&](const auto& l) { return l.ids.size() == expected; }); });
  EXPECT_TRUE(all);
  for (const auto& listener : listeners) EXPECT_TRUE(std::ranges::is_sorted(listener.ids));
  ++finished;
  const bool all_finished = co_await test::eventually([&] { return finished == kWorkers; });
  EXPECT_TRUE(all_finished);
}

TEST(HubThreads, EveryWorkerSeesWhatAnyPublishes) {
  RedisServer server;
  redis::Options link;
  link.endpoint = server.endpoint();
  Hub hub(kWorkers);
  std::deque<ThreadedWorker> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) workers.emplace_back(i, hub, link);
  std::atomic<std::size_t> ready = 0;
  std::atomic<std::size_t> finished = 0;
  for (auto& worker : workers) worker.run(busy_worker(worker, ready, finished));
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(finished, kWorkers);
}

}  // namespace
}  // namespace inkwell::events
