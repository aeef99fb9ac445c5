#include "keyspace/key.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "keyspace/audit.hpp"

namespace inkwell::keyspace {
namespace {

using namespace std::chrono_literals;

std::vector<Key> one_of_each(const Keys& keys, std::string_view name) {
  return {keys.conversation(name),
          keys.conversation_items(name),
          keys.conversation_item_ids(name),
          keys.conversation_index(name),
          keys.conversation_idempotency(name, name),
          keys.conversation_usage(),
          keys.conversation_usage_moments(),
          keys.channel_log(name),
          keys.channel_live(name),
          keys.channel_subscribers(name),
          keys.channel_idempotency(name, name),
          keys.channel_generation(name),
          keys.embedding(name, 384, "00ff"),
          keys.embedding_lease(name, 384, "00ff"),
          keys.hot_set(name)};
}

TEST(Keys, AHotSetsKeyIsTakenApartAgain) {
  const Keys keys("default");
  const auto name = keys.parse_hot_set(keys.of("t 1").hot_set("org/model:v1").str());
  ASSERT_TRUE(name);
  EXPECT_EQ(name->tenant, "t 1");
  EXPECT_EQ(name->model, "org/model:v1");
  for (const auto* other : {"", "ink:default:hot", "ink:default:hot:", "ink:default:emb:m:3:00", "x:default:hot:m"}) {
    EXPECT_FALSE(keys.parse_hot_set(other)) << other;
  }
}

TEST(Keys, AnEmbeddingsKeyIsTakenApartAgain) {
  const Keys keys("a tenant", "pre:fix");
  for (const std::string& model :
       {std::string("plain"), std::string("org/model:v1 {x}%*"), std::string("\xC3\xA9\0", 3)}) {
    const std::string digest(64, 'a');
    const auto name = keys.parse_embedding(keys.of("another").embedding(model, 384, digest).str());
    ASSERT_TRUE(name) << model;
    EXPECT_EQ(name->tenant, "another");
    EXPECT_EQ(name->model, model);
    EXPECT_EQ(name->dimensions, 384u);
    EXPECT_EQ(name->digest, digest);
    EXPECT_FALSE(keys.parse_embedding(keys.embedding_lease(model, 384, digest).str()));
    EXPECT_FALSE(keys.parse_embedding(Keys("t").embedding(model, 384, digest).str())) << "another installation's";
  }
  for (const auto* other :
       {"", "pre%3Afix", "pre%3Afix:t", "pre%3Afix:t:emb:", "pre%3Afix:t:emb:m:3:", "pre%3Afix:t:emb:m:x:00",
        "pre%3Afix:t:emb:m:3", "pre%3Afix:%4:emb:m:3:00", "pre%3Afix:t:chan:{m}"}) {
    EXPECT_FALSE(keys.parse_embedding(other)) << other;
  }
}

TEST(Family, EveryRowStandsAtItsEnumeratorAndHasALifetimeUnlessItIsNotStored) {
  for (std::size_t i = 0; i < families().size(); ++i) {
    const auto& row = families()[i];
    EXPECT_EQ(static_cast<std::size_t>(row.family), i);
    EXPECT_EQ(&rule(row.family), &row);
    EXPECT_EQ(row.lifetime > 0ms, row.refresh != Refresh::not_stored) << row.name;
  }
}

TEST(Keys, OfAnotherTenantMeetThisOnesNowhere) {
  const Keys ours("a", "ink");
  const Keys theirs = ours.of("b");
  EXPECT_EQ(theirs.tenant(), "b");
  EXPECT_EQ(theirs.prefix(), "ink:b:");
  const auto one = one_of_each(ours, "name");
  const auto other = one_of_each(theirs, "name");
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(one[i].str().starts_with("ink:a:"));
    EXPECT_TRUE(other[i].str().starts_with("ink:b:"));
    EXPECT_EQ(one[i].str().substr(6), other[i].str().substr(6));
  }
}

TEST(Keys, AChannelsNameMayCarryItsTenant) {
  const Keys ours("a", "ink");
  const Keys theirs = ours.of("b");
  const auto name = name_in_tenant("b", "a:{x}");
  EXPECT_EQ(ours.channel_log(name), theirs.channel_log("a:{x}"));
  EXPECT_EQ(ours.channel_live(name), theirs.channel_live("a:{x}"));
  EXPECT_EQ(ours.channel_subscribers(name), theirs.channel_subscribers("a:{x}"));
  EXPECT_EQ(ours.channel_idempotency(name, "k"), theirs.channel_idempotency("a:{x}", "k"));
  EXPECT_EQ(ours.channel_generation(name), theirs.channel_generation("a:{x}"));
}

TEST(Keys, EveryFamilyHasAKeyAndIsRecognisedByIt) {
  const Keys keys("default");
  std::set<Family> made;
  for (const auto& key : one_of_each(keys, "a:{b}%*")) {
    made.insert(key.family());
    EXPECT_TRUE(key.str().starts_with(keys.prefix())) << key.str();
    EXPECT_EQ(family_of(key.str()), key.family()) << key.str();
  }
  EXPECT_EQ(made.size(), families().size());
}

TEST(Keys, OtherKeysBelongToNoFamily) {
  for (const auto* key : {"ink", "ink:", "ink:default:", "ink:default:conv:{x", "ink:default:conv:{x}:other",
                          "inkx:default:conv:{x}", "other:default:conv:{x}", "ink:default:chan:x"}) {
    EXPECT_FALSE(family_of(key)) << key;
  }
}

TEST(Keys, TheKeysOfOneStepShareAHashTag) {
  const Keys keys("default");
  EXPECT_EQ(keys.conversation("c").hash_tag(), "c");
  EXPECT_EQ(keys.conversation_items("c").hash_tag(), "c");
  EXPECT_EQ(keys.conversation_item_ids("c").hash_tag(), "c");
  EXPECT_EQ(keys.conversation_idempotency("c", "k").hash_tag(), "c");
  EXPECT_EQ(keys.channel_log("n{}").hash_tag(), keys.channel_live("n{}").hash_tag());
  EXPECT_EQ(keys.channel_log("n{}").hash_tag(), keys.channel_idempotency("n{}", "}").hash_tag());
}

TEST(Keys, DistinctNamesGiveDistinctKeys) {
  std::mt19937_64 random(20261123);
  const std::string alphabet("ab{}:%*\0\n\xC3\xA9 7F", 14);
  const Keys keys("default");
  std::map<std::string, std::string> name_by_key;
  for (int i = 0; i < 20'000; ++i) {
    std::string name;
    for (auto length = random() % 6; length > 0; --length) name += alphabet[random() % alphabet.size()];
    const auto [it, fresh] = name_by_key.emplace(keys.channel_log(name).str(), name);
    ASSERT_EQ(it->second, name) << it->first;
  }
}

TEST(Keys, TenantsNeverShareAKey) {
  EXPECT_NE(Keys("a").channel_log("x").str(), Keys("b").channel_log("x").str());
  EXPECT_NE(Keys("a:chan").channel_log("x").str(), Keys("a").channel_log("chan:x").str());
  EXPECT_THROW(Keys(""), std::logic_error);
}

TEST(Lifetime, JitterLengthensWithinItsBound) {
  const auto base = rule(Family::embedding).lifetime;
  EXPECT_EQ(lifetime_with_jitter(Family::embedding, 0.0), base);
  EXPECT_GT(lifetime_with_jitter(Family::embedding, 0.999), base);
  EXPECT_LE(lifetime_with_jitter(Family::embedding, 0.999),
            base + base * rule(Family::embedding).jitter_per_mille / 1000);
  EXPECT_EQ(lifetime_with_jitter(Family::conversation, 0.999), rule(Family::conversation).lifetime);
}

TEST(Lifetime, ASlidingOneIsSetAnewOnceAThirtiethOfItIsGone) {
  EXPECT_FALSE(sliding_refresh_due(30s, 30s));
  EXPECT_FALSE(sliding_refresh_due(30s, 29s + 1ms));
  EXPECT_TRUE(sliding_refresh_due(30s, 29s));
  EXPECT_TRUE(sliding_refresh_due(30s, 0s));
}

}  // namespace
}  // namespace inkwell::keyspace
