// Misses of concurrent calls in common batches; a batch that is refused; what a call may ask of the cache.
#include <cstring>
#include <gtest/gtest.h>

#include "embeddings/value.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using Mode = CacheControl::Mode;

class EmbeddingBatches : public EmbeddingService {
 protected:
  struct Caller {
    std::vector<Input> inputs;
    std::optional<Result<Answer>> answer;
  };
  static asio::awaitable<void> call(Embeddings& embeddings, Caller& caller) {
    const ModelChoice choice{"test-model", 0};
    auto answer = co_await embeddings.embed(choice, caller.inputs);
    caller.answer.emplace(std::move(answer));
  }
  /// All at once, to their ends.
  void call_all(std::deque<Caller>& callers) {
    Gate gate(io.get_executor());
    for (auto& caller : callers) gate.spawn("caller", call(worker->embeddings, caller));
    test::run_on(io, gate.wait_until_empty());
    test::run_on(io, idle());
  }
  static std::deque<Caller> callers_of(int count) {
    std::deque<Caller> callers(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) callers[static_cast<std::size_t>(i)].inputs = texts("text " + std::to_string(i));
    return callers;
  }
};

TEST_F(EmbeddingBatches, MissesOfConcurrentCallsFillUpstreamBatches) {
  script.max_batch = 16;
  auto callers = callers_of(64);
  call_all(callers);
  for (const auto& caller : callers) {
    ASSERT_TRUE(caller.answer && *caller.answer);
    expect_right(**caller.answer, caller.inputs);
  }
  EXPECT_EQ(script.computed.size(), 64u);
  EXPECT_LE(script.calls, 6u) << "full batches, but for the first and the last";
  EXPECT_GT(worker->embeddings.stats().coalesced, 0u);
}

TEST_F(EmbeddingBatches, NoMoreCallsThanAllowedRunAtOnceAndWhatWaitsFillsTheNext) {
  script.max_batch = 16;
  script.at_once = 1;
  script.stalled = true;
  std::deque<Caller> callers = callers_of(20);
  Gate gate(io.get_executor());
  gate.spawn("first", call(worker->embeddings, callers[0]));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return script.calls == 1; })));
  for (std::size_t i = 1; i < callers.size(); ++i) gate.spawn("caller", call(worker->embeddings, callers[i]));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return worker->embeddings.stats().in_flight == 20; })));
  EXPECT_EQ(script.calls, 1u);
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  test::run_on(io, idle());
  EXPECT_EQ(script.calls, 3u) << "1, then 16, then 3";
}

TEST_F(EmbeddingBatches, TextsAndTokenArraysNeverShareABatch) {
  auto callers = callers_of(2);
  callers[1].inputs = {Tokens{1, 2}};
  script.failure = [](const std::vector<const Input*>& inputs) -> std::optional<Error> {
    for (const auto* input : inputs) EXPECT_EQ(input->index(), inputs[0]->index());
    return std::nullopt;
  };
  call_all(callers);
  for (const auto& caller : callers) expect_right(**caller.answer, caller.inputs);
}

TEST_F(EmbeddingBatches, AnInputThatIsRefusedFailsNobodyElse) {
  script.max_batch = 32;
  script.failure = [](const std::vector<const Input*>& inputs) -> std::optional<Error> {
    const auto bad = [](const Input* input) { return std::get<std::string>(*input) == "text 13"; };
    if (std::ranges::none_of(inputs, bad)) return std::nullopt;
    return Error(ErrorKind::invalid_argument, "upstream_refused", "It is too long.");
  };
  auto callers = callers_of(32);
  call_all(callers);
  for (std::size_t i = 0; i < callers.size(); ++i) {
    ASSERT_TRUE(callers[i].answer);
    if (i == 13) {
      ASSERT_FALSE(*callers[i].answer);
      EXPECT_EQ(callers[i].answer->error().code(), "upstream_refused");
    } else {
      ASSERT_TRUE(*callers[i].answer) << "caller " << i;
      expect_right(**callers[i].answer, callers[i].inputs);
    }
  }
  EXPECT_LE(script.calls, 16u) << "halves, not one by one";
}

