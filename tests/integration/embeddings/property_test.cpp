// Output i is always the embedding of input i: random overlapping batches from several callers on two workers, over a
// provider that computes a vector from each input, while batches fail, values in Redis are damaged, vectors are evicted
// from a tiny hot tier and callers are cancelled.
#include <gtest/gtest.h>
#include <random>

#include "embeddings/value.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

std::uint64_t seed() {
  const char* const given = std::getenv("INKWELL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class EmbeddingProperty : public EmbeddingService {
 protected:
  void SetUp() override {
    auto options = small_options();
    options.hot.max_bytes = 3000;  // some twenty vectors
    start(options);
    second = make_worker(options);
    ASSERT_TRUE(test::run_on(io, second->connected()));
    script.delay = std::chrono::milliseconds(1);
  }
  void TearDown() override {
    test::run_on(io, second->close());
    EmbeddingService::TearDown();
  }

  std::vector<Input> some_inputs() {
    std::vector<Input> inputs;
    for (std::uint64_t n = random() % 12 + 1; n > 0; --n) inputs.emplace_back("text " + std::to_string(random() % 60));
    return inputs;
  }

  asio::awaitable<void> caller(Embeddings& embeddings, int calls) {
    for (int i = 0; i < calls; ++i) {
      const auto inputs = some_inputs();
      const ModelChoice choice{"test-model", 0};
      const auto answer = co_await embeddings.embed(choice, inputs);
      if (answer) {
        ++answered;
        expect_right(*answer, inputs);
      } else {
        ++failed;
        EXPECT_TRUE(answer.error().code() == "upstream_failed" || answer.error().code() == "cancelled");
      }
    }
  }

  asio::awaitable<void> vandal(int times) {
    asio::steady_timer timer(io);
    for (int i = 0; i < times; ++i) {
      const std::string text = "text " + std::to_string(random() % 60);
      const std::string other = "text " + std::to_string(random() % 60);
      std::string value = encode_value(hot_key_of(other), vector_of(Input(other)), {in(std::chrono::minutes(1))});
      if (random() % 2 == 0) value[random() % value.size()] ^= 0x10;
      if (text != other || value[0] != 'I') {
        redis::Request request("SET", key_of(text), value, "PX", 60'000);
        co_await worker->client.execute(std::move(request));
      }
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  std::mt19937_64 random;
  std::unique_ptr<WorkerRig> second;
  std::size_t answered = 0;
  std::size_t failed = 0;
};

TEST_F(EmbeddingProperty, EveryOutputIsItsOwnInputsUnderEveryKindOfTrouble) {
  const auto from = seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(from));
  random.seed(from);
  script.failure = [this](const auto&) -> std::optional<Error> {
    if (random() % 10 != 0) return std::nullopt;
    return Error(ErrorKind::upstream, "upstream_failed", "It failed.");
  };
  Gate callers(io.get_executor());
  Gate leavers(io.get_executor());
  for (int i = 0; i < 6; ++i) callers.spawn("caller", caller(i % 2 ? second->embeddings : worker->embeddings, 60));
  callers.spawn("vandal", vandal(150));
  for (int i = 0; i < 4; ++i) leavers.spawn("leaver", caller(i % 2 ? second->embeddings : worker->embeddings, 1000));
  ASSERT_TRUE(test::run_on(io, test::eventually([&] { return answered > 100; })));
  test::run_on(io, leavers.close());
  test::run_on(io, callers.wait_until_empty());
  test::run_on(io, idle());

  EXPECT_GT(answered, 200u);
  EXPECT_GT(failed, 0u);
  EXPECT_GT(shared->hot.stats().evicted, 100u);
  EXPECT_GT(worker->embeddings.stats().damaged + second->embeddings.stats().damaged, 0u);
}

TEST_F(EmbeddingProperty, EachDistinctInputIsComputedOnceWhenNothingFails) {
  const auto from = seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(from));
  random.seed(from);
  Gate callers(io.get_executor());
  for (int i = 0; i < 8; ++i) callers.spawn("caller", caller(i % 2 ? second->embeddings : worker->embeddings, 40));
  test::run_on(io, callers.wait_until_empty());
  test::run_on(io, idle());

  EXPECT_EQ(answered, 320u);
  EXPECT_EQ(script.computed.size(), 60u);
  for (const auto& [text, times] : script.computed) EXPECT_EQ(times, 1) << text;
}

}  // namespace
}  // namespace inkwell::embeddings
