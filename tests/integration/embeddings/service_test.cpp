// The whole pipeline over a real redis-server.
#include <cstring>
#include <gtest/gtest.h>

#include "embeddings/providers/lexical_provider.hpp"
#include "embeddings/providers/upstream_provider.hpp"
#include "embeddings/value.hpp"
#include "support/scripted_upstream.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

TEST_F(EmbeddingService, test_embedding_cache_integration_with_service) {
  test::ScriptedUpstream upstream(io, vector_of_json);
  UpstreamOptions to;
  to.url = upstream.url() + "/v1";
  Shared tiers({.max_bytes = 1u << 20});
  const auto call = [&](WorkerRig& rig, std::vector<Input> inputs) {
    const ModelChoice choice{"any-model", 0};
    return test::run_on(io, rig.embeddings.embed(choice, std::move(inputs)));
  };
  const auto inputs = texts("one", "two", "a secret text");
  WorkerRig first(io, server, tiers, small_options(), one(std::make_unique<UpstreamProvider>(io.get_executor(), to)));
  ASSERT_TRUE(test::run_on(io, first.connected()));

  const auto computed = call(first, inputs);
  ASSERT_TRUE(computed) << computed.error().to_string();
  const auto hot = call(first, inputs);
  test::run_on(io, test::eventually([&] { return tiers.flights.size() == 0; }));
  tiers.hot.clear();
  const auto stored = call(first, inputs);

  EXPECT_EQ(upstream.requests.size(), 1u) << "no text is embedded twice";
  EXPECT_EQ(computed->missed, 3u);
  EXPECT_EQ(computed->tokens, 21u);
  ASSERT_TRUE(hot && stored);
  EXPECT_EQ(hot->hot, 3u);
  EXPECT_EQ(hot->tokens, 0u);
  EXPECT_EQ(stored->redis, 3u);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto bytes = computed->vectors[i].bytes();
    EXPECT_TRUE(std::ranges::equal(hot->vectors[i].bytes(), bytes)) << "bit for bit, from memory";
    EXPECT_TRUE(std::ranges::equal(stored->vectors[i].bytes(), bytes)) << "bit for bit, from Redis";
  }
  expect_right(*stored, inputs);
  EXPECT_EQ(server.cli({"EVAL",
                        "local n=0 for _,k in ipairs(redis.call('KEYS','*')) do if "
                        "string.find(k..redis.call('GET',k),'secret',1,true) then n=n+1 end end return n",
                        "0"}),
            "0")
      << "the text is stored nowhere";
  test::run_on(io, first.close());
  test::run_on(io, upstream.close());
}

TEST_F(EmbeddingService, EachDistinctInputOfABatchIsComputedOnceAndFoundAtEveryPlace) {
  const auto inputs = texts("a", "b", "a", "c", "b", "a", "d", "e", "f");
  const auto answer = embed(inputs);
  ASSERT_TRUE(answer);
  expect_right(*answer, inputs);
  EXPECT_EQ(script.computed.size(), 6u);
  for (const auto& [text, times] : script.computed) EXPECT_EQ(times, 1) << text;
  EXPECT_EQ(script.calls, 2u) << "6 inputs in batches of at most 4";
  EXPECT_EQ(answer->tokens, 60u);
}

TEST_F(EmbeddingService, ModelLengthAndKindOfInputEachHaveTheirOwnVector) {
  ASSERT_TRUE(embed(texts("a")));
  const auto longer = embed(texts("a"), 16);
  ASSERT_TRUE(longer);
  expect_right(*longer, texts("a"), 16);
  const std::vector<Input> tokens{Tokens{1, 2, 3}, Tokens{1, 2}};
  const auto of_tokens = embed(tokens);
  ASSERT_TRUE(of_tokens);
  expect_right(*of_tokens, tokens);
  EXPECT_EQ(script.calls, 3u);
  EXPECT_EQ(server.cli({"DBSIZE"}), "4");
}

