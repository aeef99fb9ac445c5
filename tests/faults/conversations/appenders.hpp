// Clients that append with idempotency keys to one conversation and repeat what failed, and the check afterwards: every
// acknowledged batch is there once, whole, in the order its client made them.
#pragma once

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/gate.hpp"
#include "conversations/conversations.hpp"
#include "support/loop.hpp"

namespace inkwell::conversations {

inline constexpr int kClients = 16;
inline constexpr int kAppendsBetweenFaults = 150;

inline std::vector<NewItem> pair_of(int client, int batch) {
  std::vector<NewItem> items;
  for (const std::string part : {"a", "b"}) {
    const auto text = std::to_string(client) + "/" + std::to_string(batch) + part;
    const auto raw = boost::json::serialize(boost::json::object{{"role", "user"}, {"content", text}});
    items.push_back(*normalise_item(raw, boost::json::parse(raw).as_object(), "items[0]"));
  }
  return items;
}

struct Appended {
  std::array<int, kClients> acknowledged{};  ///< batches, by client
  int all = 0;
  bool stop = false;
};

inline asio::awaitable<void> append_and_repeat(Conversations& conversations, std::string id, int client,
                                               Appended& appended) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!appended.stop) {
    const int batch = appended.acknowledged[static_cast<std::size_t>(client)];
    Write write;
    write.idempotency_key = std::to_string(client) + "/" + std::to_string(batch);
    write.fingerprint = std::string(64, 'f');
    while (true) {
      auto items = pair_of(client, batch);
      auto stored = co_await conversations.append(id, std::move(items), write);
      if (stored) break;
      EXPECT_NE(stored.error().kind(), ErrorKind::conflict) << stored.error().to_string();
      pause.expires_after(std::chrono::milliseconds(5));
      co_await pause.async_wait(asio::use_awaitable);
    }
    ++appended.acknowledged[static_cast<std::size_t>(client)];
    ++appended.all;
  }
}

inline asio::awaitable<std::string> new_conversation(Conversations& conversations) {
  NewConversation wanted;
  Write plain;
  auto made = co_await conversations.create(std::move(wanted), std::move(plain));
  co_return made->id;
}

inline asio::awaitable<void> expect_whole(Conversations& conversations, std::string id, const Appended& appended) {
  std::vector<std::string> texts;
  std::string after;
  for (bool more = true; more;) {
    auto page = co_await conversations.list(id, Order::ascending, kMaxPage, after);
    if (!page) throw std::runtime_error(page.error().to_string());
    for (const auto& item : page->items)
      texts.emplace_back(boost::json::parse(item.json).at("content").at(0).at("text").get_string());
    more = page->has_more;
    if (!page->items.empty()) after = page->items.back().id;
  }
  std::array<int, kClients> next{};
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) {
    const auto client = static_cast<std::size_t>(std::stoi(texts[i]));
    const auto batch = std::to_string(client) + "/" + std::to_string(next.at(client)++);
    EXPECT_EQ(texts[i], batch + "a");
    EXPECT_EQ(texts[i + 1], batch + "b");
  }
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(appended.all) * 2);
  EXPECT_EQ(next, appended.acknowledged);
}

/// Waits until so many more batches were acknowledged.
inline asio::awaitable<void> more_appends(const Appended& appended) {
  const int enough = appended.all + kAppendsBetweenFaults;
  const bool came = co_await test::eventually([&] { return appended.all >= enough; });
  EXPECT_TRUE(came);
}

/// `faults` while the clients append, then the check.
inline asio::awaitable<void> appends_under(std::function<asio::awaitable<void>(Appended&)> faults,
                                           Conversations& conversations) {
  const std::string id = co_await new_conversation(conversations);
  Appended appended;
  Gate gate(co_await asio::this_coro::executor);
  for (int client = 0; client < kClients; ++client)
    gate.spawn("client", append_and_repeat(conversations, id, client, appended));
  co_await faults(appended);
  appended.stop = true;
  co_await gate.wait_until_empty();
  co_await expect_whole(conversations, id, appended);
}

}  // namespace inkwell::conversations
