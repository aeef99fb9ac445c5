#include "keyspace/store.hpp"

#include <gtest/gtest.h>

#include "base/asio.hpp"
#include "support/audit.hpp"

namespace inkwell::keyspace {
namespace {

using test::run_on;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    redis::Options options;
    options.endpoint = server_.endpoint();
    client_ = std::make_unique<redis::Client>(io_.get_executor(), options);
    store_ = std::make_unique<Store>(*client_, Keys("default"));
  }
  ~StoreTest() override { run_on(io_, client_->close()); }

  test::RedisServer server_;
  asio::io_context io_{1};
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<Store> store_;
};

asio::awaitable<void> writes_and_reads(Store& store) {
  const auto first = store.keys().embedding("m", 3, "aa");
  const auto second = store.keys().embedding("m", 3, "bb");
  std::vector<Store::Entry> entries;
  entries.push_back({first, std::string("\0bytes", 6), std::nullopt});
  auto set = co_await store.set_all(std::move(entries));
  EXPECT_TRUE(set.at(0));
  const std::vector<Key> keys{first, second};
  auto got = co_await store.get_all(keys);
  EXPECT_EQ(got.at(0)->view().text(), std::string_view("\0bytes", 6));
  EXPECT_TRUE(got.at(1)->view().is_null());
  auto left = co_await store.read("PTTL", first);
  EXPECT_GE(*left->view().integer(), rule(Family::embedding).lifetime.count() - 5000);
  auto erased = co_await store.erase(first);
  EXPECT_TRUE(*erased);
}

TEST_F(StoreTest, GivesEveryValueItsFamilysLifetime) {
  run_on(io_, writes_and_reads(*store_));
  test::expect_clean_audit(server_);
}

asio::awaitable<void> mixes_hash_tags(Store& store) {
  const redis::Script script("return 1");
  std::vector<Key> keys{store.keys().conversation("a"), store.keys().conversation("b")};
  co_await store.run(script, std::move(keys), {});
}

asio::awaitable<void> writes_by_read(Store& store) { co_await store.read("PERSIST", store.keys().conversation("a")); }

TEST_F(StoreTest, RefusesWhatTheSchemaDoesNotAllow) {
  EXPECT_THROW(run_on(io_, mixes_hash_tags(*store_)), std::logic_error);
  EXPECT_THROW(run_on(io_, writes_by_read(*store_)), std::logic_error);
}

TEST_F(StoreTest, TheAuditFindsEachWayToBreakThePolicy) {
  server_.cli({"SET", "ink:default:emb:m:3:aa", "immortal"});
  server_.cli({"SET", "ink:default:emb:m:3:bb", "too long", "EX", "99999999"});
  server_.cli({"SET", "ink:default:conv:{x}", "wrong type", "EX", "10"});
  server_.cli({"SET", "ink:default:unheard-of", "no family", "EX", "10"});
  server_.cli({"SET", "other", "not ours"});
  server_.cli({"SET", "ink:default:emb:m:3:cc", "good", "EX", "10"});
  redis::Options options;
  options.endpoint = server_.endpoint();
  redis::Client client(io_.get_executor(), options);
  const auto report = run_on(io_, test::audited(client, {}));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->keys, 5U);
  EXPECT_EQ(report->broken, 4U);
  EXPECT_EQ(report->families.at(Family::embedding).keys, 3U);
  EXPECT_GT(report->families.at(Family::embedding).bytes, 0U);
}

}  // namespace
}  // namespace inkwell::keyspace
