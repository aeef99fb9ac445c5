// Two processes on one Redis - two hot tiers, two tables of flights, two links: leases and coherence.
#include <gtest/gtest.h>

#include "embeddings/value.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

class TwoProcesses : public EmbeddingService {
 protected:
  void SetUp() override { begin(small_options()); }
  void begin(const Options& options) {
    start(options);
    other_shared = std::make_unique<Shared>(options.hot);
    other = std::make_unique<WorkerRig>(io, server, *other_shared, options,
                                        one(std::make_unique<CountingProvider>(other_script)));
    ASSERT_TRUE(test::run_on(io, other->connected()));
  }
  void TearDown() override {
    ASSERT_TRUE(eventually([&] { return other_shared->flights.size() == 0; }));
    EXPECT_EQ(other_shared->hot.find_inconsistency(), "");
    test::run_on(io, other->close());
    EmbeddingService::TearDown();
  }
  bool eventually(std::function<bool()> condition) { return test::run_on(io, test::eventually(std::move(condition))); }
  Result<Answer> there(std::vector<Input> inputs, CacheControl control = {}) {
    const ModelChoice choice{"test-model", 0};
    auto answer = test::run_on(io, other->embeddings.embed(choice, std::move(inputs), control));
    EXPECT_TRUE(eventually([&] { return other_shared->flights.size() == 0 && other->client.stats().pending == 0; }));
    return answer;
  }
  bool hot_here(const std::string& text) { return shared->hot.contains(hot_key_of(text), HotCache::Clock::now()); }
  bool hot_there(const std::string& text) {
    return other_shared->hot.contains(hot_key_of(text), HotCache::Clock::now());
  }
  struct Caller {
    std::vector<Input> inputs;
    std::optional<Result<Answer>> answer;
  };
  static asio::awaitable<void> call(Embeddings& embeddings, Caller& caller) {
    const ModelChoice choice{"test-model", 0};
    auto answer = co_await embeddings.embed(choice, caller.inputs);
    caller.answer.emplace(std::move(answer));
  }

  ProviderScript other_script;
  std::unique_ptr<Shared> other_shared;
  std::unique_ptr<WorkerRig> other;
};

TEST_F(TwoProcesses, WhatOneIsComputingTheOtherWaitsFor) {
  script.stalled = true;
  Caller here{texts("a", "b"), {}};
  Caller waiting{texts("b", "c"), {}};
  Gate gate(io.get_executor());
  gate.spawn("here", call(worker->embeddings, here));
  ASSERT_TRUE(eventually([&] { return script.calls == 1; }));
  gate.spawn("there", call(other->embeddings, waiting));
  ASSERT_TRUE(eventually([&] { return other->embeddings.stats().lease_waits == 1; }));
  ASSERT_TRUE(eventually([&] { return other_script.computed.contains("c"); })) << "its own part is not held up";
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  test::run_on(io, idle());

  expect_right(**here.answer, here.inputs);
  expect_right(**waiting.answer, waiting.inputs);
  EXPECT_EQ((*waiting.answer)->redis, 1u);
  EXPECT_EQ(other_script.computed, (std::map<std::string, int>{{"c", 1}}));
  ASSERT_TRUE(eventually([&] { return server.cli({"DBSIZE"}) == "3"; })) << "all leases were given back";
}

TEST_F(TwoProcesses, WhenOneFailsTheOtherComputesAtOnce) {
  script.stalled = true;
  script.failure = [](const auto&) { return Error(ErrorKind::upstream, "upstream_failed", "It failed."); };
  Caller here{texts("a"), {}};
  Caller waiting{texts("a"), {}};
  Gate gate(io.get_executor());
  gate.spawn("here", call(worker->embeddings, here));
  ASSERT_TRUE(eventually([&] { return script.calls == 1; }));
  gate.spawn("there", call(other->embeddings, waiting));
  ASSERT_TRUE(eventually([&] { return other->embeddings.stats().lease_waits == 1; }));
  const auto start = std::chrono::steady_clock::now();
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s) << "not only when the lease has expired";
  EXPECT_FALSE(*here.answer);
  ASSERT_TRUE(*waiting.answer);
  expect_right(**waiting.answer, texts("a"));
}

