// The deciding parts of the cluster client: slots, routing, and what a map of slots says.
#include <boost/asio/buffer.hpp>
#include <gtest/gtest.h>

#include <inkwell/redis/request.hpp>

#include "redis/cluster/key_slot.hpp"
#include "redis/cluster/routing.hpp"
#include "redis/cluster/slot_map.hpp"
#include "redis/resp/parser.hpp"

namespace inkwell::redis::cluster {
namespace {

TEST(KeySlot, IsThatOfTheClusterSpecification) {
  EXPECT_EQ(key_slot("123456789"), 0x31C3);  // the specification's own test value
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot(""), 0);
}

TEST(KeySlot, CountsTheHashTagOnly) {
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
  EXPECT_NE(key_slot("foo{}{bar}"), key_slot("bar"));
}

template <class... Args>
Routing routing(std::string_view name, const Args&... args) {
  const Request request(name, args...);
  return routing_of(arguments_of(request.wire()));
}

TEST(Routing, FindsTheKeyWhereverTheCommandHasIt) {
  const auto slot = key_slot("k");
  EXPECT_EQ(routing("GET", "k").slot, slot);
  EXPECT_EQ(routing("set", "k", "v").slot, slot);
  EXPECT_EQ(routing("EVALSHA", "digest", 1, "k", "argument").slot, slot);
  EXPECT_EQ(routing("eval", "return 1", 2, "k", "other").slot, slot);
  EXPECT_EQ(routing("XREAD", "COUNT", 10, "BLOCK", 5, "streams", "k", "0").slot, slot);
  EXPECT_EQ(routing("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">").slot, slot);
  EXPECT_EQ(routing("MEMORY", "USAGE", "k").slot, slot);
  EXPECT_EQ(routing("XINFO", "STREAM", "k").slot, slot);
  EXPECT_EQ(routing("SPUBLISH", "k", "message").slot, slot);
  EXPECT_EQ(routing("BITOP", "AND", "k", "a").slot, slot);
  EXPECT_EQ(routing("LMPOP", 1, "k", "LEFT").slot, slot);
  EXPECT_EQ(routing("BLMPOP", 5, 1, "k", "LEFT").slot, slot);
}

TEST(Routing, LetsAnyNodeAnswerWhatHasNoKey) {
  EXPECT_FALSE(routing("PING").slot);
  EXPECT_FALSE(routing("INFO", "server").slot);
  EXPECT_FALSE(routing("SCRIPT", "LOAD", "return 1").slot);
  EXPECT_FALSE(routing("EVAL", "return 1", 0, "argument").slot);
}

TEST(Routing, SplitsWhatCanBeSplitAndNothingElse) {
  EXPECT_TRUE(routing("MGET", "a", "b").splits);
  EXPECT_TRUE(routing("del", "a", "b").splits);
  EXPECT_FALSE(routing("MGET", "{t}a", "{t}b").splits);
  EXPECT_FALSE(routing("MGET", "a").splits);
  EXPECT_FALSE(routing("MSET", "a", "1", "b", "2").splits);
}

// A reply as it comes over the wire.
class Answer {
 public:
  explicit Answer(std::string wire) : wire_(std::move(wire)) {
    EXPECT_EQ(parser_.parse(wire_.data(), wire_.size()), resp::Parser::Status::complete);
  }
  View view() const { return View(parser_.nodes().data(), wire_.data()); }

 private:
  std::string wire_;
  resp::Parser parser_;
};

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string node(std::string_view endpoint, int port, std::string_view role, std::string_view health) {
  return "%6\r\n" + bulk("id") + bulk("x") + bulk("port") + ":" + std::to_string(port) + "\r\n" + bulk("tls-port") +
         ":" + std::to_string(port + 1) + "\r\n" + bulk("endpoint") + bulk(endpoint) + bulk("role") + bulk(role) +
         bulk("health") + bulk(health);
}

std::string shard(int first, int last, const std::string& nodes, int count) {
  return "%2\r\n" + bulk("slots") + "*2\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) + "\r\n" +
         bulk("nodes") + "*" + std::to_string(count) + "\r\n" + nodes;
}

const HostPort kAsked{"asked", 1};

TEST(SlotMapTest, TakesTheMasterThatIsWellOfEachShard) {
  const Answer answer("*2\r\n" +
                      shard(0, 99, node("a", 10, "replica", "online") + node("b", 20, "master", "online"), 2) +
                      shard(100, 16383, node("dead", 30, "master", "fail") + node("?", 40, "master", "online"), 2));
  const auto map = SlotMap::from_shards(answer.view(), kAsked, false);
  ASSERT_TRUE(map);
  EXPECT_EQ(*map->master_of(0), (HostPort{"b", 20}));
  EXPECT_EQ(*map->master_of(99), (HostPort{"b", 20}));
  EXPECT_EQ(*map->master_of(100), (HostPort{"asked", 40}));
  EXPECT_EQ(map->masters().size(), 2U);
  EXPECT_EQ(map->replicas_of(0), (std::vector<HostPort>{{"a", 10}}));
  EXPECT_TRUE(map->replicas_of(100).empty()) << "a master that failed is no replica";
  EXPECT_TRUE(map->has_replica({"a", 10}));
  EXPECT_FALSE(map->has_replica({"b", 20}));
  const auto with_tls = SlotMap::from_shards(answer.view(), kAsked, true);
  EXPECT_EQ(*with_tls->master_of(0), (HostPort{"b", 21}));
}

TEST(SlotMapTest, KnowsWhichSlotsNobodyServes) {
  const Answer answer("*1\r\n" + shard(5, 6, node("a", 10, "master", "online"), 1));
  const auto map = SlotMap::from_shards(answer.view(), kAsked, false);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->master_of(4), nullptr);
  EXPECT_NE(map->master_of(6), nullptr);
}

TEST(SlotMapTest, IsNotMadeFromNonsense) {
  for (const char* text : {"*0\r\n", "+OK\r\n", "*1\r\n:1\r\n", "_\r\n"}) {
    const Answer answer(text);
    EXPECT_FALSE(SlotMap::from_shards(answer.view(), kAsked, false)) << text;
    EXPECT_FALSE(SlotMap::from_slots(answer.view(), kAsked)) << text;
  }
  const Answer beyond("*1\r\n" + shard(-1, 99999, node("a", 10, "master", "online"), 1));
  const auto map = SlotMap::from_shards(beyond.view(), kAsked, false);
  EXPECT_TRUE(!map || map->master_of(0) == nullptr);
}

TEST(SlotMapTest, ReadsTheOlderFormToo) {
  const Answer answer("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + bulk("") + ":7000\r\n");
  const auto map = SlotMap::from_slots(answer.view(), kAsked);
  ASSERT_TRUE(map);
  EXPECT_EQ(*map->master_of(1), (HostPort{"asked", 7000}));
}

TEST(SlotMapTest, TakesACorrectionOfOneSlot) {
  const Answer answer("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + bulk("a") + ":7000\r\n");
  auto map = SlotMap::from_slots(answer.view(), kAsked);
  map->set_master(7, {"b", 7001});
  EXPECT_EQ(*map->master_of(7), (HostPort{"b", 7001}));
  EXPECT_EQ(*map->master_of(8), (HostPort{"a", 7000}));
}

}  // namespace
}  // namespace inkwell::redis::cluster
