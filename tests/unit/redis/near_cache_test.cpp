#include <gtest/gtest.h>

#include <inkwell/redis/near_cache.hpp>

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;

class NearCacheTest : public testing::Test {
 protected:
  using Cache = NearCache<std::string>;

  static Tracking prefixes() { return {.mode = Tracking::Mode::prefixes, .prefixes = {"a:", "b:"}}; }
  bool put(std::string_view key, std::string value, std::optional<std::chrono::milliseconds> ttl = {}) {
    auto ticket = near_.begin(key);
    const std::size_t bytes = value.size();
    return near_.store(std::move(ticket), std::make_shared<const std::string>(std::move(value)), bytes, ttl);
  }

  std::shared_ptr<Invalidations> source_ = std::make_shared<Invalidations>(prefixes());
  Cache near_{source_, {.max_bytes = 4096}};
};

TEST_F(NearCacheTest, FindsWhatWasStoredUntilItsKeyChanges) {
  EXPECT_EQ(near_.find("a:1"), nullptr);
  ASSERT_TRUE(put("a:1", "one"));
  ASSERT_TRUE(put("a:2", "two"));
  EXPECT_EQ(*near_.find("a:1"), "one");
  source_->invalidate("a:1");
  EXPECT_EQ(near_.find("a:1"), nullptr);
  EXPECT_EQ(*near_.find("a:2"), "two");
  EXPECT_EQ(near_.stats().invalidated, 1u);
}

TEST_F(NearCacheTest, DropsAReadThatAnInvalidationOvertook) {
  auto ticket = near_.begin("a:1");
  source_->invalidate("a:1");
  EXPECT_FALSE(near_.store(std::move(ticket), std::make_shared<const std::string>("old"), 3));
  EXPECT_EQ(near_.find("a:1"), nullptr);
  EXPECT_EQ(near_.stats().overtaken, 1u);
  EXPECT_TRUE(put("a:1", "read after it"));
}

TEST_F(NearCacheTest, ALaterReadIsKeptThoughAnEarlierOneWasOvertaken) {
  auto early = near_.begin("a:1");
  source_->invalidate("a:1");
  auto late = near_.begin("a:1");
  EXPECT_TRUE(near_.store(std::move(late), std::make_shared<const std::string>("new"), 3));
  EXPECT_FALSE(near_.store(std::move(early), std::make_shared<const std::string>("old"), 3));
  EXPECT_EQ(*near_.find("a:1"), "new");
}

TEST_F(NearCacheTest, AValueMadeOfSeveralKeysFallsWithAnyOfThem) {
  const std::vector<std::string> further{"a:1:items", "b:1"};
  for (const std::string_view changed : {"a:1", "a:1:items", "b:1"}) {
    auto ticket = near_.begin("a:1", further);
    ASSERT_TRUE(near_.store(std::move(ticket), std::make_shared<const std::string>("both"), 4));
    ASSERT_NE(near_.find("a:1"), nullptr);
    source_->invalidate(changed);
    EXPECT_EQ(near_.find("a:1"), nullptr) << changed;
    auto overtaken = near_.begin("a:1", further);
    source_->invalidate(changed);
    EXPECT_FALSE(near_.store(std::move(overtaken), std::make_shared<const std::string>("both"), 4)) << changed;
  }
  EXPECT_EQ(near_.stats().bytes, 0u);
}

TEST_F(NearCacheTest, IsEmptiedWithAllReadsUnderWayWhenEverythingMayHaveChanged) {
  put("a:1", "one");
  auto ticket = near_.begin("a:2");
  source_->invalidate_all();
  EXPECT_EQ(near_.find("a:1"), nullptr);
  EXPECT_FALSE(near_.store(std::move(ticket), std::make_shared<const std::string>("two"), 3));
  EXPECT_EQ(near_.stats().entries, 0u);
  EXPECT_EQ(near_.stats().flushes, 1u);
}

TEST_F(NearCacheTest, KeepsNothingThatTheServerWouldNotTellOf) {
  EXPECT_FALSE(put("c:1", "no prefix"));
  EXPECT_EQ(near_.stats().untracked, 1u);
  Cache off(std::make_shared<Invalidations>(Tracking()));
  EXPECT_FALSE(off.store(off.begin("a:1"), std::make_shared<const std::string>("x"), 1));
}

TEST_F(NearCacheTest, ServesNothingPastItsTtlOrTheMaximumAge) {
  NearStore store(source_, {.max_age = 100ms});
  const auto now = NearStore::Clock::now();
  const auto put_at = [&](std::string_view key, std::optional<std::chrono::milliseconds> ttl) {
    return store.store(store.begin(key, {}, now), std::make_shared<const int>(1), 4, ttl);
  };
  EXPECT_TRUE(put_at("a:short", 10ms));
  EXPECT_TRUE(put_at("a:long", 1h));
  EXPECT_TRUE(put_at("a:none", std::nullopt));
  EXPECT_FALSE(put_at("a:gone", 0ms));
  EXPECT_NE(store.find("a:short", now + 9ms), nullptr);
  EXPECT_EQ(store.find("a:short", now + 10ms), nullptr);
  EXPECT_NE(store.find("a:long", now + 99ms), nullptr);
  EXPECT_EQ(store.find("a:long", now + 100ms), nullptr);
  EXPECT_EQ(store.find("a:none", now + 100ms), nullptr);
  EXPECT_EQ(store.stats().expired, 3u);
}

TEST_F(NearCacheTest, StaysInItsBoundAndDropsTheLeastRecentlyUsed) {
  for (int i = 0; i < 5; ++i) put("a:" + std::to_string(i), std::string(500, 'x'));
  ASSERT_NE(near_.find("a:0"), nullptr);
  while (near_.stats().evicted == 0) put("a:more" + std::to_string(near_.stats().stored), std::string(500, 'x'));
  EXPECT_NE(near_.find("a:0"), nullptr);
  EXPECT_EQ(near_.find("a:1"), nullptr);
  EXPECT_LE(near_.stats().bytes, 4096u);
  EXPECT_FALSE(put("a:big", std::string(5000, 'x')));
}

TEST_F(NearCacheTest, ForgetsOnItsOwnersWordWithReadsUnderWay) {
  put("a:1", "one");
  auto ticket = near_.begin("a:1");
  near_.forget("a:1");
  EXPECT_EQ(near_.find("a:1"), nullptr);
  EXPECT_FALSE(near_.store(std::move(ticket), std::make_shared<const std::string>("one"), 3));
}

TEST_F(NearCacheTest, ATicketMayOutliveItsCacheAndAValueToo) {
  auto cache = std::make_unique<Cache>(source_);
  auto ticket = cache->begin("a:1");
  EXPECT_TRUE(cache->store(cache->begin("a:2"), std::make_shared<const std::string>("kept"), 4));
  const auto value = cache->find("a:2");
  cache.reset();
  source_->invalidate("a:2");
  EXPECT_EQ(*value, "kept");
  EXPECT_FALSE(near_.store(std::move(ticket), std::make_shared<const std::string>("x"), 1));  // another cache's
}

}  // namespace
}  // namespace inkwell::redis
