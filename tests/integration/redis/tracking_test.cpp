// Client-side caching against a real server: a reader with a near cache, and a writer that knows nothing of it.
#include <random>

#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

class TrackingTest : public LinkTest {
 protected:
  Options tracked(Tracking::Mode mode) const {
    Options options = this->options();
    options.tracking.mode = mode;
    if (mode == Tracking::Mode::prefixes) options.tracking.prefixes = {"k:"};
    return options;
  }
};

/// One test's parts, so that its coroutine takes one reference.
struct Scene {
  Scene(asio::io_context& io, const Options& reading, const Options& writing)
      : reader(io.get_executor(), reading), writer(io.get_executor(), writing), near(reader) {}
  Client reader;
  Client writer;
  NearStrings near;
};

asio::awaitable<void> close_both(Scene& scene) {
  co_await scene.reader.close();
  co_await scene.writer.close();
}

asio::awaitable<std::string> read(Scene& scene, std::string key) {
  auto value = co_await scene.near.get(std::move(key));
  EXPECT_TRUE(value) << value.error().message();
  if (!value || !(*value)->has_value()) co_return "(none)";
  co_return ***value;
}

/// Reads until a read is a hit: what the scene wrote before may still be told of, and drops what is read meanwhile.
asio::awaitable<std::string> warm(Scene& scene, std::string key) {
  for (;;) {
    const auto hits = scene.near.stats().hits;
    auto value = co_await read(scene, key);
    if (scene.near.stats().hits > hits) co_return value;
  }
}

asio::awaitable<void> change(Scene& scene, std::string key, std::string value) {
  const auto invalidated = scene.near.stats().invalidated;
  co_await scene.writer.command("SET", key, value);
  co_await must([&] { return scene.near.stats().invalidated > invalidated; }, "the change is told");
}

asio::awaitable<void> serves_from_memory_until_changed(Scene& scene) {
  co_await scene.writer.command("SET", "k:1", "old");
  EXPECT_EQ(co_await warm(scene, "k:1"), "old");
  const auto asked = scene.reader.stats().requests;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(co_await read(scene, "k:1"), "old");
  EXPECT_EQ(scene.reader.stats().requests, asked);
  co_await change(scene, "k:1", "new");
  EXPECT_EQ(co_await warm(scene, "k:1"), "new");

  // That a key does not exist is cached too, and told when it changes.
  EXPECT_EQ(co_await warm(scene, "k:none"), "(none)");
  co_await change(scene, "k:none", "here");
  EXPECT_EQ(co_await warm(scene, "k:none"), "here");

  const auto flushes = scene.near.stats().flushes;
  co_await scene.writer.command("FLUSHDB");
  co_await must([&] { return scene.near.stats().flushes > flushes; }, "the flush is told");
  EXPECT_EQ(co_await read(scene, "k:1"), "(none)");
  co_await close_both(scene);
}

TEST_F(TrackingTest, ANearCacheServesFromMemoryUntilTheServerTellsOfAChangeInEveryMode) {
  for (const auto mode : {Tracking::Mode::opted, Tracking::Mode::reads, Tracking::Mode::prefixes}) {
    Scene scene(io_, tracked(mode), options());
    run_on(io_, serves_from_memory_until_changed(scene));
    server_.cli({"FLUSHALL"});
  }
}

asio::awaitable<void> expires(Scene& scene) {
  co_await scene.writer.command("SET", "k:1", "brief", "PX", 60);
  const auto set_at = std::chrono::steady_clock::now();
  std::string seen = co_await read(scene, "k:1");
  while (seen == "brief") {
    EXPECT_LT(std::chrono::steady_clock::now() - set_at, 10s);
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(asio::use_awaitable);
    seen = co_await read(scene, "k:1");
  }
  EXPECT_EQ(seen, "(none)");
  EXPECT_GT(scene.near.stats().hits, 0u);
  co_await close_both(scene);
}

