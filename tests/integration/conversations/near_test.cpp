// Reads from memory: fewer commands, the same answers.
#include "conversations/near.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "integration/conversations/fixture.hpp"

namespace inkwell::conversations {
namespace {

/// A worker: a link with tracking, and what it keeps.
struct Rig {
  Rig(asio::io_context& io, const test::RedisServer& server, WriteMarks& marks, Options options = {})
      : client(io.get_executor(), linked(server)),
        store(client, keyspace::Keys("default")),
        near(client.invalidations(), std::size_t{1} << 20, marks),
        conversations(store, options, {}, &near) {}

  static redis::Options linked(const test::RedisServer& server) {
    redis::Options options;
    options.endpoint = server.endpoint();
    options.tracking.mode = redis::Tracking::Mode::opted;
    return options;
  }

  redis::Client client;
  keyspace::Store store;
  Near near;
  Conversations conversations;
};

class NearTest : public testing::Test {
 protected:
  ~NearTest() override {
    run_on(io_, one_.client.close());
    run_on(io_, same_.client.close());
    run_on(io_, other_.client.close());
    test::expect_clean_audit(server_);
  }

  test::RedisServer server_;
  asio::io_context io_{1};
  WriteMarks marks_;
  WriteMarks others_marks_;
  Rig one_{io_, server_, marks_};
  Rig same_{io_, server_, marks_};          // another worker of the same process
  Rig other_{io_, server_, others_marks_};  // another process
};

asio::awaitable<void> append_text(Conversations& conversations, std::string id, std::string text) {
  std::vector<NewItem> items(1, user_says(text));
  const Write plain;
  auto stored = co_await conversations.append(std::move(id), std::move(items), plain);
  if (!stored) throw std::runtime_error(stored.error().to_string());
}

asio::awaitable<std::string> newest(Conversations& conversations, std::string id) {
  auto page = co_await conversations.list(std::move(id), Order::descending, 1, "");
  if (!page) throw std::runtime_error(page.error().to_string());
  co_return page->items.empty() ? "" : text_of(page->items.front());
}

/// Asks until the answer is `text`; how often that took. The deadline is the loop's.
asio::awaitable<int> reads_until(Conversations& conversations, std::string id, std::string text) {
  for (int reads = 1;; ++reads) {
    const auto seen = co_await newest(conversations, id);
    if (seen == text) co_return reads;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> reads_of_all_kinds(Conversations& conversations, std::string id, std::string item_id) {
  auto got = co_await conversations.get(id);
  EXPECT_TRUE(got);
  auto page = co_await conversations.list(id, Order::ascending, 2, "");
  EXPECT_EQ(page->items.size(), 2U);
  auto next = co_await conversations.list(id, Order::ascending, 2, page->items.back().id);
  EXPECT_EQ(next->items.size(), 1U);
  auto window = co_await conversations.window(id, {.items = 2});
  EXPECT_EQ(window->items.size(), 2U);
  auto item = co_await conversations.item(id, item_id);
  EXPECT_EQ(item->id, item_id);
}

TEST_F(NearTest, RepeatedReadsOfEveryKindAskRedisNothing) {
  const auto id = run_on(io_, created(one_.conversations, {user_says("a"), user_says("b"), user_says("c")}));
  const auto item = run_on(io_, one_.conversations.list(id, Order::ascending, 1, ""))->items.front().id;
  run_on(io_, reads_of_all_kinds(one_.conversations, id, item));
  const auto before = one_.client.stats().requests;
  for (int i = 0; i < 3; ++i) run_on(io_, reads_of_all_kinds(one_.conversations, id, item));
  EXPECT_EQ(one_.client.stats().requests, before);
  EXPECT_EQ(one_.near.stats().hits, 15U);
}

TEST_F(NearTest, AWriteIsSeenByEveryReadThatBeginsAfterItInTheSameProcess) {
  const auto id = run_on(io_, created(one_.conversations));
  for (int i = 0; i < 300; ++i) {
    const auto text = std::to_string(i);
    Rig& writer = i % 3 == 0 ? same_ : one_;
    run_on(io_, newest(one_.conversations, id));
    run_on(io_, newest(same_.conversations, id));
    run_on(io_, append_text(writer.conversations, id, text));
    EXPECT_EQ(run_on(io_, newest(one_.conversations, id)), text);
    EXPECT_EQ(run_on(io_, newest(same_.conversations, id)), text);
  }
}

TEST_F(NearTest, AWriteOfAnotherProcessIsSeenAsSoonAsRedisTells) {
  const auto id = run_on(io_, created(one_.conversations));
  int reads = 0;
  for (int i = 0; i < 100; ++i) {
    const auto text = std::to_string(i);
    run_on(io_, newest(one_.conversations, id));
    run_on(io_, append_text(other_.conversations, id, text));
    reads += run_on(io_, reads_until(one_.conversations, id, text));
  }
  EXPECT_LE(reads, 300) << "a push is a millisecond away";
  const Write plain;
  EXPECT_TRUE(run_on(io_, other_.conversations.erase(id, plain)));
  while (run_on(io_, one_.conversations.get(id))) {
  }
}

TEST_F(NearTest, WhatOneOwnerReadIsNotThereForAnother) {
  Conversations ada(one_.store, {}, {.owner = "ada"}, &one_.near);
  Conversations bob(one_.store, {}, {.owner = "bob"}, &one_.near);
  const auto id = run_on(io_, created(ada));
  EXPECT_TRUE(run_on(io_, ada.get(id)));
  EXPECT_FALSE(run_on(io_, bob.get(id)));
  EXPECT_FALSE(run_on(io_, bob.list(id, Order::descending, 1, "")));
}

TEST_F(NearTest, ALostConnectionEmptiesIt) {
  const auto id = run_on(io_, created(one_.conversations, {user_says("a")}));
  EXPECT_EQ(run_on(io_, newest(one_.conversations, id)), "a");
  EXPECT_EQ(one_.near.stats().entries, 1U);
  server_.cli({"CLIENT", "KILL", "TYPE", "normal"});
  run_on(io_, append_text(other_.conversations, id, "b"));
  EXPECT_EQ(run_on(io_, reads_until(one_.conversations, id, "b")), 1);
  EXPECT_GE(one_.near.stats().flushes, 1U);
}

TEST_F(NearTest, ReadsFromMemorySlideTheLifetimeAllTheSame) {
  Options options;
  options.lifetime = std::chrono::seconds(30);  // a slide is due after each second
  Rig brief(io_, server_, marks_, options);
  const auto id = run_on(io_, created(brief.conversations, {user_says("a")}));
  const auto key = brief.store.keys().conversation(id).str();
  const auto first = std::stoll(server_.cli({"PEXPIRETIME", key}));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::stoll(server_.cli({"PEXPIRETIME", key})) == first && std::chrono::steady_clock::now() < until)
    run_on(io_, newest(brief.conversations, id));
  EXPECT_GT(std::stoll(server_.cli({"PEXPIRETIME", key})), first);
  EXPECT_GT(brief.near.stats().hits, brief.near.stats().misses);
  run_on(io_, brief.client.close());
}

}  // namespace
}  // namespace inkwell::conversations
