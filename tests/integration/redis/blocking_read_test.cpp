#include <inkwell/redis/blocking_read.hpp>

#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

class BlockingReadTest : public LinkTest {
 protected:
  BlockingReadTest() : LinkTest({"--appendonly", "yes", "--appendfsync", "always"}) {}
};

asio::awaitable<void> pops(Pool& pool, test::RedisServer& server) {
  auto none = co_await pop(pool, "list", Side::left, 20ms);
  EXPECT_TRUE(none) << none.error().to_string();
  EXPECT_FALSE(*none);
  server.cli({"RPUSH", "list", "a", "b"});
  std::vector<std::string> both{"other", "list"};
  auto first = co_await pop(pool, both, Side::left, 5s);
  EXPECT_EQ((*first)->first, "list");
  EXPECT_EQ((*first)->second, "a");
  auto last = co_await pop(pool, "list", Side::right, 0ms);
  EXPECT_EQ((*last)->second, "b");
  server.cli({"SET", "list", "no list"});
  auto wrong = co_await pop(pool, "list", Side::left, 5s);
  EXPECT_EQ(wrong.error().code(), "redis_wrongtype");
  co_await pool.close();
}

TEST_F(BlockingReadTest, PopsWhatIsThereOrComesAndNothingOtherwise) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, pops(pool, server_));
}

asio::awaitable<void> waits_cancelled(Pool& pool, test::RedisServer& server) {
  const auto blocked = [&server] {
    return server.cli({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
  };
  Gate gate(co_await asio::this_coro::executor);
  const auto waiter = [](Pool& from) -> asio::awaitable<void> { co_await pop(from, "list", Side::left, 60s); };
  gate.spawn("waiter", waiter(pool));
  co_await must(blocked, "it waits at the server");
  gate.cancel();
  co_await gate.wait_until_empty();
  co_await must([&] { return !blocked(); }, "the server no longer holds an element for it");
  server.cli({"RPUSH", "list", "kept"});
  EXPECT_EQ(server.cli({"LLEN", "list"}), "1");
  co_await pool.close();
}

TEST_F(BlockingReadTest, ACancelledWaitTakesNothing) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, waits_cancelled(pool, server_));
}

asio::awaitable<void> follows(Pool& pool, test::RedisServer& server) {
  std::map<std::string, std::string> cursors{{"s", "0"}};
  StreamReader reader(pool, cursors, StreamReaderOptions{.count = 2});
  auto none = co_await reader.next(0ms);
  EXPECT_TRUE(none && none->empty());
  for (const char* id : {"1-0", "2-0", "3-0"}) server.cli({"XADD", "s", id, "f", id});
  auto two = co_await reader.next(5s);
  EXPECT_EQ(two->at("s").size(), 2U);
  EXPECT_EQ(*two->at("s")[1].find("f"), "2-0");
  auto third = co_await reader.next(5s);
  EXPECT_EQ(third->at("s").front().id, "3-0");
  EXPECT_EQ(reader.cursors().at("s"), "3-0");
  auto nothing = co_await reader.next(20ms);
  EXPECT_TRUE(nothing && nothing->empty());
  co_await pool.close();
}

TEST_F(BlockingReadTest, AReaderGetsEveryEntryOnceInOrder) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, follows(pool, server_));
}

asio::awaitable<void> survives(Pool& pool, test::RedisServer& server) {
  std::map<std::string, std::string> cursors{{"s", "0"}};
  StreamReader reader(pool, cursors);
  server.cli({"XADD", "s", "1-0", "f", "v"});
  co_await reader.next(5s);
  std::optional<Result<StreamReader::Entries>> read;
  Gate gate(co_await asio::this_coro::executor);
  const auto wait = [](StreamReader& from, auto& into) -> asio::awaitable<void> {
    auto entries = co_await from.next(15s);
    into.emplace(std::move(entries));
  };
  gate.spawn("reader", wait(reader, read));
  co_await must([&] { return pool.stats().open == 1 && pool.stats().idle == 0; }, "it waits at the server");
  server.kill();
  server.start();
  server.cli({"XADD", "s", "2-0", "f", "v"});
  co_await gate.wait_until_empty();
  EXPECT_TRUE(*read) << read->error().to_string();
  EXPECT_EQ((*read)->at("s").front().id, "2-0");
  EXPECT_EQ((*read)->at("s").size(), 1U);
  co_await pool.close();
}

TEST_F(BlockingReadTest, AReaderGoesOnWhereItWasAfterTheServersDeath) {
  Pool pool(io_.get_executor(), options());
  run_on(io_, survives(pool, server_));
}

}  // namespace
}  // namespace inkwell::redis
