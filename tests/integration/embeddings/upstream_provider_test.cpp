// The OpenAI-compatible upstream, against one that misbehaves.
#include "embeddings/providers/upstream_provider.hpp"

#include <gtest/gtest.h>

#include "counting_provider.hpp"
#include "support/loop.hpp"
#include "support/scripted_upstream.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Act;
using test::ScriptedUpstream;

class Upstream : public ::testing::Test {
 protected:
  void SetUp() override {
    options.url = upstream.url() + "/v1";
    options.backoff_base = 2ms;
    options.backoff_cap = 10ms;
    options.timeout = 5s;
  }
  void TearDown() override { test::run_on(io, upstream.close()); }

  Result<ProviderAnswer> embed(const std::vector<Input>& inputs, std::uint32_t dimensions = 0,
                               Clock::duration allowed = 10s) {
    if (!provider) provider = std::make_unique<UpstreamProvider>(io.get_executor(), options);
    std::vector<const Input*> pointers;
    for (const auto& input : inputs) pointers.push_back(&input);
    const ModelChoice choice{"some-model", dimensions};
    return test::run_on(io, provider->embed(choice, std::move(pointers), Clock::now() + allowed));
  }
  static void expect_right(const Result<ProviderAnswer>& answer, const std::vector<Input>& inputs,
                           std::uint32_t dimensions = 0) {
    ASSERT_TRUE(answer) << answer.error().to_string();
    ASSERT_EQ(answer->vectors.size(), inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(answer->vectors[i], vector_of(inputs[i], dimensions));
  }
  /// The first request is answered as `first`, all others well.
  void first_then_well(Act first) {
    upstream.act = [first](std::size_t request) { return request == 0 ? first : Act::answer; };
  }

  const std::vector<Input> three{"one", "two", "three"};
  asio::io_context io{1};
  ScriptedUpstream upstream{io, vector_of_json};
  UpstreamOptions options;
  std::unique_ptr<UpstreamProvider> provider;
};

TEST_F(Upstream, IsAskedInTheShapeOfTheApi) {
  options.api_key = "sk-test";
  expect_right(embed(three, 16), three, 16);
  ASSERT_EQ(upstream.requests.size(), 1u);
  EXPECT_EQ(boost::json::serialize(upstream.requests[0]),
            R"({"model":"some-model","input":["one","two","three"],"encoding_format":"float","dimensions":16})");
  EXPECT_TRUE(upstream.heads[0].starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
  EXPECT_NE(upstream.heads[0].find("Authorization: Bearer sk-test\r\n"), std::string::npos);
}

TEST_F(Upstream, IsAskedThroughTheProxyOfTheEnvironment) {
  ::setenv("http_proxy", upstream.url().c_str(), 1);
  options.url = "http://models.invalid/v1";
  const auto answer = embed(three);
  ::unsetenv("http_proxy");
  expect_right(answer, three);
  EXPECT_TRUE(upstream.heads[0].starts_with("POST http://models.invalid/v1/embeddings HTTP/1.1\r\n"));
}

TEST_F(Upstream, SpeaksOllamasOwnApi) {
  options.url = upstream.url();
  options.api = UpstreamApi::ollama;
  expect_right(embed(three, 16), three, 16);
  EXPECT_TRUE(upstream.heads[0].starts_with("POST /api/embed HTTP/1.1\r\n"));
  EXPECT_EQ(provider->limits("some-model").inputs, 64u);
}

TEST_F(Upstream, SpeaksTeisOwnApi) {
  options.url = upstream.url();
  options.api = UpstreamApi::tei;
  const auto answer = embed(three);
  expect_right(answer, three);
  EXPECT_EQ(answer->tokens, 21u);
  EXPECT_TRUE(upstream.heads[0].starts_with("POST /embed HTTP/1.1\r\n"));
}

TEST_F(Upstream, NativeAnswersThatAreNotWholeAreTriedAgain) {
  options.url = upstream.url();
  for (const auto api : {UpstreamApi::ollama, UpstreamApi::tei}) {
    options.api = api;
    provider.reset();
    for (const Act act : {Act::drop_one, Act::double_one, Act::null_number, Act::huge_number, Act::short_vector,
                          Act::no_json, Act::cut_body, Act::fail}) {
      upstream.requests.clear();
      first_then_well(act);
      expect_right(embed(three), three);
      EXPECT_EQ(upstream.requests.size(), 2u) << "act " << static_cast<int>(act);
    }
  }
}

TEST_F(Upstream, WhenItAsksToBeLeftAloneAllItsCallersWait) {
  upstream.retry_after = "retry-after-ms: 150";
  first_then_well(Act::rate_limit);
  provider = std::make_unique<UpstreamProvider>(io.get_executor(), options);
  Gate gate(io.get_executor());
  const auto call = [](UpstreamProvider& to, const std::vector<Input>& some) -> asio::awaitable<void> {
    std::vector<const Input*> pointers{&some[0]};
    const ModelChoice choice{"some-model", 0, {}};
    const auto answer = co_await to.embed(choice, std::move(pointers), Clock::now() + 10s);
    EXPECT_TRUE(answer);
  };
  gate.spawn("first", call(*provider, three));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return upstream.requests.size() == 1; })));
  const auto start = Clock::now();
  gate.spawn("second", call(*provider, three));
  test::run_on(io, gate.wait_until_empty());
  EXPECT_GE(Clock::now() - start, 100ms);
  EXPECT_EQ(upstream.requests.size(), 3u);
}

