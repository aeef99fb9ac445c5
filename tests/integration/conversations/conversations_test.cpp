#include "conversations/conversations.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "base/gate.hpp"
#include "base/random.hpp"
#include "integration/conversations/fixture.hpp"

namespace inkwell::conversations {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> lives_and_dies(Conversations& conversations) {
  const std::string id = co_await created(conversations);
  auto got = co_await conversations.get(id);
  EXPECT_EQ(got->metadata, R"({"topic":"demo"})");
  EXPECT_GT(got->created_at, 1'700'000'000);
  const Write plain;
  Change other;
  other.metadata.emplace(1, std::pair<std::string, std::string>("k", "v"));
  auto updated = co_await conversations.update(id, std::move(other), plain);
  EXPECT_EQ(updated->metadata, R"({"k":"v"})");
  EXPECT_GT(updated->version, got->version);
  auto erased = co_await conversations.erase(id, plain);
  EXPECT_TRUE(erased);
  auto gone = co_await conversations.get(id);
  EXPECT_EQ(gone.error().kind(), ErrorKind::not_found);
  std::vector<NewItem> items(1, user_says("too late"));
  auto late = co_await conversations.append(id, std::move(items), plain);
  EXPECT_EQ(late.error().kind(), ErrorKind::not_found);
  auto twice = co_await conversations.erase(id, plain);
  EXPECT_EQ(twice.error().kind(), ErrorKind::not_found);
}

TEST_F(ConversationsTest, AreMadeReadChangedAndRemovedAndNothingIsWrittenIntoARemovedOne) {
  run_on(io_, lives_and_dies(*conversations_));
  EXPECT_EQ(server_.cli({"DBSIZE"}), "0");
}

asio::awaitable<void> items_come_and_go(Conversations& conversations) {
  const Write plain;
  std::vector<NewItem> first{user_says("one"), user_says("two")};
  first[1].client_id = "mine";
  const std::string id = co_await created(conversations, std::move(first));
  auto mine = co_await conversations.item(id, "mine");
  EXPECT_EQ(text_of(*mine), "two");
  std::vector<NewItem> again{user_says("new"), user_says("taken")};
  again[1].client_id = "mine";
  auto refused = co_await conversations.append(id, std::move(again), plain);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  auto page = co_await conversations.list(id, Order::ascending, 100, "");
  EXPECT_EQ(page->items.size(), 2U);  // a refused batch leaves nothing behind
  auto ours = co_await conversations.item(id, page->items.at(0).id);
  EXPECT_EQ(text_of(*ours), "one");
  std::vector<NewItem> come_back(1, user_says("one"));  // as a client sends that gives back what it was given
  come_back[0].client_id = page->items.at(0).id;
  auto there = co_await conversations.append(id, std::move(come_back), plain);
  EXPECT_EQ(there.error().code(), "item_exists");
  std::string forged = page->items.at(0).id;
  forged[5] = forged[5] == 'a' ? 'b' : 'a';
  auto none = co_await conversations.item(id, forged);
  EXPECT_EQ(none.error().code(), "item_not_found");
  auto erased = co_await conversations.erase_item(id, "mine", plain);
  EXPECT_EQ(erased->id, id);
  auto gone = co_await conversations.item(id, "mine");
  EXPECT_EQ(gone.error().code(), "item_not_found");
  std::vector<NewItem> back(1, user_says("three"));
  back[0].client_id = "mine";
  auto returned = co_await conversations.append(id, std::move(back), plain);
  EXPECT_EQ(returned->items.at(0).id, "mine");
}

TEST_F(ConversationsTest, ItemsAreFoundByOurIdsAndByTheirs) { run_on(io_, items_come_and_go(*conversations_)); }

asio::awaitable<void> appends(Conversations& conversations, std::string id, int who, int batches) {
  const Write plain;
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<NewItem> items;
    for (int i = 0; i < 3; ++i)
      items.push_back(user_says(std::to_string(who) + "/" + std::to_string(batch) + "/" + std::to_string(i)));
    auto stored = co_await conversations.append(id, std::move(items), plain);
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
  const Write plain;
  std::vector<NewItem> items;
  for (int i = 0; i < 20; ++i) items.push_back(user_says(std::to_string(i)));
  const std::string id = co_await created(conversations, std::move(items));
  auto first = co_await conversations.list(id, Order::ascending, 5, "");
  const std::string last = first->items.back().id;
  auto deleted = co_await conversations.erase_item(id, last, plain);
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
  const Write plain;
  std::mt19937_64 random(seed);
  const std::string id = co_await created(conversations);
  Model model;
  for (int i = 0; i < operations; ++i) {
    const auto choice = random() % 10;
    if (choice < 5) {
      std::vector<NewItem> items;
      for (auto n = 1 + random() % 4; n > 0; --n) items.push_back(user_says("t" + std::to_string(random() % 1000)));
      auto stored = co_await conversations.append(id, std::move(items), plain);
      if (!stored) throw std::runtime_error(stored.error().to_string());
      for (const auto& item : stored->items) model.items.emplace_back(item.id, item.json);
    } else if (choice < 7 && !model.items.empty()) {
      const auto victim = model.items.begin() + static_cast<std::ptrdiff_t>(random() % model.items.size());
      auto erased = co_await conversations.erase_item(id, victim->first, plain);
      EXPECT_TRUE(erased);
      auto again = co_await conversations.erase_item(id, victim->first, plain);
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

Write with_key(std::string_view key, char request) {
  Write write;
  write.idempotency_key = key;
  write.fingerprint = std::string(64, request);
  return write;
}

asio::awaitable<void> repeats(Conversations& conversations) {
  NewConversation wanted;
  wanted.metadata.emplace_back("k", "v");
  const Write creation = with_key("a key: with {odd} bytes", 'a');
  auto first = co_await conversations.create(wanted, creation);
  auto second = co_await conversations.create(wanted, creation);
  EXPECT_EQ(first->id, second->id);
  const Write other = with_key("a key: with {odd} bytes", 'b');
  auto reused = co_await conversations.create(wanted, other);
  EXPECT_EQ(reused.error().code(), "idempotency_key_reused");
  const std::string id = first->id;
  const std::vector<NewItem> items{user_says("one"), user_says("two")};
  const Write appending = with_key("append", 'c');
  auto appended = co_await conversations.append(id, items, appending);
  auto again = co_await conversations.append(id, items, appending);
  EXPECT_EQ(appended->items.at(1).id, again->items.at(1).id);
  EXPECT_EQ(appended->version, again->version);
  auto page = co_await conversations.list(id, Order::ascending, 100, "");
  EXPECT_EQ(page->items.size(), 2U);
  const Write popping = with_key("pop", 'd');
  auto popped = co_await conversations.pop(id, 1, popping);
  auto popped_again = co_await conversations.pop(id, 1, popping);
  EXPECT_EQ(popped->items.at(0).json, popped_again->items.at(0).json);
  EXPECT_EQ(text_of(popped->items.at(0)), "two");
  const Write erasing = with_key("erase", 'e');
  auto erased = co_await conversations.erase(id, erasing);
  EXPECT_TRUE(erased);
  auto erased_again = co_await conversations.erase(id, erasing);
  EXPECT_TRUE(erased_again);
  auto late = co_await conversations.append(id, items, appending);
  EXPECT_EQ(late->items.at(0).id, appended->items.at(0).id);  // the answer, though the conversation is gone
  auto gone = co_await conversations.get(id);
  EXPECT_EQ(gone.error().kind(), ErrorKind::not_found);
}

TEST_F(ConversationsTest, ARepetitionWithTheSameIdempotencyKeyGetsTheFirstAnswerAndChangesNothing) {
  run_on(io_, repeats(*conversations_));
}

asio::awaitable<void> same_append(Conversations& conversations, std::string id, std::set<std::string>& ids) {
  std::vector<NewItem> items(1, user_says("only once"));
  Write write = with_key("append", 'b');
  auto stored = co_await conversations.append(std::move(id), std::move(items), std::move(write));
  if (!stored) throw std::runtime_error(stored.error().to_string());
  ids.insert(stored->items.at(0).id);
}

asio::awaitable<void> same_creation(Conversations& conversations, std::set<std::string>& ids) {
  NewConversation wanted;
  Write write = with_key("create", 'a');
  auto made = co_await conversations.create(std::move(wanted), std::move(write));
  if (!made) throw std::runtime_error(made.error().to_string());
  ids.insert(made->id);
}

asio::awaitable<void> concurrent_duplicates(Conversations& conversations) {
  std::set<std::string> made;
  std::set<std::string> appended;
  Gate gate(co_await asio::this_coro::executor);
  for (int i = 0; i < 32; ++i) gate.spawn("duplicate", same_creation(conversations, made));
  co_await gate.wait_until_empty();
  EXPECT_EQ(made.size(), 1U);
  for (int i = 0; i < 32; ++i) gate.spawn("duplicate", same_append(conversations, *made.begin(), appended));
  co_await gate.wait_until_empty();
  EXPECT_EQ(appended.size(), 1U);
  auto page = co_await conversations.list(*made.begin(), Order::ascending, 100, "");
  EXPECT_EQ(page->items.size(), 1U);
}

TEST_F(ConversationsTest, OfConcurrentDuplicatesOneIsDoneAndAllGetItsAnswer) {
  run_on(io_, concurrent_duplicates(*conversations_));
}

asio::awaitable<void> optimistic_writer(Conversations& conversations, std::string id, int& lost) {
  for (bool done = false; !done;) {
    auto seen = co_await conversations.get(id);
    const int count = std::stoi(std::string(json::parse(seen->metadata).at("count").get_string()));
    Change change;
    change.metadata.emplace(1, std::pair<std::string, std::string>("count", std::to_string(count + 1)));
    Write write;
    write.expected_versions = std::to_string(seen->version);
    auto updated = co_await conversations.update(id, std::move(change), std::move(write));
    done = updated.has_value();
    if (done) continue;
    EXPECT_EQ(updated.error().kind(), ErrorKind::precondition_failed);
    ++lost;
  }
}

asio::awaitable<void> optimistic_writers(Conversations& conversations) {
  NewConversation wanted;
  wanted.metadata.emplace_back("count", "0");
  const Write plain;
  auto made = co_await conversations.create(std::move(wanted), plain);
  int lost = 0;
  Gate gate(co_await asio::this_coro::executor);
  for (int i = 0; i < 16; ++i) gate.spawn("writer", optimistic_writer(conversations, made->id, lost));
  co_await gate.wait_until_empty();
  auto got = co_await conversations.get(made->id);
  EXPECT_EQ(got->metadata, R"({"count":"16"})");
  EXPECT_GT(lost, 0);
}

TEST_F(ConversationsTest, NoUpdateIsLostAmongWritersThatNameTheVersionTheySaw) {
  run_on(io_, optimistic_writers(*conversations_));
}

asio::awaitable<void> popper(Conversations& conversations, std::string id, std::multiset<std::string>& all) {
  const Write plain;
  while (true) {
    auto popped = co_await conversations.pop(id, 3, plain);
    if (!popped) throw std::runtime_error(popped.error().to_string());
    if (popped->items.empty()) co_return;
    for (const auto& item : popped->items) all.insert(text_of(item));
  }
}

asio::awaitable<void> many_pop(Conversations& conversations) {
  std::vector<NewItem> items;
  for (int i = 0; i < 100; ++i) items.push_back(user_says(std::to_string(i)));
  items[40].client_id = "mine";
  const std::string id = co_await created(conversations, items);
  std::multiset<std::string> all;
  Gate gate(co_await asio::this_coro::executor);
  for (int i = 0; i < 8; ++i) gate.spawn("popper", popper(conversations, id, all));
  co_await gate.wait_until_empty();
  EXPECT_EQ(all.size(), 100U);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 100U);
  const Write plain;
  std::vector<NewItem> back(items.begin() + 40, items.begin() + 41);
  auto again = co_await conversations.append(id, std::move(back), plain);  // the id is free again
  EXPECT_TRUE(again);
}

TEST_F(ConversationsTest, EveryItemIsPoppedOnceByOneOfMany) { run_on(io_, many_pop(*conversations_)); }

asio::awaitable<void> windows(Conversations& conversations) {
  std::vector<NewItem> items;
  for (int i = 0; i < 100; ++i) items.push_back(user_says(std::to_string(i)));
  const std::string id = co_await created(conversations, std::move(items));
  WindowLimits limits;
  limits.items = 70;
  auto last = co_await conversations.window(id, limits);
  EXPECT_EQ(last->items.size(), 70U);
  EXPECT_EQ(text_of(last->items.front()), "30");
  EXPECT_EQ(text_of(last->items.back()), "99");
  EXPECT_TRUE(last->has_more);
  limits.items = 100;
  auto whole = co_await conversations.window(id, limits);
  EXPECT_EQ(whole->items.size(), 100U);
  EXPECT_FALSE(whole->has_more);
  limits.tokens = 200;
  auto some = co_await conversations.window(id, limits);
  std::size_t tokens = 0;
  for (const auto& item : some->items) tokens += estimated_tokens(item.json);
  EXPECT_LE(tokens, 200U);
  EXPECT_GT(tokens, 120U);
  EXPECT_EQ(text_of(some->items.back()), "99");
  EXPECT_TRUE(some->has_more);
}

TEST_F(ConversationsTest, AWindowIsTheNewestPartInOrder) { run_on(io_, windows(*conversations_)); }

asio::awaitable<void> short_lives(Conversations& conversations, std::string& id) {
  NewConversation wanted;
  wanted.lifetime = 300s;
  wanted.items.push_back(user_says("x"));
  const Write plain;
  auto made = co_await conversations.create(std::move(wanted), plain);
  EXPECT_EQ(made->lifetime, 300s);
  const auto now = std::chrono::system_clock::now().time_since_epoch() / 1s;
  EXPECT_NEAR(static_cast<double>(made->expires_at - now), 300, 30);
  id = made->id;
  Change longer;
  longer.lifetime = 600s;
  auto updated = co_await conversations.update(id, std::move(longer), plain);
  EXPECT_NEAR(static_cast<double>(updated->expires_at - now), 600, 30);
  EXPECT_EQ(updated->metadata, made->metadata);
  std::vector<NewItem> items(1, user_says("y"));
  items[0].client_id = "mine";  // its ids come to be now, and expire with the rest
  auto appended = co_await conversations.append(id, std::move(items), plain);
  EXPECT_TRUE(appended);
  Change absurd;
  absurd.lifetime = 24h * 366;
  auto refused = co_await conversations.update(id, std::move(absurd), plain);
  EXPECT_EQ(refused.error().param(), "expires_after");
}

TEST_F(ConversationsTest, AConversationMayHaveALifetimeOfItsOwnWhichAllItsKeysShare) {
  std::string id;
  run_on(io_, short_lives(*conversations_, id));
  const auto at = lifetimes(id);
  ASSERT_EQ(at.size(), 3U);
  EXPECT_EQ(at[0], at[1]);
  EXPECT_EQ(at[0], at[2]);
}

asio::awaitable<void> write_one(Conversations& conversations, std::string id) {
  const Write plain;
  std::vector<NewItem> items(1, user_says("again"));
  auto stored = co_await conversations.append(id, std::move(items), plain);
  EXPECT_TRUE(stored);
}

TEST_F(ConversationsTest, AWriteSlidesTheLifetimeOnlyOnceAThirtiethOfItIsGone) {
  const std::string id = run_on(io_, with_all_keys(*conversations_));
  const auto before = lifetimes(id).front();
  run_on(io_, write_one(*conversations_, id));
  EXPECT_EQ(lifetimes(id), std::vector<std::int64_t>(3, before));
  for (const auto& key : {store_->keys().conversation(id), store_->keys().conversation_items(id),
                          store_->keys().conversation_item_ids(id)}) {
    server_.cli({"PEXPIREAT", key.str(), std::to_string(before - std::chrono::milliseconds(48h).count())});
  }
  run_on(io_, write_one(*conversations_, id));
  const auto after = lifetimes(id);
  EXPECT_GE(after[0], before);
  EXPECT_EQ(after, std::vector<std::int64_t>(3, after[0]));
}

asio::awaitable<std::string> forked(Conversations& conversations, std::string id, std::string last_item) {
  Fork wanted;
  wanted.last_item = std::move(last_item);
  const Write plain;
  auto made = co_await conversations.fork(std::move(id), std::move(wanted), plain);
  if (!made) throw std::runtime_error(made.error().to_string());
  co_return made->id;
}

asio::awaitable<void> forks(Conversations& conversations) {
  const Write plain;
  std::vector<NewItem> items;
  for (int i = 0; i < 300; ++i) items.push_back(user_says(std::to_string(i)));
  items[5].client_id = "mine";
  items[299].client_id = "last";
  const std::string id = co_await created(conversations);
  auto stored = co_await conversations.append(id, items, plain);
  auto erased = co_await conversations.erase_item(id, stored->items.at(7).id, plain);
  const std::string part = co_await forked(conversations, id, stored->items.at(250).id);
  const auto of_part = co_await texts(conversations, part, Order::ascending, 100);
  EXPECT_EQ(of_part.size(), 250U);
  EXPECT_EQ(of_part.back(), "250");
  auto got = co_await conversations.get(part);
  EXPECT_EQ(got->metadata, R"({"topic":"demo"})");
  auto mine = co_await conversations.item(part, "mine");
  EXPECT_EQ(text_of(*mine), "5");
  auto ours = co_await conversations.item(part, stored->items.at(250).id);
  EXPECT_EQ(text_of(*ours), "250");
  auto beyond = co_await conversations.item(part, stored->items.at(251).id);
  EXPECT_EQ(beyond.error().code(), "item_not_found");
  std::vector<NewItem> other(1, user_says("otherwise"));
  other[0].client_id = "last";  // free in the fork
  auto appended = co_await conversations.append(part, std::move(other), plain);
  EXPECT_TRUE(appended);
  const auto whole = co_await texts(conversations, id, Order::ascending, 100);
  EXPECT_EQ(whole.size(), 299U);
  EXPECT_EQ(whole.back(), "299");
  const std::string copy = co_await forked(conversations, id, "");
  const auto of_copy = co_await texts(conversations, copy, Order::ascending, 100);
  EXPECT_EQ(of_copy, whole);
  Fork wrong;
  wrong.last_item = stored->items.at(7).id;
  auto refused = co_await conversations.fork(id, std::move(wrong), plain);
  EXPECT_EQ(refused.error().code(), "item_not_found");
}

TEST_F(ConversationsTest, AForkHasTheItemsUpToOneAndGoesItsOwnWay) { run_on(io_, forks(*conversations_)); }

asio::awaitable<void> same_fork(Conversations& conversations, std::string id, std::set<std::string>& ids) {
  Fork wanted;
  Write write = with_key("fork", 'a');
  auto made = co_await conversations.fork(std::move(id), std::move(wanted), std::move(write));
  if (!made) throw std::runtime_error(made.error().to_string());
  ids.insert(made->id);
}

asio::awaitable<void> duplicate_forks(Conversations& conversations) {
  const std::string id = co_await created(conversations);  // without items: a fork of nothing is one too
  std::set<std::string> made;
  Gate gate(co_await asio::this_coro::executor);
  for (int i = 0; i < 8; ++i) gate.spawn("fork", same_fork(conversations, id, made));
  co_await gate.wait_until_empty();
  EXPECT_EQ(made.size(), 1U);
}

TEST_F(ConversationsTest, DuplicatesOfAForkLeaveOne) {
  run_on(io_, duplicate_forks(*conversations_));
  EXPECT_EQ(server_.cli({"DBSIZE"}), "4");  // the two conversations, their list, and what settled the fork's id
}

/// Goes through a conversation in pages while others append and delete: what was there all along comes once, in order.
asio::awaitable<void> page_under_change(Conversations& conversations, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Write plain;
  std::vector<NewItem> items;
  for (int i = 0; i < 60; ++i) items.push_back(user_says(std::to_string(i)));
  const std::string id = co_await created(conversations);
  auto stored = co_await conversations.append(id, std::move(items), plain);
  std::vector<std::string> lasting;
  std::vector<std::string> doomed;
  for (const auto& item : stored->items) (random() % 3 == 0 ? doomed : lasting).push_back(item.id);
  std::ranges::shuffle(doomed, random);
  const auto order = random() % 2 == 0 ? Order::ascending : Order::descending;
  std::vector<std::string> seen;
  std::string after;
  for (bool more = true; more && seen.size() < 500;) {
    auto page = co_await conversations.list(id, order, 1 + static_cast<int>(random() % 9), after);
    for (const auto& item : page->items) seen.push_back(item.id);
    if (!page->items.empty()) after = page->items.back().id;
    more = page->has_more;
    for (int i = 0; i < 3 && !doomed.empty(); ++i) {
      auto erased = co_await conversations.erase_item(id, doomed.back(), plain);
      EXPECT_TRUE(erased);
      doomed.pop_back();
    }
    if (seen.size() > 100) continue;
    std::vector<NewItem> another(1, user_says("new"));
    auto appended = co_await conversations.append(id, std::move(another), plain);
    EXPECT_TRUE(appended);
  }
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
  std::erase_if(seen, [&](const std::string& one) { return std::ranges::find(lasting, one) == lasting.end(); });
  if (order == Order::descending) std::ranges::reverse(seen);
  EXPECT_EQ(seen, lasting);
}

TEST_F(ConversationsTest, PagesShowWhatLastsOnceAndInOrderWhileOthersAppendAndDelete) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  for (std::uint64_t round = 0; round < 5; ++round) run_on(io_, page_under_change(*conversations_, seed + round));
}

}  // namespace
}  // namespace inkwell::conversations
