#include "conversations/conversations.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "base/gate.hpp"
#include "base/random.hpp"
#include "support/audit.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;
using test::run_on;
using namespace std::chrono_literals;

NewItem user_says(std::string_view text) {
  const auto raw = json::serialize(json::object{{"role", "user"}, {"content", text}});
  return *normalise_item(raw, json::parse(raw).as_object(), "items[0]");
}

std::string text_of(const Item& item) {
  return std::string(json::parse(item.json).at("content").at(0).at("text").get_string());
}

class ConversationsTest : public testing::Test {
 protected:
  ConversationsTest() {
    redis::Options options;
    options.endpoint = server_.endpoint();
    client_ = std::make_unique<redis::Client>(io_.get_executor(), options);
    store_ = std::make_unique<keyspace::Store>(*client_, keyspace::Keys("default"));
    conversations_ = std::make_unique<Conversations>(*store_);
  }
  ~ConversationsTest() override {
    run_on(io_, client_->close());
    test::expect_clean_audit(server_);
  }
  /// Milliseconds each existing key of a conversation has left.
  std::vector<std::int64_t> lifetimes(const std::string& id) const {
    std::vector<std::int64_t> left;
    for (const auto& key : {store_->keys().conversation(id), store_->keys().conversation_items(id),
                            store_->keys().conversation_item_ids(id)}) {
      if (server_.cli({"EXISTS", key.str()}) == "1")
        left.push_back(std::stoll(server_.cli({"PEXPIRETIME", key.str()})));
    }
    return left;
  }

  test::RedisServer server_{{"--appendonly", "yes", "--appendfsync", "always"}};
  asio::io_context io_{1};
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<keyspace::Store> store_;
  std::unique_ptr<Conversations> conversations_;
};

asio::awaitable<std::string> created(Conversations& conversations, std::vector<NewItem> items = {}) {
  Metadata metadata(1, {"topic", "demo"});
  auto made = co_await conversations.create(std::move(metadata), std::move(items));
  if (!made) throw std::runtime_error(made.error().to_string());
  co_return made->id;
}

asio::awaitable<void> lives_and_dies(Conversations& conversations) {
  const std::string id = co_await created(conversations);
  auto got = co_await conversations.get(id);
  EXPECT_EQ(got->metadata, R"({"topic":"demo"})");
  EXPECT_GT(got->created_at, 1'700'000'000);
  Metadata other(1, {"k", "v"});
  auto updated = co_await conversations.update(id, std::move(other));
  EXPECT_EQ(updated->metadata, R"({"k":"v"})");
  EXPECT_GT(updated->version, got->version);
  auto erased = co_await conversations.erase(id);
  EXPECT_TRUE(erased);
  auto gone = co_await conversations.get(id);
  EXPECT_EQ(gone.error().kind(), ErrorKind::not_found);
  std::vector<NewItem> items(1, user_says("too late"));
  auto late = co_await conversations.append(id, std::move(items));
  EXPECT_EQ(late.error().kind(), ErrorKind::not_found);
  auto twice = co_await conversations.erase(id);
  EXPECT_EQ(twice.error().kind(), ErrorKind::not_found);
}

TEST_F(ConversationsTest, AreMadeReadChangedAndRemovedAndNothingIsWrittenIntoARemovedOne) {
  run_on(io_, lives_and_dies(*conversations_));
  EXPECT_EQ(server_.cli({"DBSIZE"}), "0");
}

asio::awaitable<void> items_come_and_go(Conversations& conversations) {
  std::vector<NewItem> first{user_says("one"), user_says("two")};
  first[1].client_id = "mine";
  const std::string id = co_await created(conversations, std::move(first));
  auto mine = co_await conversations.item(id, "mine");
  EXPECT_EQ(text_of(*mine), "two");
  std::vector<NewItem> again{user_says("new"), user_says("taken")};
  again[1].client_id = "mine";
  auto refused = co_await conversations.append(id, std::move(again));
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  auto page = co_await conversations.list(id, Order::ascending, 100, "");
  EXPECT_EQ(page->items.size(), 2U);  // a refused batch leaves nothing behind
  auto ours = co_await conversations.item(id, page->items.at(0).id);
  EXPECT_EQ(text_of(*ours), "one");
  std::string forged = page->items.at(0).id;
  forged[5] = forged[5] == 'a' ? 'b' : 'a';
  auto none = co_await conversations.item(id, forged);
  EXPECT_EQ(none.error().code(), "item_not_found");
  auto erased = co_await conversations.erase_item(id, "mine");
  EXPECT_EQ(erased->id, id);
  auto gone = co_await conversations.item(id, "mine");
  EXPECT_EQ(gone.error().code(), "item_not_found");
  std::vector<NewItem> back(1, user_says("three"));
  back[0].client_id = "mine";
  auto returned = co_await conversations.append(id, std::move(back));
  EXPECT_EQ(returned->at(0).id, "mine");
}

TEST_F(ConversationsTest, ItemsAreFoundByOurIdsAndByTheirs) { run_on(io_, items_come_and_go(*conversations_)); }

asio::awaitable<void> appends(Conversations& conversations, std::string id, int who, int batches) {
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<NewItem> items;
    for (int i = 0; i < 3; ++i)
      items.push_back(user_says(std::to_string(who) + "/" + std::to_string(batch) + "/" + std::to_string(i)));
    auto stored = co_await conversations.append(id, std::move(items));
    EXPECT_TRUE(stored) << stored.error().to_string();
  }
}

