// The blocking facade and scans, against a real server.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <inkwell/redis/blocking_client.hpp>
#include <inkwell/redis/scan.hpp>

#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

using BlockingClientTest = LinkTest;
using ScanTest = LinkTest;

TEST_F(BlockingClientTest, AnswersCommandsPipelinesAndScripts) {
  BlockingClient redis(options());
  EXPECT_TRUE(redis.command("SET", "k", "v", "PX", 60000));
  EXPECT_EQ(*decode<std::string>(redis.command("GET", "k")), "v");
  EXPECT_EQ(redis.command("LPUSH", "k", "x").error().code(), "redis_wrongtype");
  Request two("ECHO", "a");
  two.add("ECHO", "b");
  const auto answers = redis.execute_all(std::move(two));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1]->view().text(), "b");
  EXPECT_EQ(redis.run(Script("return KEYS[1] .. ARGV[1]"), {"k"}, {"!"})->view().text(), "k!");
  EXPECT_GE(redis.stats().replies, 6u);
}

TEST_F(BlockingClientTest, ServesManyThreadsAtOnceWithoutCrossingTheirReplies) {
  BlockingClient redis(options());
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&redis, &wrong, thread] {
      for (int i = 0; i < 100; ++i) {
        const auto text = std::to_string(thread) + ":" + std::to_string(i);
        const auto answer = redis.command("ECHO", text);
        if (!answer || answer->view().text() != text) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(BlockingClientTest, ReportsAServerThatIsGoneWithinTheDeadline) {
  BlockingClient redis(options());
  EXPECT_TRUE(redis.command("PING"));
  server_.kill();
  Request ping("PING");
  const auto answer = redis.execute(std::move(ping), {.timeout = 100ms});
  ASSERT_FALSE(answer);
}

asio::awaitable<std::multiset<std::string>> all_keys(Client& client, ScanOptions options) {
  std::multiset<std::string> seen;
  Scan scan(client, std::move(options));
  for (;;) {
    auto page = co_await scan.next();
    EXPECT_TRUE(page) << page.error().message();
    if (!page || page->empty()) break;
    seen.insert(page->begin(), page->end());
  }
  auto after = co_await scan.next();
  EXPECT_TRUE(after && after->empty());
  co_return seen;
}

asio::awaitable<void> scans(Client& client) {
  Request fill("RPUSH", "list:1", "x");
  for (int i = 0; i < 500; ++i) fill.add("SET", "user:" + std::to_string(i), i);
  co_await client.execute_all(std::move(fill));
  ScanOptions users{.match = "user:*", .type = {}, .count = 10};
  auto seen = co_await all_keys(client, std::move(users));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 500u);
  EXPECT_FALSE(seen.contains("list:1"));
  ScanOptions lists{.match = {}, .type = "list"};
  auto found = co_await all_keys(client, std::move(lists));
  EXPECT_EQ(found.count("list:1"), 1u);
  EXPECT_EQ(found.size(), 1u);
  co_await client.close();
}

TEST_F(ScanTest, ReturnsEveryMatchingKeyAndNoEmptyPageBeforeTheEnd) {
  Client client(io_.get_executor(), options());
  run_on(io_, scans(client));
}

}  // namespace
}  // namespace inkwell::redis
