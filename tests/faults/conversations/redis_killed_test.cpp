// Clients that append with idempotency keys, and repeat what failed, while Redis is killed and restarted.
// | fault             | production cause |
//   SIGKILL and start | the server's machine or container dies and comes back with its append-only file
#include <array>
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <thread>

#include "base/gate.hpp"
#include "conversations/conversations.hpp"
#include "support/audit.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;
using test::run_on;
using namespace std::chrono_literals;

constexpr int kClients = 16;
constexpr int kKills = 3;
constexpr int kAppendsBetweenKills = 150;

std::vector<NewItem> pair_of(int client, int batch) {
  std::vector<NewItem> items;
  for (const std::string part : {"a", "b"}) {
    const auto text = std::to_string(client) + "/" + std::to_string(batch) + part;
    const auto raw = json::serialize(json::object{{"role", "user"}, {"content", text}});
    items.push_back(*normalise_item(raw, json::parse(raw).as_object(), "items[0]"));
  }
  return items;
}

struct History {
  std::array<int, kClients> acknowledged{};  ///< batches, by client
  int all = 0;
  bool stop = false;
};

asio::awaitable<void> append_and_repeat(Conversations& conversations, std::string id, int client, History& history) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!history.stop) {
    const int batch = history.acknowledged[static_cast<std::size_t>(client)];
    Write write;
    write.idempotency_key = std::to_string(client) + "/" + std::to_string(batch);
    write.fingerprint = std::string(64, 'f');
    while (true) {
      auto items = pair_of(client, batch);
      auto stored = co_await conversations.append(id, std::move(items), write);
      if (stored) break;
      EXPECT_NE(stored.error().kind(), ErrorKind::conflict) << stored.error().to_string();
      pause.expires_after(5ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
    ++history.acknowledged[static_cast<std::size_t>(client)];
    ++history.all;
  }
}

asio::awaitable<std::string> new_conversation(Conversations& conversations) {
  NewConversation wanted;
  Write plain;
  auto made = co_await conversations.create(std::move(wanted), std::move(plain));
  co_return made->id;
}

asio::awaitable<void> expect_whole(Conversations& conversations, std::string id, const History& history) {
  std::vector<std::string> texts;
  std::string after;
  for (bool more = true; more;) {
    auto page = co_await conversations.list(id, Order::ascending, kMaxPage, after);
    if (!page) throw std::runtime_error(page.error().to_string());
    for (const auto& item : page->items)
      texts.emplace_back(json::parse(item.json).at("content").at(0).at("text").get_string());
    more = page->has_more;
    if (!page->items.empty()) after = page->items.back().id;
  }
  std::array<int, kClients> next{};
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    const auto client = static_cast<std::size_t>(std::stoi(texts[i]));
    const auto batch = std::to_string(client) + "/" + std::to_string(next.at(client)++);
    EXPECT_EQ(texts[i], batch + "a");
    EXPECT_EQ(texts[i + 1], batch + "b");
  }
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(history.all) * 2);
  EXPECT_EQ(next, history.acknowledged);
}

asio::awaitable<void> kills(test::RedisServer& server, History& history) {
  for (int kill = 0; kill < kKills; ++kill) {
    const int enough = history.all + kAppendsBetweenKills;
    const bool enough_came = co_await test::eventually([&] { return history.all >= enough; });
    EXPECT_TRUE(enough_came);
    std::atomic<bool> gone{false};
    std::thread killer([&] {  // beside the loop, so that appends are cut off wherever they are
      server.kill();
      gone = true;
    });
    const bool went = co_await test::eventually([&] { return gone.load(); });
    killer.join();
    EXPECT_TRUE(went);
    server.start();  // by this thread: the server dies with the thread that started it
  }
  history.stop = true;
}

asio::awaitable<void> appends_under_kills(test::RedisServer& server, Conversations& conversations) {
  const std::string id = co_await new_conversation(conversations);
  History history;
  Gate gate(co_await asio::this_coro::executor);
  for (int client = 0; client < kClients; ++client)
    gate.spawn("client", append_and_repeat(conversations, id, client, history));
  co_await kills(server, history);
  co_await gate.wait_until_empty();
  co_await expect_whole(conversations, id, history);
}

TEST(ConversationsUnderFaults, NoAppendIsLostDoubledOrOutOfOrderForClientsThatRepeatWithTheirKeyWhileRedisIsKilled) {
  test::RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  asio::io_context io{1};
  redis::Options options;
  options.endpoint = server.endpoint();
  redis::Client client(io.get_executor(), options);
  keyspace::Store store(client, keyspace::Keys("default"));
  Conversations conversations(store);
  run_on(io, appends_under_kills(server, conversations), 60s);
  run_on(io, client.close());
  test::expect_clean_audit(server);
}

}  // namespace
}  // namespace inkwell::conversations