TEST_F(Upstream, IsSentTokenArraysAsTheyAre) {
  const std::vector<Input> tokens{Tokens{1, 2, 3}, Tokens{100'000}};
  expect_right(embed(tokens), tokens);
  EXPECT_EQ(boost::json::serialize(upstream.requests[0].at("input")), "[[1,2,3],[100000]]");
}

TEST_F(Upstream, ConnectionsAreKeptBetweenRequests) {
  for (int i = 0; i < 5; ++i) expect_right(embed(three), three);
  EXPECT_EQ(upstream.connections, 1u);
}

TEST_F(Upstream, AnswersInAnyOrderAreMatchedByIndex) {
  upstream.act = [](std::size_t) { return Act::shuffle; };
  for (int i = 0; i < 10; ++i) expect_right(embed(three), three);
}

TEST_F(Upstream, Base64IsReadAsWell) {
  upstream.act = [](std::size_t) { return Act::base64; };
  expect_right(embed(three), three);
}

TEST_F(Upstream, TokensAreCountedAsItCountsThem) {
  const auto answer = embed(three);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->tokens, 21u);
}

TEST_F(Upstream, WhatFailsOnceIsTriedAgain) {
  for (const Act act :
       {Act::fail, Act::rate_limit, Act::close_connection, Act::cut_body, Act::drop_one, Act::double_one,
        Act::index_beyond, Act::null_number, Act::huge_number, Act::short_vector, Act::no_json}) {
    upstream.requests.clear();
    first_then_well(act);
    expect_right(embed(three), three);
    EXPECT_EQ(upstream.requests.size(), 2u) << "act " << static_cast<int>(act);
  }
}

TEST_F(Upstream, AnswersThatAreNotWholeAreNeverPassedOn) {
  options.max_attempts = 2;
  for (const Act act : {Act::drop_one, Act::double_one, Act::index_beyond, Act::null_number, Act::huge_number,
                        Act::short_vector, Act::no_json}) {
    upstream.act = [act](std::size_t) { return act; };
    const auto answer = embed(three);
    ASSERT_FALSE(answer) << "act " << static_cast<int>(act);
    EXPECT_EQ(answer.error().kind(), ErrorKind::upstream);
    EXPECT_EQ(answer.error().code(), "upstream_bad_answer");
  }
}

TEST_F(Upstream, AnotherLengthThanAskedForIsNoAnswer) {
  options.max_attempts = 1;
  upstream.act = [](std::size_t) { return Act::short_vector; };
  EXPECT_FALSE(embed({"one"}, 16));
}

TEST_F(Upstream, RetryAfterMsIsWaitedFor) {
  upstream.retry_after = "retry-after-ms: 120";
  first_then_well(Act::rate_limit);
  const auto start = Clock::now();
  expect_right(embed(three), three);
  EXPECT_GE(Clock::now() - start, 120ms);
}

TEST_F(Upstream, ARetryBeyondTheDeadlineIsLeftToTheCaller) {
  upstream.retry_after = "Retry-After: 30";
  upstream.act = [](std::size_t) { return Act::rate_limit; };
  const auto start = Clock::now();
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_LT(Clock::now() - start, 5s);
  EXPECT_EQ(answer.error().code(), "upstream_rate_limited");
  EXPECT_EQ(answer.error().retry_after(), 30'000ms);
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(Upstream, WrongCredentialsAreNotTriedAgainNorRepeated) {
  options.api_key = "sk-secret";
  upstream.act = [](std::size_t) { return Act::unauthorized; };
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "upstream_unauthorized");
  EXPECT_EQ(answer.error().to_string().find("sk-secret"), std::string::npos);
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(Upstream, ARefusalIsTheCallersAndSaysWhy) {
  upstream.act = [](std::size_t) { return Act::refuse; };
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::invalid_argument);
  EXPECT_NE(answer.error().message().find("maximum context length"), std::string::npos);
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(Upstream, AttemptsAreBounded) {
  upstream.act = [](std::size_t) { return Act::fail; };
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "upstream_failed");
  EXPECT_EQ(upstream.requests.size(), 4u);
}

TEST_F(Upstream, AStallEndsAtTheTimeoutAndIsTriedAgain) {
  options.timeout = 60ms;
  first_then_well(Act::stall);
  expect_right(embed(three), three);
  EXPECT_EQ(upstream.requests.size(), 2u);
}

TEST_F(Upstream, AStallNeverLastsBeyondTheDeadline) {
  upstream.act = [](std::size_t) { return Act::stall; };
  const auto start = Clock::now();
  const auto answer = embed(three, 0, 80ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "upstream_timeout");
  EXPECT_LT(Clock::now() - start, 3s);
}

TEST_F(Upstream, NobodyListeningIsAnErrorThatSaysSo) {
  options.url = "http://127.0.0.1:1/v1";
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(answer.error().code(), "upstream_unreachable");
}

TEST_F(Upstream, AnAnswerLargerThanTheBoundIsCutOff) {
  options.max_answer_bytes = 100;
  const auto answer = embed(three);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "upstream_answer_too_large");
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(Upstream, ACancelledRequestEndsAtOnceAndOthersGoOn) {
  upstream.act = [](std::size_t request) { return request == 0 ? Act::stall : Act::answer; };
  provider = std::make_unique<UpstreamProvider>(io.get_executor(), options);
  Gate gate(io.get_executor());
  const auto call = [](UpstreamProvider& to, const std::vector<Input>& some) -> asio::awaitable<void> {
    std::vector<const Input*> pointers{&some[0]};
    const ModelChoice choice{"some-model", 0};
    co_await to.embed(choice, std::move(pointers), Clock::now() + 10s);
  };
  gate.spawn("cancelled", call(*provider, three));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return upstream.requests.size() == 1; })));
  test::run_on(io, gate.close());
  expect_right(embed(three), three);
}