TEST_F(EmbeddingBatches, ARefusalOfEveryInputIsNotAskedForOneByOne) {
  script.max_batch = 256;
  script.failure = [](const auto&) { return Error(ErrorKind::invalid_argument, "upstream_refused", "No."); };
  std::vector<Input> many;
  for (int i = 0; i < 256; ++i) many.emplace_back("text " + std::to_string(i));
  EXPECT_FALSE(embed(many));
  EXPECT_LE(script.calls, 20u);
}

// ---- Per call ----

TEST_F(EmbeddingBatches, RefreshComputesAnewAndReplacesWhatIsKept) {
  ASSERT_TRUE(embed(texts("a")));
  const auto refreshed = embed(texts("a", "a"), 0, {.mode = Mode::refresh, .ttl = {}});
  ASSERT_TRUE(refreshed);
  expect_right(*refreshed, texts("a", "a"));
  EXPECT_EQ(refreshed->missed, 2u);
  EXPECT_EQ(script.computed["a"], 2);
  EXPECT_EQ(embed(texts("a"))->hot, 1u);
}

TEST_F(EmbeddingBatches, BypassLeavesTheCacheAsItIs) {
  const auto answer = embed(texts("a"), 0, {.mode = Mode::bypass, .ttl = {}});
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("a"));
  EXPECT_EQ(server.cli({"DBSIZE"}), "0");
  EXPECT_EQ(shared->hot.stats().entries, 0u);
  ASSERT_TRUE(embed(texts("a")));
  EXPECT_EQ(embed(texts("a"), 0, {.mode = Mode::bypass, .ttl = {}})->missed, 1u);
  EXPECT_EQ(script.computed["a"], 3);
}

TEST_F(EmbeddingBatches, CallsThatBypassShareNothing) {
  script.stalled = true;
  std::size_t answered = 0;
  const auto bypass = [](Embeddings& embeddings, std::size_t& count) -> asio::awaitable<void> {
    const ModelChoice choice{"test-model", 0};
    const CacheControl control{Mode::bypass, {}};
    const auto answer = co_await embeddings.embed(choice, texts("a"), control);
    count += answer.has_value();
  };
  Gate gate(io.get_executor());
  for (int i = 0; i < 3; ++i) gate.spawn("caller", bypass(worker->embeddings, answered));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return script.calls == 1; })));
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  EXPECT_EQ(answered, 3u);
  EXPECT_EQ(script.computed["a"], 3);
}

TEST_F(EmbeddingBatches, ATtlOfTheCallsOwnIsFixedInBothTiers) {
  ASSERT_TRUE(embed(texts("a"), 0, {.mode = Mode::use, .ttl = 100s}));
  EXPECT_LE(std::stoll(server.cli({"PTTL", key_of("a")})), 100'000);
  EXPECT_GT(std::stoll(server.cli({"PTTL", key_of("a")})), 90'000);
  const auto in_hot = shared->hot.get(hot_key_of("a"), HotCache::Clock::now());
  ASSERT_TRUE(in_hot);
  EXPECT_LE(in_hot.expires_at() - HotCache::Clock::now(), 100s);
  shared->hot.clear();
  EXPECT_EQ(embed(texts("a"))->redis, 1u);
  const auto again = shared->hot.get(hot_key_of("a"), HotCache::Clock::now());
  ASSERT_TRUE(again);
  EXPECT_LE(again.expires_at() - HotCache::Clock::now(), 100s);
  EXPECT_LE(std::stoll(server.cli({"PTTL", key_of("a")})), 100'000) << "a read doesn't lengthen it";
}

TEST_F(EmbeddingBatches, HalvedVectorsAreTheSameWhicheverTierAnswers) {
  auto options = small_options();
  options.precision = Precision::float16;
  start(options);
  const auto computed = embed(texts("a"), 1536);
  shared->hot.clear();
  const auto stored = embed(texts("a"), 1536);
  ASSERT_TRUE(computed && stored);
  EXPECT_EQ(stored->redis, 1u);
  EXPECT_TRUE(std::ranges::equal(computed->vectors[0].bytes(), stored->vectors[0].bytes()));
  EXPECT_EQ(server.cli({"STRLEN", key_of("a", 1536)}), std::to_string(kValueHeaderBytes + 1536 * 2));
}

}  // namespace
}  // namespace inkwell::embeddings
