// With Redis slow, gone, or dying in the middle of a read, embeddings still answer.
#include <gtest/gtest.h>

#include "../../integration/embeddings/worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

class EmbeddingWithoutRedis : public EmbeddingService {
 protected:
  /// embed() that doesn't wait for Redis afterwards.
  Result<Answer> call(std::vector<Input> inputs) {
    const ModelChoice choice{"test-model", 0};
    return test::run_on(io, worker->embeddings.embed(choice, std::move(inputs)));
  }
  bool eventually(std::function<bool()> condition) { return test::run_on(io, test::eventually(std::move(condition))); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return shared->flights.size() == 0; }));
    EmbeddingService::TearDown();
  }
};

TEST_F(EmbeddingWithoutRedis, AnswersComeFromTheProviderAndTheHotTierAndWritesAreCountedAsDropped) {
  server.kill();
  ASSERT_TRUE(eventually([&] { return !worker->client.connected(); }));

  const auto computed = call(texts("a", "b"));
  const auto hot = call(texts("b", "a"));

  ASSERT_TRUE(computed && hot);
  expect_right(*computed, texts("a", "b"));
  expect_right(*hot, texts("b", "a"));
  EXPECT_EQ(hot->hot, 2u);
  EXPECT_TRUE(eventually([&] { return worker->embeddings.stats().redis_writes_dropped == 2; }));
  EXPECT_EQ(worker->embeddings.stats().redis_reads_failed, 2u);
}

TEST_F(EmbeddingWithoutRedis, KilledInTheMiddleOfAReadItIsAskedNoMore) {
  server.pause();  // takes the commands and never answers
  Gate callers(io.get_executor());
  std::optional<Result<Answer>> answer;
  const auto caller = [](Embeddings& embeddings, std::optional<Result<Answer>>& to) -> asio::awaitable<void> {
    const ModelChoice choice{"test-model", 0};
    auto result = co_await embeddings.embed(choice, texts("a", "b", "c"));
    to.emplace(std::move(result));
  };
  callers.spawn("caller", caller(worker->embeddings, answer));
  ASSERT_TRUE(eventually([&] { return worker->client.stats().pending >= 3; }));
  server.kill();
  test::run_on(io, callers.wait_until_empty());

  ASSERT_TRUE(answer && *answer) << (*answer).error().to_string();
  expect_right(**answer, texts("a", "b", "c"));
  EXPECT_EQ(script.computed.size(), 3u);
}

TEST_F(EmbeddingWithoutRedis, AServerThatHangsCostsOnlyTheReadTimeout) {
  server.pause();
  const auto start = std::chrono::steady_clock::now();
  const auto answer = call(texts("a"));
  const auto took = std::chrono::steady_clock::now() - start;
  server.resume();
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("a"));
  EXPECT_GE(took, 200ms) << "it was asked";
  EXPECT_LT(took, 3s);
}

TEST_F(EmbeddingWithoutRedis, WritesBeginAgainWhenItIsBack) {
  server.kill();
  ASSERT_TRUE(eventually([&] { return !worker->client.connected(); }));
  ASSERT_TRUE(call(texts("a")));
  server.start();
  ASSERT_TRUE(test::run_on(io, worker->connected()));
  ASSERT_TRUE(embed(texts("b")));
  EXPECT_EQ(server.cli({"EXISTS", key_of("b")}), "1");
  shared->hot.clear();
  const auto answer = embed(texts("b", "a"));
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("b", "a"));
  EXPECT_EQ(answer->redis, 1u);
}

TEST_F(EmbeddingWithoutRedis, EveryOutputIsItsOwnInputsWhileItIsKilledAndRestarted) {
  auto options = small_options();
  options.hot.max_bytes = 2000;
  options.redis_read_timeout = 50ms;
  start(options);
  script.delay = 1ms;
  Gate callers(io.get_executor());
  std::size_t answered = 0;
  bool over = false;
  const auto caller = [](Embeddings& embeddings, unsigned number, std::size_t& count,
                         bool& stop) -> asio::awaitable<void> {
    std::mt19937_64 random(number);
    while (!stop) {
      std::vector<Input> inputs;
      for (int i = 0; i < 6; ++i) inputs.emplace_back("text " + std::to_string(random() % 80));
      const ModelChoice choice{"test-model", 0};
      const auto answer = co_await embeddings.embed(choice, inputs);
      EXPECT_TRUE(answer) << answer.error().to_string();
      if (answer) expect_right(*answer, inputs);
      ++count;
    }
  };
  for (unsigned i = 0; i < 4; ++i) callers.spawn("caller", caller(worker->embeddings, i, answered, over));
  for (int round = 0; round < 3; ++round) {
    const auto before = answered;
    ASSERT_TRUE(eventually([&] { return answered > before + 50; }));
    server.kill();
    const auto without = answered;
    ASSERT_TRUE(eventually([&] { return answered > without + 50; }));
    server.start();
  }
  over = true;
  test::run_on(io, callers.wait_until_empty());
}

}  // namespace
}  // namespace inkwell::embeddings