asio::awaitable<std::vector<std::string>> texts(Conversations& conversations, std::string id, Order order,
                                                int page_size) {
  std::vector<std::string> all;
  std::string after;
  for (bool more = true; more;) {
    auto page = co_await conversations.list(id, order, page_size, after);
    if (!page) throw std::runtime_error(page.error().to_string());
    for (const auto& item : page->items) all.push_back(text_of(item));
    more = page->has_more;
    if (!page->items.empty()) after = page->items.back().id;
  }
  co_return all;
}

asio::awaitable<void> many_append(Conversations& conversations) {
  const std::string id = co_await created(conversations);
  Gate gate(co_await asio::this_coro::executor);
  for (int who = 0; who < 100; ++who) gate.spawn("appender", appends(conversations, id, who, 5));
  co_await gate.wait_until_empty();
  const auto all = co_await texts(conversations, id, Order::ascending, 100);
  EXPECT_EQ(all.size(), 1500U);
  std::map<std::string, int> next_batch;
  for (std::size_t i = 0; i + 2 < all.size(); i += 3) {
    const auto who = all[i].substr(0, all[i].find('/'));
    const auto batch = who + "/" + std::to_string(next_batch[who]++);
    EXPECT_EQ(all[i], batch + "/0");  // each appender's batches in its order, each batch whole and in one piece
    EXPECT_EQ(all[i + 1], batch + "/1");
    EXPECT_EQ(all[i + 2], batch + "/2");
  }
  auto backwards = co_await texts(conversations, id, Order::descending, 7);
  std::ranges::reverse(backwards);
  EXPECT_EQ(backwards, all);
}

TEST_F(ConversationsTest, AHundredConcurrentAppendersLoseAndReorderNothing) {
  run_on(io_, many_append(*conversations_), 60s);
}

asio::awaitable<void> pages_while_deleting(Conversations& conversations) {
  std::vector<NewItem> items;
  for (int i = 0; i < 20; ++i) items.push_back(user_says(std::to_string(i)));
  const std::string id = co_await created(conversations, std::move(items));
  auto first = co_await conversations.list(id, Order::ascending, 5, "");
  const std::string last = first->items.back().id;
  auto deleted = co_await conversations.erase_item(id, last);
  EXPECT_TRUE(deleted);
  auto second = co_await conversations.list(id, Order::ascending, 5, last);
  EXPECT_EQ(text_of(second->items.front()), "5");
  auto foreign = co_await conversations.list(id, Order::ascending, 5, "msg_nothing");
  EXPECT_EQ(foreign.error().param(), "after");
}

TEST_F(ConversationsTest, APageGoesOnAfterAnItemThatWasDeletedSince) {
  run_on(io_, pages_while_deleting(*conversations_));
}

asio::awaitable<std::string> with_all_keys(Conversations& conversations) {
  std::vector<NewItem> items(1, user_says("x"));
  items[0].client_id = "mine";
  co_return co_await created(conversations, std::move(items));
}

