// Several upstreams in order, each of them well or not.
#include <gtest/gtest.h>

#include "counting_provider.hpp"
#include "embeddings/providers/fallback_provider.hpp"
#include "support/loop.hpp"
#include "support/scripted_upstream.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Act;
using test::ScriptedUpstream;

class Fallback : public ::testing::Test {
 protected:
  void TearDown() override {
    test::run_on(io, first.close());
    test::run_on(io, second.close());
  }
  UpstreamOptions to(const ScriptedUpstream& upstream) const {
    UpstreamOptions options;
    options.url = upstream.url() + "/v1";
    options.backoff_base = 1ms;
    options.backoff_cap = 4ms;
    options.timeout = 5s;
    return options;
  }
  void make(UpstreamOptions one, UpstreamOptions other) {
    std::vector<UpstreamOptions> both;
    both.push_back(std::move(one));
    both.push_back(std::move(other));
    provider = std::make_unique<FallbackProvider>(io.get_executor(), std::move(both));
  }
  Result<ProviderAnswer> embed(const std::vector<Input>& inputs, Clock::duration allowed = 10s,
                               std::uint32_t dimensions = 0, std::string model = "some-model") {
    std::vector<const Input*> pointers;
    for (const auto& input : inputs) pointers.push_back(&input);
    const ModelChoice choice{std::move(model), dimensions};
    return test::run_on(io, provider->embed(choice, std::move(pointers), Clock::now() + allowed));
  }
  static void expect_right(const Result<ProviderAnswer>& answer, const std::vector<Input>& inputs) {
    ASSERT_TRUE(answer) << answer.error().to_string();
    ASSERT_EQ(answer->vectors.size(), inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(answer->vectors[i], vector_of(inputs[i]));
  }

  const std::vector<Input> three{"one", "two", "three"};
  asio::io_context io{1};
  ScriptedUpstream first{io, vector_of_json};
  ScriptedUpstream second{io, vector_of_json};
  std::unique_ptr<FallbackProvider> provider;
};

TEST_F(Fallback, TheFirstAnswersAsLongAsItIsWell) {
  make(to(first), to(second));
  for (int i = 0; i < 5; ++i) expect_right(embed(three), three);
  EXPECT_EQ(first.requests.size(), 5u);
  EXPECT_EQ(second.requests.size(), 0u);
}

TEST_F(Fallback, WhateverAilsTheFirstTheSecondAnswers) {
  for (const Act act : test::kFaultyActs) {
    first.act = [act](std::size_t) { return act; };
    first.retry_after = "Retry-After: 7";
    auto impatient = to(first);
    impatient.timeout = 50ms;
    impatient.max_attempts = 2;
    make(impatient, to(second));
    expect_right(embed(three, 10s, act == Act::short_vector ? kTestDimensions : 0), three);
    EXPECT_EQ(second.requests.size(), 1u) << "act " << static_cast<int>(act);
    second.requests.clear();
  }
  first.act = [](std::size_t) { return Act::unauthorized; };
  make(to(first), to(second));
  expect_right(embed(three), three);
}

TEST_F(Fallback, AnUpstreamThatKeepsFailingIsGivenUpAndComesBack) {
  auto options = to(first);
  options.max_attempts = 1;
  options.breaker = {.failures = 3, .open_for = 50ms, .open_cap = 50ms};
  make(options, to(second));
  first.act = [](std::size_t) { return Act::fail; };
  for (int i = 0; i < 20; ++i) expect_right(embed(three), three);
  EXPECT_LE(first.requests.size(), 3u + 20u) << "but for a request every 50 ms";
  EXPECT_GE(first.requests.size(), 3u);
  EXPECT_EQ(second.requests.size(), 20u);
  first.act = [](std::size_t) { return Act::answer; };
  const auto before = first.inputs;
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return true; })));
  const auto until = Clock::now() + 5s;
  while (first.inputs == before && Clock::now() < until) expect_right(embed(three), three);
  EXPECT_GT(first.inputs, before) << "asked again once it is well";
}

TEST_F(Fallback, AStalledUpstreamLeavesTimeToTheNext) {
  make(to(first), to(second));
  first.act = [](std::size_t) { return Act::stall; };
  const auto start = Clock::now();
  expect_right(embed(three, 400ms), three);
  EXPECT_LT(Clock::now() - start, 3s);
}

TEST_F(Fallback, ARefusalOfTheInputIsTheAnswer) {
  make(to(first), to(second));
  first.act = [](std::size_t) { return Act::refuse; };
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::invalid_argument);
  EXPECT_EQ(second.requests.size(), 0u);
}

TEST_F(Fallback, TheNextIsAskedInItsOwnWay) {
  auto native = to(second);
  native.url = second.url();
  native.api = UpstreamApi::tei;
  native.batch_size = 2;
  make(to(first), native);
  first.act = [](std::size_t) { return Act::fail; };
  expect_right(embed(three), three);
  ASSERT_EQ(second.requests.size(), 2u) << "3 inputs, 2 at a time";
  EXPECT_TRUE(second.heads[0].starts_with("POST /embed "));
}

TEST_F(Fallback, EachIsAskedForTheModelByTheNameItHasThere) {
  auto one = to(first);
  one.models = {{"small", ""}, {"large", "vendor/large-v2"}};
  auto other = to(second);
  other.url = second.url();
  other.api = UpstreamApi::ollama;
  other.models = {{"small", "nomic-embed-text"}};
  make(one, other);
  EXPECT_EQ(provider->models(), (std::vector<std::string>{"small", "large"}));
  EXPECT_FALSE(provider->serves("other"));
  expect_right(embed(three, 10s, 0, "large"), three);
  EXPECT_EQ(first.requests.back().at("model"), "vendor/large-v2");
  first.act = [](std::size_t) { return Act::fail; };
  expect_right(embed(three, 10s, 0, "small"), three);
  EXPECT_EQ(second.requests.back().at("model"), "nomic-embed-text");
  EXPECT_FALSE(embed(three, 10s, 0, "large")) << "only the first serves it";
}

TEST_F(Fallback, VectorsOfAnotherLengthUnderTheSameNameAreNoAnswer) {
  make(to(first), to(second));
  expect_right(embed(three), three);
  first.act = [](std::size_t) { return Act::fail; };
  second.act = [](std::size_t) { return Act::short_vector; };
  const std::vector<Input> alone{"alone"};
  const auto answer = embed(alone);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "upstream_bad_answer");
}

TEST_F(Fallback, WhoTakesTokenArraysIsAskedForThem) {
  auto native = to(first);
  native.url = first.url();
  native.api = UpstreamApi::ollama;
  make(native, to(second));
  const std::vector<Input> tokens{Tokens{1, 2, 3}};
  expect_right(embed(tokens), tokens);
  EXPECT_EQ(first.requests.size(), 0u);
  auto alone = to(second);
  alone.takes_token_arrays = false;
  make(native, alone);
  const auto refused = provider->accept({"some-model", 0}, tokens);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param(), "input");
}

}  // namespace
}  // namespace inkwell::embeddings