TEST_F(TwoProcesses, WhenOneStopsTheOtherComputesAtOnce) {
  script.stalled = true;
  Caller here{texts("a"), {}};
  Caller waiting{texts("a"), {}};
  Gate leaver(io.get_executor());
  Gate gate(io.get_executor());
  const auto stopping = make_worker(small_options());
  ASSERT_TRUE(test::run_on(io, stopping->connected()));
  leaver.spawn("here", call(stopping->embeddings, here));
  ASSERT_TRUE(eventually([&] { return script.calls == 1; }));
  gate.spawn("there", call(other->embeddings, waiting));
  ASSERT_TRUE(eventually([&] { return other->embeddings.stats().lease_waits == 1; }));
  const auto start = std::chrono::steady_clock::now();
  test::run_on(io, leaver.close());
  test::run_on(io, stopping->close());
  test::run_on(io, gate.wait_until_empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
  ASSERT_TRUE(*waiting.answer);
  expect_right(**waiting.answer, texts("a"));
}

TEST_F(TwoProcesses, NobodyIsWaitedForBeyondTheBound) {
  auto options = small_options();
  options.lease = 60ms;
  TearDown();
  begin(options);
  script.stalled = true;
  Caller here{texts("a"), {}};
  Gate gate(io.get_executor());
  gate.spawn("here", call(worker->embeddings, here));
  ASSERT_TRUE(eventually([&] { return script.calls == 1; }));
  const auto start = std::chrono::steady_clock::now();
  const auto answer = there(texts("a"));
  ASSERT_TRUE(answer);
  expect_right(*answer, texts("a"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 60ms);
  EXPECT_EQ(other_script.calls, 1u);
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  test::run_on(io, idle());
}

TEST_F(TwoProcesses, NobodyIsWaitedForWhenRedisGoesAway) {
  script.stalled = true;
  Caller here{texts("a"), {}};
  Caller waiting{texts("a"), {}};
  Gate gate(io.get_executor());
  gate.spawn("here", call(worker->embeddings, here));
  ASSERT_TRUE(eventually([&] { return script.calls == 1; }));
  gate.spawn("there", call(other->embeddings, waiting));
  ASSERT_TRUE(eventually([&] { return other->embeddings.stats().lease_waits == 1; }));
  server.kill();
  ASSERT_TRUE(eventually([&] { return waiting.answer.has_value(); }));
  ASSERT_TRUE(*waiting.answer);
  expect_right(**waiting.answer, texts("a"));
  script.stalled = false;
  test::run_on(io, gate.wait_until_empty());
  ASSERT_TRUE(eventually([&] { return shared->flights.size() == 0; }));
}

// ---- Coherence ----

TEST_F(TwoProcesses, WhatTheOtherReplacesGoesFromTheHotTier) {
  ASSERT_TRUE(embed(texts("a", "b")));
  ASSERT_EQ(there(texts("a"))->redis, 1u);
  ASSERT_TRUE(hot_here("a") && hot_there("a"));
  ASSERT_TRUE(there(texts("a"), {.mode = CacheControl::Mode::refresh, .ttl = {}}));
  EXPECT_TRUE(eventually([&] { return !hot_here("a"); }));
  EXPECT_TRUE(hot_there("a")) << "a write of one's own drops nothing";
  EXPECT_TRUE(hot_here("b"));
  EXPECT_EQ(worker->embeddings.stats().invalidated, 1u);
}

TEST_F(TwoProcesses, WhatIsDeletedOrExpiresInRedisGoesFromTheHotTier) {
  ASSERT_TRUE(embed(texts("a", "b", "c")));
  ASSERT_TRUE(hot_here("a") && hot_here("b") && hot_here("c"));
  server.cli({"DEL", key_of("a")});
  server.cli({"PEXPIRE", key_of("b"), "1"});
  EXPECT_TRUE(eventually([&] { return !hot_here("a") && !hot_here("b"); }));
  EXPECT_TRUE(hot_here("c"));
  ASSERT_EQ(embed(texts("a"))->missed, 1u);
  server.cli({"FLUSHALL"});
  EXPECT_TRUE(eventually([&] { return !hot_here("a") && !hot_here("c"); }));
}

TEST_F(TwoProcesses, ALostConnectionEmptiesTheHotTier) {
  ASSERT_TRUE(embed(texts("a")));
  ASSERT_TRUE(hot_here("a"));
  server.cli({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_TRUE(eventually([&] { return !hot_here("a"); }));
  EXPECT_GT(worker->embeddings.stats().flushes, 0u);
  ASSERT_TRUE(test::run_on(io, worker->connected()));
  EXPECT_EQ(embed(texts("a"))->redis, 1u);
}

TEST_F(TwoProcesses, WhatRedisWillNotTellOfStaysForAMomentOnly) {
  auto options = small_options();
  options.untracked_ttl = 30ms;
  TearDown();
  begin(options);
  server.kill();
  ASSERT_TRUE(eventually([&] { return !worker->client.connected(); }));
  const ModelChoice choice{"test-model", 0};
  ASSERT_TRUE(test::run_on(io, worker->embeddings.embed(choice, texts("a"))));
  EXPECT_TRUE(eventually([&] { return !hot_here("a"); }));
}

}  // namespace
}  // namespace inkwell::embeddings
