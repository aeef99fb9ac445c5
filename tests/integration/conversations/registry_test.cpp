// What is kept about conversations outside of them: the lists of owners, and the quotas of tenants.
#include "conversations/registry.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "base/random.hpp"
#include "integration/conversations/fixture.hpp"

namespace inkwell::conversations {
namespace {

using namespace std::chrono_literals;

class RegistryTest : public ConversationsTest {
 protected:
  Conversations view(Scope scope, Options options = {}) const {
    return Conversations(*store_, options, std::move(scope));
  }
};

Options exact() {
  Options options;
  options.list_granularity = 0ms;
  return options;
}

asio::awaitable<std::vector<std::string>> walked(Conversations& conversations, std::string owner, int limit) {
  std::vector<std::string> ids;
  std::string after;
  do {
    auto page = co_await conversations.list_of(owner, limit, after);
    if (!page) throw std::runtime_error(page.error().to_string());
    for (const auto& one : page->conversations) ids.push_back(one.id);
    after = page->next_after;
  } while (!after.empty());
  co_return ids;
}

asio::awaitable<void> append_one(Conversations& conversations, std::string id) {
  std::vector<NewItem> items(1, user_says("x"));
  const Write plain;
  auto stored = co_await conversations.append(std::move(id), std::move(items), plain);
  if (!stored) throw std::runtime_error(stored.error().to_string());
}

asio::awaitable<void> lists(Conversations& ada, Conversations& bob, Conversations& anybody) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(co_await created(ada));
  const std::string other = co_await created(bob);
  const std::string nobodys = co_await created(anybody);
  co_await append_one(ada, made[1]);
  const std::vector<std::string> expected{made[1], made[4], made[3], made[2], made[0]};
  for (const int limit : {1, 2, 5, 100}) {
    auto all = co_await walked(ada, "", limit);
    EXPECT_EQ(all, expected) << limit;
  }
  auto his = co_await walked(bob, "", 20);
  EXPECT_EQ(his, std::vector<std::string>(1, other));
  auto hers = co_await walked(anybody, "ada", 20);
  EXPECT_EQ(hers, expected) << "who asks for no owner may name one";
  auto none = co_await walked(anybody, "", 20);
  EXPECT_EQ(none, std::vector<std::string>(1, nobodys));
  const Write plain;
  auto erased = co_await ada.erase(made[3], plain);
  EXPECT_TRUE(erased);
  auto rest = co_await walked(ada, "", 2);
  EXPECT_EQ(rest, (std::vector<std::string>{made[1], made[4], made[2], made[0]}));
  auto page = co_await ada.list_of("", 2, made[4]);
  EXPECT_EQ(page->conversations.at(0).id, made[2]) << "an id of the list is a cursor, too";
  EXPECT_EQ(page->conversations.at(0).metadata, R"({"topic":"demo"})");
  for (const std::string wrong : {made[3].c_str(), "x", "12.x", "..", "-1.conv_"}) {
    auto refused = co_await ada.list_of("", 2, wrong);
    EXPECT_EQ(refused ? "accepted" : refused.error().code(), "invalid_cursor") << wrong;
  }
}

TEST_F(RegistryTest, AnOwnersConversationsAreListedTheLastChangedFirst) {
  auto ada = view({.owner = "ada"}, exact());
  auto bob = view({.owner = "bob"}, exact());
  auto anybody = view({}, exact());
  run_on(io_, lists(ada, bob, anybody));
}

asio::awaitable<void> owners_apart(Conversations& ada, Conversations& bob, Conversations& backend) {
  const Write plain;
  std::vector<NewItem> items(1, user_says("secret"));
  const std::string id = co_await created(ada, std::move(items));
  auto got = co_await backend.get(id);
  EXPECT_TRUE(got);
  auto mine = co_await ada.list(id, Order::ascending, 10, "");
  const std::string item_id = mine->items.at(0).id;
  auto read = co_await bob.get(id);
  EXPECT_EQ(read.error().code(), "conversation_not_found");
  auto listed = co_await bob.list(id, Order::ascending, 10, "");
  EXPECT_EQ(listed.error().code(), "conversation_not_found");
  auto item = co_await bob.item(id, item_id);
  EXPECT_EQ(item.error().code(), "conversation_not_found");
  auto window = co_await bob.window(id, {});
  EXPECT_EQ(window.error().code(), "conversation_not_found");
  Fork fork;
  auto forked = co_await bob.fork(id, std::move(fork), plain);
  EXPECT_EQ(forked.error().code(), "conversation_not_found");
  auto popped = co_await bob.pop(id, 1, plain);
  EXPECT_EQ(popped.error().code(), "conversation_not_found");
  auto erased_item = co_await bob.erase_item(id, item_id, plain);
  EXPECT_EQ(erased_item.error().code(), "conversation_not_found");
  Change change;
  change.metadata.emplace();
  auto updated = co_await bob.update(id, std::move(change), plain);
  EXPECT_EQ(updated.error().code(), "conversation_not_found");
  std::vector<NewItem> more(1, user_says("x"));
  auto appended = co_await bob.append(id, std::move(more), plain);
  EXPECT_EQ(appended.error().code(), "conversation_not_found");
  auto erased = co_await bob.erase(id, plain);
  EXPECT_EQ(erased.error().code(), "conversation_not_found");
  auto left = co_await ada.list(id, Order::ascending, 10, "");
  EXPECT_EQ(left->items.size(), 1U);
}

TEST_F(RegistryTest, AnotherOwnersConversationIsNotThere) {
  auto ada = view({.owner = "ada"});
  auto bob = view({.owner = "bob"});
  auto backend = view({});
  run_on(io_, owners_apart(ada, bob, backend));
}

TEST_F(RegistryTest, WhatIsGoneLeavesTheListWhenItIsRead) {
  auto ada = view({.owner = "ada"}, exact());
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(run_on(io_, created(ada)));
  const auto index = store_->keys().conversation_index("ada").str();
  // Three have expired, of which two were active long ago; one is being made right now.
  for (const int gone : {0, 1, 5}) {
    server_.cli({"DEL", store_->keys().conversation(ids[gone]).str()});
    if (gone != 5) server_.cli({"ZADD", index, std::to_string(1'700'000'000'000'000 + gone), ids[gone]});
  }
  EXPECT_EQ(run_on(io_, walked(ada, "", 2)), (std::vector<std::string>{ids[4], ids[3], ids[2]}));
  EXPECT_EQ(server_.cli({"ZCARD", index}), "4") << "the one that may still be made stays";
  EXPECT_GT(std::stoll(server_.cli({"PTTL", index})), 29LL * 24 * 3600 * 1000);
}

TEST_F(RegistryTest, AListNobodyReadsIsKeptShortByThoseWhoAddToIt) {
  auto ada = view({.owner = "ada"});
  const auto index = store_->keys().conversation_index("ada").str();
  std::vector<std::string> command{"ZADD", index};
  for (int i = 0; i < 200; ++i) {
    command.push_back(std::to_string(1'700'000'000'000'000 + i));
    command.push_back(fmt::format("conv_{:048x}", i));
  }
  server_.cli(command);
  for (int i = 0; i < 400; ++i) run_on(io_, created(ada));
  EXPECT_LT(std::stoi(server_.cli({"ZCARD", index})), 500) << "200 of 600 were stale";
}

asio::awaitable<void> lists_under_change(Conversations& ada, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Write plain;
  std::vector<std::string> lasting;
  std::vector<std::string> moving;
  for (int i = 0; i < 40; ++i) (random() % 3 == 0 ? moving : lasting).push_back(co_await created(ada));
  std::vector<std::string> seen;
  std::string after;
  do {
    auto page = co_await ada.list_of("", 1 + static_cast<int>(random() % 5), after);
    for (const auto& one : page->conversations) seen.push_back(one.id);
    after = page->next_after;
    if (moving.empty()) continue;
    if (random() % 2 == 0) {
      co_await append_one(ada, moving[random() % moving.size()]);
    } else {
      auto erased = co_await ada.erase(moving.back(), plain);
      EXPECT_TRUE(erased);
      moving.pop_back();
    }
  } while (!after.empty());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
  std::erase_if(seen, [&](const std::string& one) { return std::ranges::find(lasting, one) == lasting.end(); });
  std::ranges::reverse(seen);
  EXPECT_EQ(seen, lasting);
}

TEST_F(RegistryTest, AWalkMeetsWhatDoesntChangeOnceWhileOthersMoveAndGo) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  for (std::uint64_t round = 0; round < 5; ++round) {
    auto ada = view({.owner = std::to_string(round)}, exact());
    run_on(io_, lists_under_change(ada, seed + round));
  }
}

asio::awaitable<void> counts(Conversations& limited) {
  const Write plain;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(co_await created(limited));
  NewConversation fourth;
  auto refused = co_await limited.create(std::move(fourth), plain);
  EXPECT_EQ(refused.error().code(), "insufficient_quota");
  EXPECT_EQ(refused.error().kind(), ErrorKind::quota_exceeded);
  Fork fork;
  auto forked = co_await limited.fork(ids[0], std::move(fork), plain);
  EXPECT_EQ(forked.error().code(), "insufficient_quota");
  auto erased = co_await limited.erase(ids[0], plain);
  EXPECT_TRUE(erased);
  co_await created(limited);
  co_await append_one(limited, ids[1]);  // brings no conversation
}

TEST_F(RegistryTest, ATenantHasAsManyConversationsAsItsQuotaSays) {
  auto limited = view({.tenant = "small", .quota = {.max_conversations = 3}});
  run_on(io_, counts(limited));
  auto other = view({.tenant = "other", .quota = {.max_conversations = 3}});
  run_on(io_, counts(other));
}

asio::awaitable<std::size_t> filled(Conversations& limited, std::string id, std::size_t bytes) {
  std::size_t stored = 0;
  for (;;) {
    std::vector<NewItem> items(1, user_says(std::string(bytes, 'x')));
    const std::size_t size = items[0].json.size();
    const Write plain;
    auto done = co_await limited.append(id, std::move(items), plain);
    if (!done) {
      EXPECT_EQ(done.error().code(), "insufficient_quota");
      co_return stored;
    }
    stored += size;
  }
}

asio::awaitable<void> weighs(Conversations& limited) {
  const Write plain;
  const std::string id = co_await created(limited);
  const auto full = co_await filled(limited, id, 1000);
  EXPECT_GT(full, 9000U);
  EXPECT_LE(full, 10'000U);
  Write stale_write;
  stale_write.expected_versions = "999";
  std::vector<NewItem> small(1, user_says("x"));
  auto refused = co_await limited.append(id, std::move(small), std::move(stale_write));
  EXPECT_FALSE(refused);
  auto popped = co_await limited.pop(id, 5, plain);
  EXPECT_EQ(popped->items.size(), 5U);
  const auto again = co_await filled(limited, id, 1000);
  EXPECT_GE(again, 5U * 1000) << "what was popped is room again, and a refused write took none";
  EXPECT_LE(again, 10'000U - (full - 5 * (full / 9)) + 1000);
  const std::string second = co_await created(limited);
  auto erased = co_await limited.erase(id, plain);
  EXPECT_TRUE(erased);
  const auto whole = co_await filled(limited, second, 1000);
  EXPECT_EQ(whole, full);
}

TEST_F(RegistryTest, ATenantsItemsTakeNoMoreThanItsQuota) {
  auto limited = view({.tenant = "small", .quota = {.max_bytes = 10'000}});
  run_on(io_, weighs(limited));
  const auto usage = store_->keys().of("small").conversation_usage().str();
  const auto total = server_.cli({"HGET", usage, "total"});
  EXPECT_LE(std::stoll(total), 10'000);
  EXPECT_EQ(server_.cli({"HLEN", usage}), "2") << "the one conversation and the total";
}

TEST_F(RegistryTest, WhatExpiredIsRoomAgain) {
  auto limited = view({.tenant = "small", .quota = {.max_conversations = 2}, .lifetime = 1s});
  run_on(io_, created(limited));
  run_on(io_, created(limited));
  NewConversation third;
  EXPECT_FALSE(run_on(io_, limited.create(third, Write())));
  const auto moments = store_->keys().of("small").conversation_usage_moments().str();
  // The moments of expiry, as they will be seen a second from now.
  for (const auto& id : {server_.cli({"ZRANGE", moments, "0", "0"}), server_.cli({"ZRANGE", moments, "1", "1"})})
    server_.cli({"ZINCRBY", moments, "-2000", id});
  EXPECT_TRUE(run_on(io_, limited.create(third, Write())));
}

}  // namespace
}  // namespace inkwell::conversations