TEST_F(ConversationsTest, AllKeysOfAConversationExpireAtOneMomentThirtyDaysOn) {
  const std::string id = run_on(io_, with_all_keys(*conversations_));
  const auto at = lifetimes(id);
  ASSERT_EQ(at.size(), 3U);
  EXPECT_EQ(at[0], at[1]);
  EXPECT_EQ(at[0], at[2]);
  const auto now = std::chrono::system_clock::now().time_since_epoch() / 1ms;
  EXPECT_NEAR(static_cast<double>(at[0] - now), static_cast<double>(std::chrono::milliseconds(24h * 30).count()),
              10'000);
}

asio::awaitable<void> read(Conversations& conversations, std::string id) { co_await conversations.get(id); }

TEST_F(ConversationsTest, AReadSlidesTheLifetimeOnceAThirtiethOfItIsGone) {
  const std::string id = run_on(io_, with_all_keys(*conversations_));
  const auto shorten = [&](std::chrono::hours left) {
    for (const auto& key : {store_->keys().conversation(id), store_->keys().conversation_items(id),
                            store_->keys().conversation_item_ids(id)}) {
      server_.cli({"PEXPIRE", key.str(), std::to_string(std::chrono::milliseconds(left).count())});
    }
    return lifetimes(id).front();
  };
  const auto young = shorten(24h * 30 - 12h);
  run_on(io_, read(*conversations_, id));
  EXPECT_EQ(lifetimes(id).front(), young);

  const auto old = shorten(24h * 28);
  run_on(io_, read(*conversations_, id));
  const auto after = lifetimes(id);
  EXPECT_GT(after[0], old);
  EXPECT_EQ(after[0], after[1]);
  EXPECT_EQ(after[0], after[2]);
}

asio::awaitable<void> still_there(Conversations& conversations, std::string id) {
  auto item = co_await conversations.item(id, "mine");
  EXPECT_TRUE(item) << item.error().to_string();
}

TEST_F(ConversationsTest, SurviveARestartOfRedis) {
  const std::string id = run_on(io_, with_all_keys(*conversations_));
  server_.kill();
  server_.start();
  run_on(io_, still_there(*conversations_, id));
}

/// The simple model that random operations are compared with: items by id in order.
struct Model {
  std::vector<std::pair<std::string, std::string>> items;
};

asio::awaitable<void> random_operations(Conversations& conversations, std::uint64_t seed, int operations) {
  std::mt19937_64 random(seed);
  const std::string id = co_await created(conversations);
  Model model;
  for (int i = 0; i < operations; ++i) {
    const auto choice = random() % 10;
    if (choice < 5) {
      std::vector<NewItem> items;
      for (auto n = 1 + random() % 4; n > 0; --n) items.push_back(user_says("t" + std::to_string(random() % 1000)));
      auto stored = co_await conversations.append(id, std::move(items));
      if (!stored) throw std::runtime_error(stored.error().to_string());
      for (const auto& item : *stored) model.items.emplace_back(item.id, item.json);
    } else if (choice < 7 && !model.items.empty()) {
      const auto victim = model.items.begin() + static_cast<std::ptrdiff_t>(random() % model.items.size());
      auto erased = co_await conversations.erase_item(id, victim->first);
      EXPECT_TRUE(erased);
      auto again = co_await conversations.erase_item(id, victim->first);
      EXPECT_EQ(again.error().code(), "item_not_found");
      model.items.erase(victim);
    } else if (!model.items.empty()) {
      const std::size_t from = random() % model.items.size();
      const int limit = 1 + static_cast<int>(random() % 10);
      auto page = co_await conversations.list(id, Order::ascending, limit, model.items[from].first);
      const std::size_t expected =
          std::min<std::size_t>(static_cast<std::size_t>(limit), model.items.size() - from - 1);
      EXPECT_EQ(page->items.size(), expected);
      EXPECT_EQ(page->has_more, from + 1 + expected < model.items.size());
      for (std::size_t k = 0; k < std::min(expected, page->items.size()); ++k) {
        EXPECT_EQ(page->items[k].id, model.items[from + 1 + k].first);
        EXPECT_EQ(page->items[k].json, model.items[from + 1 + k].second);
      }
    }
  }
}

asio::awaitable<void> many_random(Conversations& conversations, std::uint64_t seed) {
  Gate gate(co_await asio::this_coro::executor);
  for (std::uint64_t client = 0; client < 8; ++client)
    gate.spawn("model", random_operations(conversations, seed + client, 150));
  co_await gate.wait_until_empty();
}

TEST_F(ConversationsTest, BehaveLikeASimpleModelUnderRandomOperations) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  run_on(io_, many_random(*conversations_, seed), 60s);
}

}  // namespace
}  // namespace inkwell::conversations
