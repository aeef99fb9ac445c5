// A server that dies, or loses its connection, at any point of any operation: whatever it had sent by then, every key
// has its lifetime, and the keys of a conversation expire together. | fault                              | production
// cause |
//   the connection is cut after N bytes | the server is killed between two commands, or within one
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/asio.hpp"
#include "conversations/conversations.hpp"
#include "support/audit.hpp"
#include "support/fault_proxy.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;
using test::run_on;
using namespace std::chrono_literals;

std::vector<NewItem> two_items() {
  std::vector<NewItem> items;
  for (const std::string raw : {R"({"role":"user","content":"a"})", R"({"id":"own","role":"user","content":"b"})"})
    items.push_back(*normalise_item(raw, json::parse(raw).as_object(), "items[0]"));
  return items;
}

redis::Options linked(const test::RedisServer& server, std::optional<std::uint16_t> port = {}) {
  redis::Options options;
  options.endpoint = server.endpoint();
  if (port) {
    options.endpoint = server.tcp_endpoint();
    options.endpoint.port = *port;
  }
  options.command_timeout = 2s;
  return options;
}

/// What one server does; `id` and `item` are there already. What comes of it is not looked at.
using Deed = std::function<asio::awaitable<void>(Conversations&, std::string id, std::string item)>;

asio::awaitable<void> creates(Conversations& conversations, std::string, std::string) {
  NewConversation wanted;
  wanted.items = two_items();
  Write write;
  write.idempotency_key = "k";
  write.fingerprint = std::string(64, 'f');
  co_await conversations.create(std::move(wanted), std::move(write));
}
asio::awaitable<void> appends(Conversations& conversations, std::string id, std::string) {
  auto items = two_items();
  items.pop_back();
  const Write plain;
  co_await conversations.append(std::move(id), std::move(items), plain);
}
asio::awaitable<void> pops(Conversations& conversations, std::string id, std::string) {
  const Write plain;
  co_await conversations.pop(std::move(id), 2, plain);
}
asio::awaitable<void> erases_item(Conversations& conversations, std::string id, std::string item) {
  const Write plain;
  co_await conversations.erase_item(std::move(id), std::move(item), plain);
}
asio::awaitable<void> updates(Conversations& conversations, std::string id, std::string) {
  Change change;
  change.lifetime = 100s;
  const Write plain;
  co_await conversations.update(std::move(id), std::move(change), plain);
}
asio::awaitable<void> forks(Conversations& conversations, std::string id, std::string) {
  Fork wanted;
  const Write plain;
  co_await conversations.fork(std::move(id), std::move(wanted), plain);
}
asio::awaitable<void> erases(Conversations& conversations, std::string id, std::string) {
  const Write plain;
  co_await conversations.erase(std::move(id), plain);
}
asio::awaitable<void> lists(Conversations& conversations, std::string id, std::string) {
  co_await conversations.list(id, Order::descending, 10, "");
  co_await conversations.list_of("", 10, "");
}

class CrashPoints : public testing::Test {
 protected:
  CrashPoints() : proxy_(test::FaultProxy::Tcp{server_.port()}) {}

  /// Makes a conversation, then has `deed` done through a connection that is cut after `bytes` that way. False when
  /// all of it went through.
  bool cut(const Deed& deed, test::Way way, std::size_t bytes) {
    server_.cli({"FLUSHALL"});
    asio::io_context io{1};
    redis::Client direct(io.get_executor(), linked(server_));
    keyspace::Store store(direct, keyspace::Keys("default"));
    Conversations there(store, {}, scope_);
    NewConversation wanted;
    wanted.items = two_items();
    const auto made = run_on(io, there.create(wanted, Write()));
    const auto item = run_on(io, there.list(made->id, Order::ascending, 1, ""))->items.front().id;

    redis::Client client(io.get_executor(), linked(server_, proxy_.port()));
    EXPECT_TRUE(run_on(io, client.command("PING")));
    keyspace::Store through(client, keyspace::Keys("default"));
    Conversations conversations(through, {}, scope_);
    const auto before = proxy_.bytes(way);
    proxy_.cut_after(way, bytes);
    run_on(io, deed(conversations, made->id, item));
    const bool whole = proxy_.bytes(way) - before < bytes;
    proxy_.heal();
    run_on(io, client.close());
    run_on(io, direct.close());
    return !whole;
  }

  void expect_sound() const {
    test::expect_clean_audit(server_);
    std::map<std::string, std::set<std::string>> moments;  // by conversation
    const std::string keys = server_.cli({"--scan", "--pattern", "ink:default:conv:*"});
    for (std::size_t at = 0; at < keys.size();) {
      const auto end = std::min(keys.find('\n', at), keys.size());
      const std::string key = keys.substr(at, end - at);
      at = end + 1;
      if (key.find(":idem:") == std::string::npos)
        moments[key.substr(0, key.find('}'))].insert(server_.cli({"PEXPIRETIME", key}));
    }
    for (const auto& [conversation, times] : moments) EXPECT_EQ(times.size(), 1U) << conversation;
  }

  void cut_everywhere(const Deed& deed) {
    for (const auto way : {test::Way::to_server, test::Way::to_client}) {
      std::size_t bytes = 1;
      for (; cut(deed, way, bytes) && bytes < 20'000; bytes += way == test::Way::to_server ? 211 : 61) {
        SCOPED_TRACE(fmt::format("cut after {} bytes", bytes));
        expect_sound();
      }
      EXPECT_GT(bytes, 1U);
      expect_sound();
    }
  }

  test::RedisServer server_;
  test::FaultProxy proxy_;
  Scope scope_{.tenant = {}, .owner = "ada", .quota = {.max_conversations = 100, .max_bytes = 1 << 20}, .lifetime = {}};
};

TEST_F(CrashPoints, OfACreation) { cut_everywhere(creates); }
TEST_F(CrashPoints, OfAnAppend) { cut_everywhere(appends); }
TEST_F(CrashPoints, OfAPop) { cut_everywhere(pops); }
TEST_F(CrashPoints, OfAnItemsErasure) { cut_everywhere(erases_item); }
TEST_F(CrashPoints, OfAnUpdate) { cut_everywhere(updates); }
TEST_F(CrashPoints, OfAFork) { cut_everywhere(forks); }
TEST_F(CrashPoints, OfAnErasure) { cut_everywhere(erases); }
TEST_F(CrashPoints, OfReads) { cut_everywhere(lists); }

TEST_F(CrashPoints, WhatIsLeftBehindIsGoneWhenItsTimeIsUp) {
  scope_.quota = {};
  scope_.lifetime = 1s;
  for (const auto& deed : {Deed(appends), Deed(forks), Deed(pops)}) {
    for (const std::size_t bytes : {500U, 1500U, 2500U}) cut(deed, test::Way::to_server, bytes);
    asio::io_context io{1};
    EXPECT_TRUE(run_on(io, test::eventually([&] { return server_.cli({"DBSIZE"}) == "0"; })));
  }
}

}  // namespace
}  // namespace inkwell::conversations