TEST_F(EmbeddingService, AValueLivesThirtyDaysAndALittleMore) {
  ASSERT_TRUE(embed(texts("a")));
  const auto left = std::stoll(server.cli({"PTTL", key_of("a")}));
  const std::int64_t month = 30LL * 24 * 3600 * 1000;
  EXPECT_GT(left, month - 60'000);
  EXPECT_LT(left, month * 12 / 10);
}

TEST_F(EmbeddingService, ACallBeforeTheFirstConnectionStandsWaitsForItAndFindsWhatIsStored) {
  ASSERT_TRUE(embed(texts("a")));
  stop();
  shared->hot.clear();
  worker = make_worker(small_options());
  ASSERT_FALSE(worker->client.connected());
  const auto answer = embed(texts("a"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->redis, 1u);
}

TEST_F(EmbeddingService, CallsAtTheSameTimeShareOneComputation) {
  script.stalled = true;
  std::vector<Result<Answer>> answers;
  Gate callers(io.get_executor());
  const auto call = [](Embeddings& embeddings, std::vector<Input> inputs,
                       std::vector<Result<Answer>>& to) -> asio::awaitable<void> {
    const ModelChoice choice{"test-model", 0};
    auto answer = co_await embeddings.embed(choice, std::move(inputs));
    to.push_back(std::move(answer));
  };
  callers.spawn("first", call(worker->embeddings, texts("a", "b"), answers));
  callers.spawn("second", call(worker->embeddings, texts("b", "c"), answers));
  callers.spawn("third", call(worker->embeddings, texts("b", "a"), answers));
  const auto joined = [&] { return script.calls > 0 && worker->embeddings.stats().shared_flights == 3; };
  ASSERT_TRUE(test::run_on(io, test::eventually(joined)));
  script.stalled = false;
  test::run_on(io, callers.wait_until_empty());
  test::run_on(io, idle());

  ASSERT_EQ(answers.size(), 3u);
  for (const auto& answer : answers) ASSERT_TRUE(answer);
  EXPECT_EQ(script.computed, (std::map<std::string, int>{{"a", 1}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(worker->embeddings.stats().shared_flights, 3u);
  std::uint64_t tokens = 0;
  for (const auto& answer : answers) tokens += answer->tokens;
  EXPECT_EQ(tokens, 30u) << "each computation is counted once";
}

TEST_F(EmbeddingService, ACancelledCallerCancelsNobodysWork) {
  script.stalled = true;
  Gate leaver(io.get_executor());
  Gate stayer(io.get_executor());
  std::optional<Result<Answer>> stayed;
  const auto call = [](Embeddings& embeddings, std::optional<Result<Answer>>& to) -> asio::awaitable<void> {
    const ModelChoice choice{"test-model", 0};
    auto answer = co_await embeddings.embed(choice, texts("a"));
    to.emplace(std::move(answer));
  };
  std::optional<Result<Answer>> left;
  leaver.spawn("leaver", call(worker->embeddings, left));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return script.calls == 1; })));
  stayer.spawn("stayer", call(worker->embeddings, stayed));
  test::run_on(io, leaver.close());
  script.stalled = false;
  test::run_on(io, stayer.wait_until_empty());
  test::run_on(io, idle());

  ASSERT_TRUE(stayed && *stayed);
  expect_right(**stayed, texts("a"));
  EXPECT_FALSE(left && *left);
  EXPECT_EQ(script.calls, 1u);
  EXPECT_EQ(script.cancelled, 0u);
}

TEST_F(EmbeddingService, WhenTheWorkerThatFetchesStopsAnotherFetchesInstead) {
  script.stalled = true;
  const auto other = make_worker(small_options());
  ASSERT_TRUE(test::run_on(io, other->connected()));
  Gate callers(io.get_executor());
  std::optional<Result<Answer>> answer;
  const auto call = [](Embeddings& embeddings, std::optional<Result<Answer>>* to) -> asio::awaitable<void> {
    const ModelChoice choice{"test-model", 0};
    auto result = co_await embeddings.embed(choice, texts("a"));
    if (to) to->emplace(std::move(result));
  };
  Gate first(io.get_executor());
  first.spawn("first", call(other->embeddings, nullptr));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return script.calls == 1; })));
  callers.spawn("second", call(worker->embeddings, &answer));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return worker->embeddings.stats().shared_flights == 1; })));
  test::run_on(io, first.close());
  test::run_on(io, other->close());
  script.stalled = false;
  test::run_on(io, callers.wait_until_empty());
  test::run_on(io, idle());

  ASSERT_TRUE(answer && *answer) << (*answer).error().to_string();
  expect_right(**answer, texts("a"));
  EXPECT_EQ(script.calls, 2u);
  EXPECT_EQ(script.cancelled, 1u);
}

TEST_F(EmbeddingService, AFailureReachesItsCallersAndIsNotRemembered) {
  script.failure = [](const auto&) { return Error(ErrorKind::upstream, "upstream_failed", "It failed."); };
  const auto failed = embed(texts("a"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), "upstream_failed");
  script.failure = nullptr;
  const auto answer = embed(texts("a"));
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("a"));
  EXPECT_EQ(server.cli({"DBSIZE"}), "1");
}

