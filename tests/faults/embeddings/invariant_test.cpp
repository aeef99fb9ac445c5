// The invariant of embeddings, under every fault at once and from one seed: output i is the vector of input i, or there
// is an error. Two processes (each with its own hot tier, flights and link) share a Redis and two upstreams that
// shuffle, truncate, duplicate, stall, drop and refuse; Redis is killed, paused and cut off in the middle of reads;
// damaged and foreign values are planted in it, keys are deleted, the hot tiers are far too small. INKWELL_SEED repeats
// a run.
#include <gtest/gtest.h>
#include <random>

#include "../../integration/embeddings/worker_rig.hpp"
#include "embeddings/providers/fallback_provider.hpp"
#include "embeddings/value.hpp"
#include "support/scripted_upstream.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using test::Act;
using test::ScriptedUpstream;

constexpr int kTexts = 80;
constexpr std::uint32_t kLength = 24;  // asked for, so that a short vector is known for one

std::uint64_t seed() {
  const char* const given = std::getenv("INKWELL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

struct Process {
  Process(asio::io_context& io, const RedisServer& server, const Options& options)
      : shared(options.hot),
        rig(io, server, shared, options,
            one(std::make_unique<FallbackProvider>(io.get_executor(), options.upstreams))) {}
  Shared shared;
  WorkerRig rig;
};

class EmbeddingInvariant : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto from = seed();
    RecordProperty("seed", std::to_string(from));
    trace.emplace(__FILE__, __LINE__, "INKWELL_SEED=" + std::to_string(from));
    random.seed(from);
    first.random.seed(from + 1);
    second.random.seed(from + 2);
    Options options = small_options();
    options.hot.max_bytes = 6000;  // some twenty vectors
    options.redis_read_timeout = 40ms;
    options.redis_write_timeout = 200ms;
    options.lease = 300ms;
    options.untracked_ttl = 50ms;
    options.deadline = 4s;
    for (const auto* upstream : {&first, &second}) {
      UpstreamOptions to;
      to.url = upstream->url() + "/v1";
      to.timeout = 60ms;
      to.backoff_base = 1ms;
      to.backoff_cap = 4ms;
      to.batch_size = 8;
      to.breaker = {.failures = 5, .open_for = 10ms, .open_cap = 20ms};
      options.upstreams.push_back(to);
    }
    for (auto& process : processes) process = std::make_unique<Process>(io, server, options);
    for (auto& process : processes) ASSERT_TRUE(test::run_on(io, process->rig.connected()));
    first.retry_after = second.retry_after = "retry-after-ms: 3";
  }
  void TearDown() override {
    ASSERT_TRUE(eventually([&] { return flights() == 0; })) << "a flight was left behind";
    for (auto& process : processes) {
      EXPECT_EQ(process->shared.hot.find_inconsistency(), "");
      EXPECT_EQ(process->rig.embeddings.stats().in_flight, 0u);
      test::run_on(io, process->rig.close());
    }
    test::run_on(io, first.close());
    test::run_on(io, second.close());
    expect_lifetimes();
  }
  bool eventually(std::function<bool()> condition) { return test::run_on(io, test::eventually(std::move(condition))); }
  std::size_t flights() const { return processes[0]->shared.flights.size() + processes[1]->shared.flights.size(); }
  std::size_t below(std::size_t bound) { return random() % bound; }
  std::string some_text() { return "text " + std::to_string(below(kTexts)); }

  void expect_lifetimes() const {
    const auto beyond =
        server.cli({"EVAL",
                    "local n=0 for _,k in ipairs(redis.call('KEYS','*')) do local t=redis.call('PTTL',k) "
                    "if t<0 or t>2592000000*1.05 then n=n+1 end end return n",
                    "0"});
    EXPECT_EQ(beyond, "0") << "keys without a lifetime, or with one beyond their policy";
  }

  asio::awaitable<void> caller(Embeddings& embeddings, int calls) {
    for (int i = 0; i < calls; ++i) {
      std::vector<Input> inputs;
      for (std::size_t n = below(12) + 1; n > 0; --n) inputs.emplace_back(some_text());
      const ModelChoice choice{"some-model", kLength, {}};
      CacheControl control;
      if (faulty && below(20) == 0) control.mode = CacheControl::Mode::refresh;
      if (faulty && below(20) == 0) control.mode = CacheControl::Mode::bypass;
      if (faulty && below(10) == 0) control.ttl = std::chrono::seconds(1 + below(100));
      const auto answer = co_await embeddings.embed(choice, inputs, control);
      if (answer) {
        ++answered;
        expect_right(*answer, inputs, kLength);
      } else {
        ++failed;
        last_failure = answer.error().to_string();
      }
    }
  }

  std::string key_of(const std::string& text) const {
    Digester digest;
    return processes[0]->rig.store.keys().embedding("some-model", kLength, hex(digest.text(text))).str();
  }
  Digest256 hot_key_of(const std::string& text) const {
    Digester digest;
    return hot_key(digest.text(text), digest.choice({"some-model", kLength, {}}));
  }

  /// Plants what must never be served, and deletes what may be.
  asio::awaitable<void> vandal() {
    asio::steady_timer timer(io);
    while (!over) {
      const std::string text = some_text();
      const std::string other = some_text();
      auto value = encode_value(hot_key_of(other), vector_of(Input(other), kLength), {in(1min)});
      if (below(2) == 0) value[below(value.size())] ^= static_cast<char>(1 << below(8));
      if (below(8) == 0) value.resize(below(value.size()));
      redis::Request request("DEL", key_of(text));
      if (text != other && below(4) != 0) request = redis::Request("SET", key_of(text), value, "PX", 60'000);
      redis::CallOptions call;
      call.timeout = 50ms;
      co_await processes[below(2)]->rig.client.execute(std::move(request), call);
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  /// Redis dies, hangs and hangs up.
  asio::awaitable<void> reaper() {
    asio::steady_timer timer(io);
    const auto pause = [&]() -> asio::awaitable<void> {
      timer.expires_after(std::chrono::milliseconds(5 + below(40)));
      co_await timer.async_wait(asio::use_awaitable);
    };
    while (!over) {
      co_await pause();
      switch (below(3)) {
        case 0:
          server.kill();
          co_await pause();
          server.start();
          break;
        case 1:
          server.pause();
          co_await pause();
          server.resume();
          break;
        default:
          server.cli({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      }
    }
  }

  asio::awaitable<void> leavers(Gate& gate) {
    asio::steady_timer timer(io);
    while (!over) {
      gate.spawn("leaver", caller(processes[below(2)]->rig.embeddings, 10));
      timer.expires_after(std::chrono::milliseconds(1 + below(10)));
      co_await timer.async_wait(asio::use_awaitable);
      gate.cancel();
    }
  }

  /// Well or not, by the upstream's own dice.
  static Act roll(ScriptedUpstream& upstream, unsigned faults_in_ten) {
    const auto dice = upstream.random();
    if (dice % 10 < faults_in_ten) return test::kFaultyActs[dice / 10 % test::kFaultyActs.size()];
    return test::kRightActs[dice / 10 % test::kRightActs.size()];
  }

  asio::io_context io{1};
  RedisServer server;
  ScriptedUpstream first{io, vector_of_json};
  ScriptedUpstream second{io, vector_of_json};
  std::array<std::unique_ptr<Process>, 2> processes;
  std::mt19937_64 random;
  std::optional<testing::ScopedTrace> trace;
  bool faulty = true;
  bool over = false;
  std::size_t answered = 0;
  std::size_t failed = 0;
  std::string last_failure;
};

TEST_F(EmbeddingInvariant, EveryOutputIsItsOwnInputsVectorUnderEveryFaultAtOnce) {
  first.act = [this](std::size_t) { return roll(first, 4); };
  second.act = [this](std::size_t) { return roll(second, 2); };
  Gate callers(io.get_executor());
  Gate trouble(io.get_executor());
  Gate leaving(io.get_executor());
  for (std::size_t i = 0; i < 8; ++i) callers.spawn("caller", caller(processes[i % 2]->rig.embeddings, 50));
  trouble.spawn("vandal", vandal());
  trouble.spawn("reaper", reaper());
  trouble.spawn("leavers", leavers(leaving));
  test::run_on(io, callers.wait_until_empty(), 120s);
  over = true;
  test::run_on(io, trouble.wait_until_empty());
  test::run_on(io, leaving.close());

  EXPECT_GT(answered, 300u) << "of " << answered + failed << "; the last failure: " << last_failure;
  const auto& stats = processes[0]->rig.embeddings.stats();
  EXPECT_GT(stats.flushes, 0u);
  EXPECT_GT(stats.redis_reads_failed, 0u);
  EXPECT_GT(processes[0]->shared.hot.stats().evicted, 0u);
}

TEST_F(EmbeddingInvariant, DamagedValuesAreNeverServedWhateverElseIsWell) {
  Gate callers(io.get_executor());
  Gate trouble(io.get_executor());
  for (std::size_t i = 0; i < 6; ++i) callers.spawn("caller", caller(processes[i % 2]->rig.embeddings, 60));
  trouble.spawn("vandal", vandal());
  test::run_on(io, callers.wait_until_empty(), 60s);
  over = true;
  test::run_on(io, trouble.wait_until_empty());
  EXPECT_EQ(failed, 0u) << last_failure;
  EXPECT_EQ(answered, 360u);
  EXPECT_GT(processes[0]->rig.embeddings.stats().damaged + processes[1]->rig.embeddings.stats().damaged, 0u);
}

TEST_F(EmbeddingInvariant, WithoutFaultsEachDistinctInputIsComputedOnceByAllProcessesTogether) {
  faulty = false;
  first.act = [](std::size_t number) { return number % 2 == 0 ? Act::slow : Act::shuffle; };
  Gate callers(io.get_executor());
  for (std::size_t i = 0; i < 10; ++i) callers.spawn("caller", caller(processes[i % 2]->rig.embeddings, 40));
  test::run_on(io, callers.wait_until_empty(), 60s);
  EXPECT_EQ(failed, 0u) << last_failure;
  EXPECT_EQ(answered, 400u);
  EXPECT_EQ(second.requests.size(), 0u);
  EXPECT_EQ(first.inputs, first.computed.size());
  for (const auto& [text, times] : first.computed) EXPECT_EQ(times, 1) << text;
}

}  // namespace
}  // namespace inkwell::embeddings