TEST_F(Upstream, ManyRequestsAtOnceKeepToTheBoundOfConnections) {
  options.max_connections = 3;
  provider = std::make_unique<UpstreamProvider>(io.get_executor(), options);
  Gate gate(io.get_executor());
  std::size_t good = 0;
  const auto call = [](UpstreamProvider& to, Input input, std::size_t& count) -> asio::awaitable<void> {
    std::vector<const Input*> pointers{&input};
    const ModelChoice choice{"some-model", 0};
    const auto answer = co_await to.embed(choice, std::move(pointers), Clock::now() + 10s);
    count += answer && answer->vectors[0] == vector_of(input);
  };
  for (int i = 0; i < 40; ++i) gate.spawn("request", call(*provider, "input " + std::to_string(i), good));
  test::run_on(io, gate.wait_until_empty());
  EXPECT_EQ(good, 40u);
  EXPECT_LE(upstream.connections, 3u);
}

TEST_F(Upstream, WhateverItDoesEveryAnswerIsRightOrAnError) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  upstream.random.seed(seed);
  options.timeout = 40ms;
  options.max_attempts = 3;
  upstream.retry_after = "retry-after-ms: 3";
  upstream.act = [this](std::size_t) {
    return static_cast<Act>(upstream.random() % (static_cast<int>(Act::refuse) + 1));
  };
  std::size_t good = 0;
  for (int i = 0; i < 150 || (good == 0 && i < 100'000); ++i) {
    std::vector<Input> some;
    for (std::uint64_t n = upstream.random() % 6 + 1; n > 0; --n)
      some.emplace_back("text " + std::to_string(upstream.random() % 50));
    const auto answer = embed(some, kTestDimensions);  // without, a lone short vector looks like any other
    if (!answer) continue;
    ++good;
    expect_right(answer, some);
  }
  EXPECT_GT(good, 0u);
}

}  // namespace
}  // namespace inkwell::embeddings