TEST_F(EmbeddingService, WhatWorkedOfACallThatFailedIsKept) {
  script.max_batch = 1;
  script.failure = [](const std::vector<const Input*>& inputs) -> std::optional<Error> {
    if (std::get<std::string>(*inputs[0]) != "bad") return std::nullopt;
    return Error(ErrorKind::upstream, "upstream_failed", "It failed.");
  };
  EXPECT_FALSE(embed(texts("a", "bad", "b")));
  const auto answer = embed(texts("a", "b"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->hot, 2u);
}

TEST_F(EmbeddingService, DamagedAndForeignValuesInRedisAreMissesAndAreReplaced) {
  const auto good = encode_value(hot_key_of("b"), vector_of("b"), {in(30 * 24h)});
  auto flipped = good;
  flipped[30] = static_cast<char>(flipped[30] ^ 1);
  plant(key_of("a"), "[0.1, 0.2]");
  plant(key_of("b"), flipped);
  plant(key_of("c"), good);  // b's value under c's key
  plant(key_of("d"), "");
  server.cli({"RPUSH", key_of("e"), "a list"});
  const auto inputs = texts("a", "b", "c", "d", "e");

  const auto answer = embed(inputs);

  ASSERT_TRUE(answer);
  expect_right(*answer, inputs);
  EXPECT_EQ(answer->missed, 5u);
  EXPECT_EQ(worker->embeddings.stats().damaged, 4u);
  shared->hot.clear();
  const auto again = embed(inputs);
  ASSERT_TRUE(again);
  expect_right(*again, inputs);
  EXPECT_EQ(again->redis, 5u);
}

TEST_F(EmbeddingService, AValueReadPastHalfOfItsLifeLivesAnew) {
  plant(key_of("old"), encode_value(hot_key_of("old"), vector_of("old"), {in(14 * 24h)}));
  plant(key_of("new"), encode_value(hot_key_of("new"), vector_of("new"), {in(16 * 24h)}));
  plant(key_of("fixed"), encode_value(hot_key_of("fixed"), vector_of("fixed"), {in(1h), /*fixed=*/true}));

  const auto answer = embed(texts("old", "new", "fixed"));

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->redis, 3u);
  EXPECT_EQ(worker->embeddings.stats().refreshed, 1u);
  ASSERT_TRUE(
      test::run_on(io, test::eventually([&] { return std::stoll(server.cli({"TTL", key_of("old")})) > 29 * 86400; })));
  EXPECT_LE(std::stoll(server.cli({"TTL", key_of("new")})), 3600);
  EXPECT_LE(std::stoll(server.cli({"TTL", key_of("fixed")})), 3600);
  shared->hot.clear();
  const auto again = embed(texts("old"));
  ASSERT_TRUE(again);
  expect_right(*again, texts("old"));
}

TEST_F(EmbeddingService, TheHotTierNeverOutlivesTheLifetime) {
  auto options = small_options();
  options.lifetime = 100ms;
  options.hot_ttl = 1h;
  start(options);
  ASSERT_TRUE(embed(texts("a")));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] {
                             return !shared->hot.contains(hot_key_of("a"), HotCache::Clock::now()) &&
                                    server.cli({"DBSIZE"}) == "0";
                           })));
}

TEST_F(EmbeddingService, AModelNobodyServesIsNamedAndSoAreThoseThatAre) {
  const ModelChoice choice{"gpt-nothing", 0};
  const auto answer = test::run_on(io, worker->embeddings.embed(choice, texts("a")));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(answer.error().code(), "model_not_found");
  EXPECT_NE(answer.error().to_string().find("test-model"), std::string::npos);
}

TEST_F(EmbeddingService, MoreInputsAtOnceThanTheBoundAreRefused) {
  auto options = small_options();
  options.max_in_flight = 2;
  start(options);
  const auto answer = embed(texts("a", "b", "c"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::overloaded);
  EXPECT_TRUE(embed(texts("a", "b")));
}

TEST_F(EmbeddingService, AProviderThatDoesNotAnswerEndsAtTheDeadline) {
  auto options = small_options();
  options.deadline = 50ms;
  start(options);
  script.stalled = true;
  const ModelChoice choice{"test-model", 0};
  const auto answer = test::run_on(io, worker->embeddings.embed(choice, texts("a")));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::deadline_exceeded);
  script.stalled = false;
  test::run_on(io, idle());
}

TEST_F(EmbeddingService, TheBuiltInEmbedderIsCachedLikeAnyOther) {
  WorkerRig rig(io, server, *shared, small_options(), one(std::make_unique<LexicalProvider>(384)));
  ASSERT_TRUE(test::run_on(io, rig.connected()));
  const ModelChoice choice{std::string(kLexicalModel), 0};
  std::vector<Input> many;
  for (int i = 0; i < 100; ++i) many.emplace_back("text number " + std::to_string(i));
  const auto first = test::run_on(io, rig.embeddings.embed(choice, many));
  ASSERT_TRUE(first) << first.error().to_string();
  for (std::size_t i = 0; i < many.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(first->vectors[i].as<float>(), lexical_vector(std::get<std::string>(many[i]))));
  }
  const auto second = test::run_on(io, rig.embeddings.embed(choice, many));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->hot, 100u);
  const auto tokens = test::run_on(io, rig.embeddings.embed(choice, std::vector<Input>{Tokens{1}}));
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().param(), "input");
  const auto blank = test::run_on(io, rig.embeddings.embed(choice, texts(" \n")));
  ASSERT_FALSE(blank);
  EXPECT_EQ(blank.error().kind(), ErrorKind::invalid_argument);
  test::run_on(io, rig.close());
}

}  // namespace
}  // namespace inkwell::embeddings
