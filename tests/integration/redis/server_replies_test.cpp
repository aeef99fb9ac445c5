// The codec against what a real server sends: every type by DEBUG PROTOCOL, and commands known for their shapes.
#include "integration/redis/link_fixture.hpp"

namespace inkwell::redis {
namespace {

class ServerRepliesTest : public LinkTest {
 protected:
  void check(asio::awaitable<void> (*body)(Client&), Options options) {
    Client client(io_.get_executor(), std::move(options));
    run_on(io_, body(client));
  }
};

asio::awaitable<Reply> debug(Client& client, std::string type) {
  auto answer = co_await client.command("DEBUG", "PROTOCOL", type);
  if (answer) co_return std::move(*answer);
  ADD_FAILURE() << type << ": " << answer.error().message();
  co_return Reply();
}

asio::awaitable<void> every_type(Client& client) {
  const auto text = co_await debug(client, "string");
  EXPECT_EQ(text.view().text(), "Hello World");
  const auto integer = co_await debug(client, "integer");
  EXPECT_EQ(integer.view().type(), Type::integer);
  EXPECT_EQ(integer.view().integer(), 12345);
  const auto real = co_await debug(client, "double");
  EXPECT_EQ(real.view().type(), Type::real);
  EXPECT_DOUBLE_EQ(real.view().real().value_or(0), 3.141);
  const auto null = co_await debug(client, "null");
  EXPECT_TRUE(null.view().is_null());
  const auto array = co_await debug(client, "array");
  EXPECT_EQ(decode<std::vector<int>>(array.view()), (std::vector<int>{0, 1, 2}));
  const auto set = co_await debug(client, "set");
  EXPECT_EQ(set.view().type(), Type::set);
  EXPECT_EQ(set.view().size(), 3U);
  const auto map = co_await debug(client, "map");
  EXPECT_EQ(map.view().type(), Type::map);
  EXPECT_EQ(map.view().size(), 6U);
  EXPECT_EQ(map.view()[1].type(), Type::boolean);
  const auto attribute = co_await debug(client, "attrib");  // dropped; the value behind it is what counts
  EXPECT_EQ(attribute.view().text(), "Some real reply following the attribute");
  const auto big = co_await debug(client, "bignum");
  EXPECT_EQ(big.view().type(), Type::big_number);
  EXPECT_EQ(big.view().text(), "1234567999999999999999999999999999999");
  const auto verbatim = co_await debug(client, "verbatim");
  EXPECT_EQ(verbatim.view().text(), "This is a verbatim\nstring");
  const auto yes = co_await debug(client, "true");
  EXPECT_EQ(decode<bool>(yes.view()), true);
  const auto no = co_await debug(client, "false");
  EXPECT_EQ(decode<bool>(no.view()), false);
  co_await client.close();
}

TEST_F(ServerRepliesTest, ReadsEveryTypeTheServerCanSend) { check(every_type, options()); }

asio::awaitable<void> known_shapes(Client& client) {
  auto hello = co_await client.command("HELLO", 3);
  EXPECT_EQ(hello->view().find("proto")->integer(), 3);
  EXPECT_TRUE(hello->view().find("modules")->is_aggregate());
  auto config = co_await client.command("CONFIG", "GET", "max*");
  EXPECT_EQ(config->view().type(), Type::map);
  EXPECT_EQ(config->view().find("maxmemory")->text(), "0");
  co_await client.command("XADD", "s", "1-1", "f", "v", "g", "w");
  co_await client.command("XADD", "s", "2-1", "f", "");
  auto range = co_await client.command("XRANGE", "s", "-", "+");
  using Entry = std::pair<std::string, std::vector<std::string>>;
  EXPECT_EQ(decode<std::vector<Entry>>(range), (std::vector<Entry>{{"1-1", {"f", "v", "g", "w"}}, {"2-1", {"f", ""}}}));
  auto read = co_await client.command("XREAD", "STREAMS", "s", "0");
  EXPECT_EQ(read->view().find("s")->size(), 2U);
  co_await client.command("HSET", "h", "a", 1, "b", 2);
  auto hash = co_await client.command("HGETALL", "h");
  EXPECT_EQ((decode<std::map<std::string, int>>(hash)), (std::map<std::string, int>{{"a", 1}, {"b", 2}}));
  co_await client.command("ZADD", "z", 1.5, "m");
  auto score = co_await client.command("ZSCORE", "z", "m");
  EXPECT_EQ(score->view().type(), Type::real);
  auto info = co_await client.command("INFO");
  EXPECT_NE(info->view().text().find("redis_version"), std::string_view::npos);
  auto commands = co_await client.command("COMMAND");
  EXPECT_GT(commands->view().size(), 200U);
  co_await client.close();
}

TEST_F(ServerRepliesTest, ReadsTheShapesOfKnownCommands) { check(known_shapes, options()); }

asio::awaitable<void> large_values(Client& client) {
  for (const std::size_t size : {0, 1, 4000, 65'530, 65'536, 70'000, 1'000'000, 20'000'000}) {
    std::string value(size, 'a');
    for (std::size_t i = 0; i < size; i += 997) value[i] = static_cast<char>(i % 251);
    auto set = co_await client.command("SET", "k", value);
    EXPECT_TRUE(set);
    auto got = co_await client.command("GET", "k");
    EXPECT_TRUE(got && got->view().text() == value) << size;
  }
  co_await client.close();
}

TEST_F(ServerRepliesTest, CarriesValuesOfAnySizeWhole) { check(large_values, options()); }

asio::awaitable<void> keeps_replies(Client& client) {
  std::vector<Reply> kept;
  for (int i = 0; i < 500; ++i) {
    const std::string text = std::to_string(i) + std::string(3000, 'x');
    auto answer = co_await client.command("ECHO", text);
    kept.push_back(std::move(*answer));
  }
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(kept[static_cast<std::size_t>(i)].view().text(), std::to_string(i) + std::string(3000, 'x'));
  }
  co_await client.close();
}

TEST_F(ServerRepliesTest, AKeptReplyIsNeverOverwritten) { check(keeps_replies, options()); }

asio::awaitable<void> too_large(Client& client) {
  auto set = co_await client.command("SET", "big", std::string(200'000, 'x'));
  EXPECT_TRUE(set);
  Request get("GET", "big");
  const CallOptions idempotent{.timeout = 5s, .idempotent = true};
  auto answer = co_await client.execute(std::move(get), idempotent);
  EXPECT_EQ(answer.error().code(), "redis_reply_too_large");
  auto next = co_await client.command("ECHO", "next");  // on another connection
  EXPECT_EQ(next->view().text(), "next");
  co_await client.close();
}

TEST_F(ServerRepliesTest, AReplyOverTheBoundFailsItsCallerOnly) {
  auto tight = options();
  tight.max_reply_bytes = 100'000;
  check(too_large, tight);
}

}  // namespace
}  // namespace inkwell::redis
