// One worker's Embeddings over a real redis-server, on a loop of the test's own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "counting_provider.hpp"
#include "embeddings/embeddings.hpp"
#include "support/loop.hpp"
#include "support/redis_server.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using test::RedisServer;

inline Options small_options() {
  Options options;
  options.hot = {.max_bytes = 1u << 20, .shards = 1};
  options.deadline = std::chrono::seconds(15);
  return options;
}

inline std::vector<std::unique_ptr<Provider>> one(std::unique_ptr<Provider> provider) {
  std::vector<std::unique_ptr<Provider>> providers;
  providers.push_back(std::move(provider));
  return providers;
}

/// Closed by close(), on the loop, before it goes.
struct WorkerRig {
  WorkerRig(asio::io_context& io, const RedisServer& server, Shared& shared, Options options,
            std::vector<std::unique_ptr<Provider>> providers)
      : client(io.get_executor(), redis_options(server)),
        store(client, keyspace::Keys("default")),
        embeddings(io.get_executor(), store, shared, std::move(options), std::move(providers)) {}

  static redis::Options redis_options(const RedisServer& server) {
    redis::Options options;
    options.endpoint = server.endpoint();
    options.backoff_cap = std::chrono::milliseconds(50);
    options.tracking.mode = redis::Tracking::Mode::opted;
    return options;
  }
  asio::awaitable<void> close() {
    co_await embeddings.close();
    co_await client.close();
  }
  asio::awaitable<bool> connected() {
    return test::eventually([this] { return client.connected(); });
  }

  redis::Client client;
  keyspace::Store store;
  Embeddings embeddings;
};

inline std::chrono::sys_seconds in(std::chrono::seconds time) {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + time;
}

/// No braced list: GCC 12 miscompiles those inside coroutines.
template <class... Texts>
std::vector<Input> texts(const Texts&... some) {
  std::vector<Input> inputs;
  (inputs.emplace_back(std::string(some)), ...);
  return inputs;
}

/// Every vector is its own input's.
inline void expect_right(const Answer& answer, const std::vector<Input>& inputs, std::uint32_t dimensions = 0) {
  ASSERT_EQ(answer.vectors.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto expected = vector_of(inputs[i], dimensions);
    EXPECT_TRUE(std::ranges::equal(answer.vectors[i].as<float>(), expected)) << "input " << i;
  }
  EXPECT_EQ(answer.hot + answer.redis + answer.missed, inputs.size());
}

/// A test with one worker, a redis-server and a scripted provider, checked when it is over.
class EmbeddingService : public ::testing::Test {
 protected:
  void SetUp() override { start(small_options()); }
  void TearDown() override {
    EXPECT_EQ(shared->flights.size(), 0u) << "a flight was left behind";
    EXPECT_EQ(shared->hot.find_inconsistency(), "");
    EXPECT_EQ(worker->embeddings.stats().in_flight, 0u);
    stop();
    if (server.pid() > 0) expect_every_key_expires();
  }
  void start(Options options) {
    if (worker) stop();
    shared = std::make_unique<Shared>(options.hot);
    worker = make_worker(options);
    ASSERT_TRUE(test::run_on(io, worker->connected()));
  }
  std::unique_ptr<WorkerRig> make_worker(Options options) {
    return std::make_unique<WorkerRig>(io, server, *shared, options, one(std::make_unique<CountingProvider>(script)));
  }
  void stop() { test::run_on(io, worker->close()); }

  Result<Answer> embed(std::vector<Input> inputs, std::uint32_t dimensions = 0, CacheControl control = {}) {
    ModelChoice choice{"test-model", dimensions};
    auto result = test::run_on(io, worker->embeddings.embed(choice, std::move(inputs), control));
    test::run_on(io, idle());
    return result;
  }
  /// Waits until what goes on behind the callers' backs (writes to Redis) is over.
  asio::awaitable<void> idle() {
    co_await test::eventually([this] { return shared->flights.size() == 0 && worker->client.stats().pending == 0; });
  }
  std::string key_of(const std::string& text, std::uint32_t dimensions = 0) {
    Digester digest;
    return worker->store.keys().embedding("test-model", dimensions, hex(digest.text(text))).str();
  }
  Digest256 hot_key_of(const std::string& text, std::uint32_t dimensions = 0) {
    Digester digest;
    const ModelChoice choice{"test-model", dimensions};
    return hot_key(digest.text(text), digest.choice(choice));
  }
  /// SET with arbitrary bytes; redis-cli cannot take a NUL.
  void plant(const std::string& key, const std::string& value) {
    redis::Request request("SET", key, value, "PX", 3'600'000);
    const auto reply = test::run_on(io, worker->client.execute(std::move(request)));
    ASSERT_TRUE(reply) << reply.error().to_string();
  }
  void expect_every_key_expires() const {
    const auto immortal = server.cli(
        {"EVAL",
         "local n=0 for _,k in ipairs(redis.call('KEYS','*')) do if redis.call('PTTL',k)<0 then n=n+1 end end return n",
         "0"});
    EXPECT_EQ(immortal, "0") << "keys without a lifetime";
  }

  asio::io_context io{1};
  RedisServer server;
  ProviderScript script;
  std::unique_ptr<Shared> shared;
  std::unique_ptr<WorkerRig> worker;
};

}  // namespace inkwell::embeddings