TEST_F(TrackingTest, ANearCacheHonoursTheTtlOfTheServer) {
  server_.cli({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});  // so that no invalidation does it
  Scene scene(io_, tracked(Tracking::Mode::opted), options());
  run_on(io_, expires(scene));
}

asio::awaitable<void> survives_a_loss(Scene& scene, test::RedisServer& server) {
  co_await scene.writer.command("SET", "k:1", "old");
  EXPECT_EQ(co_await warm(scene, "k:1"), "old");
  const auto flushes = scene.near.stats().flushes;
  server.cli({"CLIENT", "KILL", "TYPE", "normal"});
  co_await must([&] { return scene.near.stats().flushes > flushes; }, "the loss empties the cache");
  EXPECT_EQ(scene.near.stats().entries, 0u);
  Request set("SET", "k:1", "new");
  const CallOptions safe{.idempotent = true};
  co_await scene.writer.execute(std::move(set), safe);
  EXPECT_EQ(co_await warm(scene, "k:1"), "new");
  // Tracking is on again on the new connection.
  co_await change(scene, "k:1", "newer");
  EXPECT_EQ(co_await warm(scene, "k:1"), "newer");
  co_await close_both(scene);
}

TEST_F(TrackingTest, ALostConnectionEmptiesTheNearCacheAndTrackingIsOnAgainAfterIt) {
  for (const auto mode : {Tracking::Mode::opted, Tracking::Mode::prefixes}) {
    Scene scene(io_, tracked(mode), options());
    run_on(io_, survives_a_loss(scene, server_));
  }
}

asio::awaitable<void> write_and_announce(Scene& scene, std::uint64_t seed, std::vector<int>& written, bool& done) {
  std::mt19937_64 random(seed);
  for (int i = 1; i <= 3000; ++i) {
    const auto key = random() % written.size();
    co_await scene.writer.command("SET", "k:" + std::to_string(key), i);
    written[key] = i;
  }
  done = true;
}

asio::awaitable<void> read_forward(Scene& scene, std::uint64_t seed, std::size_t keys, bool& done, int& backwards) {
  std::mt19937_64 random(seed);
  std::vector<int> seen(keys, 0);
  while (!done) {
    const auto key = random() % keys;
    const auto text = co_await read(scene, "k:" + std::to_string(key));
    const int value = text == "(none)" ? 0 : std::stoi(text);
    if (value < seen[key]) ++backwards;
    seen[key] = value;
    if (random() % 4 == 0) co_await asio::post(asio::use_awaitable);  // hits alone would never let the loop run
  }
}

asio::awaitable<void> races(Scene& scene, std::uint64_t seed, int& backwards) {
  std::vector<int> written(8, 0);
  bool done = false;
  Gate gate(co_await asio::this_coro::executor);
  gate.spawn("writer", write_and_announce(scene, seed, written, done));
  for (std::uint64_t i = 1; i <= 8; ++i) {
    gate.spawn("reader", read_forward(scene, seed + i, written.size(), done, backwards));
  }
  co_await gate.wait_until_empty();
  // In the end every key reads as it was written last.
  for (std::size_t key = 0; key < written.size(); ++key) {
    const auto last = std::to_string(written[key]);
    const std::string name = "k:" + std::to_string(key);
    for (bool current = false; !current;) {
      co_await asio::post(asio::use_awaitable);
      const auto value = co_await read(scene, name);
      current = value == last;
    }
  }
  EXPECT_GT(scene.near.stats().hits, 0u);
  co_await close_both(scene);
}

TEST_F(TrackingTest, NoReaderEverSeesAKeyGoBackwardsWhileItIsWritten) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  for (const auto mode : {Tracking::Mode::opted, Tracking::Mode::prefixes}) {
    server_.cli({"FLUSHALL"});
    Scene scene(io_, tracked(mode), options());
    int backwards = 0;
    run_on(io_, races(scene, seed, backwards));
    EXPECT_EQ(backwards, 0);
  }
}

}  // namespace
}  // namespace inkwell::redis
