// A node that starts again answers its old hot set from memory: the hot set in Redis, and the reading of it.
#include <gtest/gtest.h>

#include "embeddings/value.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

class WarmStart : public EmbeddingService {
 protected:
  bool eventually(std::function<bool()> condition) { return test::run_on(io, test::eventually(std::move(condition))); }
  /// A new process on the same Redis.
  void restart(const Options& options) {
    test::run_on(io, worker->close());
    worker.reset();
    shared = std::make_unique<Shared>(options.hot);
    worker = make_worker(options);
    ASSERT_TRUE(test::run_on(io, worker->connected()));
  }
  static std::vector<Input> numbered(int count) {
    std::vector<Input> inputs;
    for (int i = 0; i < count; ++i) inputs.emplace_back("text " + std::to_string(i));
    return inputs;
  }
};

TEST_F(WarmStart, TheOldHotSetIsAnsweredFromMemory) {
  const auto inputs = numbered(100);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(embed(inputs));  // uses are noted by a sample
  ASSERT_TRUE(embed(inputs, 16));
  restart(small_options());
  worker->embeddings.warm();
  ASSERT_TRUE(eventually([&] { return worker->embeddings.stats().warmed >= 100; }));
  const auto answer = embed(inputs);
  ASSERT_TRUE(answer);
  expect_right(*answer, inputs);
  EXPECT_EQ(answer->hot, 100u);
  EXPECT_GT(std::stoll(server.cli({"PTTL", worker->store.keys().hot_set("test-model").str()})), 6 * 86'400'000LL);
}

TEST_F(WarmStart, WhatWasUsedMostComesFirstAndTheSetIsBounded) {
  auto options = small_options();
  options.hot_set_size = 10;
  start(options);
  const auto all = numbered(60);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(embed(all));
  const std::vector<Input> favourites(all.begin() + 20, all.begin() + 30);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(embed(favourites));
  restart(options);
  EXPECT_EQ(server.cli({"ZCARD", worker->store.keys().hot_set("test-model").str()}), "10");
  worker->embeddings.warm();
  ASSERT_TRUE(eventually([&] { return worker->embeddings.stats().warmed == 10; }));
  EXPECT_EQ(embed(favourites)->hot, 10u);
}

TEST_F(WarmStart, DamagedMembersAndValuesThatAreGoneAreLeftOut) {
  ASSERT_TRUE(embed(texts("a", "b", "c", "d")));
  const auto set = worker->store.keys().hot_set("test-model").str();
  server.cli({"DEL", key_of("b")});
  plant(key_of("c"), "nonsense");
  auto options = small_options();
  restart(options);
  server.cli({"ZADD", set, "9e9", "nonsense", "9e9", "8:short"});
  worker->embeddings.warm();
  ASSERT_TRUE(test::run_on(io, worker->connected()));
  const auto answer = embed(texts("a", "b", "c", "d"));
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("a", "b", "c", "d"));
}

TEST_F(WarmStart, TakesNoLongerThanAllowed) {
  const auto inputs = numbered(200);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(embed(inputs));
  auto options = small_options();
  options.warm_limit = 0ms;
  restart(options);
  worker->embeddings.warm();
  ASSERT_TRUE(embed(texts("text 0")));
  EXPECT_EQ(worker->embeddings.stats().warmed, 0u);
}

}  // namespace
}  // namespace inkwell::embeddings
