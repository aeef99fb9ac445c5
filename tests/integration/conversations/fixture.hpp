// A real redis-server with Conversations over it, and words to write scenarios in.
#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <memory>

#include "base/asio.hpp"
#include "conversations/conversations.hpp"
#include "support/audit.hpp"

namespace inkwell::conversations {
namespace json = boost::json;
using test::run_on;

inline NewItem user_says(std::string_view text) {
  const auto raw = json::serialize(json::object{{"role", "user"}, {"content", text}});
  return *normalise_item(raw, json::parse(raw).as_object(), "items[0]");
}

inline std::string text_of(const Item& item) {
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

inline asio::awaitable<std::string> created(Conversations& conversations, std::vector<NewItem> items = {}) {
  NewConversation wanted;
  wanted.metadata.emplace_back("topic", "demo");
  wanted.items = std::move(items);
  Write write;
  auto made = co_await conversations.create(std::move(wanted), std::move(write));
  if (!made) throw std::runtime_error(made.error().to_string());
  co_return made->id;
}

}  // namespace inkwell::conversations
