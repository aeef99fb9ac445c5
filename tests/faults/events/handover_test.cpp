// Publishers that repeat with their key what failed, while Sentinels replace the master and every publish waits for its
// replica: what was acknowledged is in the log, once, under the id that was told (faults: support/handover.hpp).
#include "support/handover.hpp"

#include <gtest/gtest.h>
#include <map>

#include "base/gate.hpp"
#include "events/log.hpp"
#include "keyspace/commits.hpp"

namespace inkwell::events {
namespace {

using test::run_on;
using namespace std::chrono_literals;

struct Publishing {
  std::map<std::string, EventId> acknowledged;  ///< by data
  bool stop = false;
};

asio::awaitable<void> publish_and_repeat(Log& log, int publisher, Publishing& state) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (int number = 0; !state.stop; ++number) {
    const std::string label = std::to_string(publisher) + "." + std::to_string(number);
    for (bool done = false; !done;) {
      std::vector<Event> events(1);
      events[0].data = label;
      PublishOptions options;
      options.max_length = 1'000'000;
      options.idempotency_key = label;
      auto published = co_await log.publish("news", std::move(events), std::move(options));
      done = published.has_value();
      if (done) state.acknowledged[label] = published->ids.front();
      pause.expires_after(done ? 1ms : 5ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

asio::awaitable<void> more_events(const Publishing& state) {
  const auto enough = state.acknowledged.size() + 100;
  const bool came = co_await test::eventually([&] { return state.acknowledged.size() >= enough; });
  EXPECT_TRUE(came);
}

asio::awaitable<std::map<std::string, std::vector<EventId>>> logged(Log& log) {
  std::map<std::string, std::vector<EventId>> found;
  Log::After after{.kind = Log::After::Kind::oldest};
  for (bool more = true; more;) {
    auto page = co_await log.read_page("news", after, 1000);
    if (!page) throw std::runtime_error(page.error().to_string());
    for (const auto& stored : page->events) {
      found[stored.event.data].push_back(stored.id);
      after = {.kind = Log::After::Kind::event, .id = stored.id};
    }
    more = page->has_more;
  }
  co_return found;
}

asio::awaitable<void> publish_through(test::ReplicatedSet& set, Log& log) {
  Publishing state;
  Gate gate(co_await asio::this_coro::executor);
  for (int i = 0; i < 8; ++i) gate.spawn("publisher", publish_and_repeat(log, i, state));
  co_await test::replace_masters(set, [&] { return more_events(state); });
  state.stop = true;
  co_await gate.wait_until_empty();
  const auto found = co_await logged(log);
  for (const auto& [label, id] : state.acknowledged) {
    const auto there = found.find(label);
    if (there == found.end()) {
      ADD_FAILURE() << label << " was acknowledged as " << id.to_string() << " and is not in the log";
    } else {
      EXPECT_EQ(there->second, std::vector<EventId>{id}) << label;
    }
  }
}

TEST(EventsUnderHandover, NoAcknowledgedEventIsLostWhenPublishesWaitForTheReplica) {
  test::ReplicatedSet set(1);
  asio::io_context io{1};
  redis::Options options;
  options.endpoint = set.endpoint();
  options.command_timeout = 2s;
  options.health_interval = 200ms;
  options.health_timeout = 2s;
  redis::Client client(io.get_executor(), options);
  keyspace::Commits commits(io.get_executor(), options, {.replicas = 1, .timeout = 500ms});
  keyspace::Store store(client, keyspace::Keys("default"), &commits);
  Log log(store);
  run_on(io, publish_through(set, log), 280s);
  run_on(io, commits.close());
  run_on(io, client.close());
}

}  // namespace
}  // namespace inkwell::events
