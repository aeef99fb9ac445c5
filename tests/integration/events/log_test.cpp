#include "events/log.hpp"

#include <gtest/gtest.h>

#include "integration/events/hub_world.hpp"

namespace inkwell::events {
namespace {

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    redis::Options link;
    link.endpoint = server.endpoint();
    client = std::make_unique<redis::Client>(io.get_executor(), link);
    store = std::make_unique<keyspace::Store>(*client, keyspace::Keys("default"));
    log = std::make_unique<Log>(*store);
  }
  ~LogTest() override {
    test::expect_no_immortal_keys(server);
    test::run_on(io, client->close());
  }

  static std::vector<Event> events(std::size_t count, std::string data = "x") {
    std::vector<Event> out(count);
    for (auto& event : out) event.data = data;
    return out;
  }
  Result<Published> publish(std::vector<Event> out, PublishOptions options = {}) {
    return test::run_on(io, log->publish("news", std::move(out), std::move(options)));
  }
  LogPage page(Log::After after, std::size_t limit = 50) {
    auto result = test::run_on(io, log->read_page("news", after, limit));
    EXPECT_TRUE(result);
    return std::move(*result);
  }
  std::string log_key() const { return store->keys().channel_log("news").str(); }

  test::RedisServer server;
  boost::asio::io_context io;
  std::unique_ptr<redis::Client> client;
  std::unique_ptr<keyspace::Store> store;
  std::unique_ptr<Log> log;
};

TEST_F(LogTest, KeepsEveryFieldOfAnEvent) {
  Event event{
      .data = "line\r\nbreak \xE5\xB0\x8F", .type = "tick", .topics = {"a", "b"}, .is_private = true, .retry_ms = 1500};
  const auto published = publish({event});
  ASSERT_TRUE(published) << published.error().to_string();
  const auto read = page({.kind = Log::After::Kind::oldest});
  ASSERT_EQ(read.events.size(), 1U);
  const auto& back = read.events[0].event;
  EXPECT_EQ(read.events[0].id, published->ids[0]);
  EXPECT_EQ(back.data, event.data);
  EXPECT_EQ(back.type, "tick");
  EXPECT_EQ(back.topics, event.topics);
  EXPECT_TRUE(back.is_private);
  EXPECT_EQ(back.retry_ms, 1500U);
}

TEST_F(LogTest, EachEntryNamesTheOneBeforeIt) {
  auto first = publish(events(1));
  auto batch = publish(events(3));
  ASSERT_TRUE(first && batch);
  const auto read = page({.kind = Log::After::Kind::oldest});
  ASSERT_EQ(read.events.size(), 4U);
  EXPECT_EQ(read.events[0].predecessor, kNoEvent);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(read.events[i].predecessor, read.events[i - 1].id);
}

TEST_F(LogTest, ARetryWithTheSameKeyAnswersAsTheFirstDidAndAppendsNothing) {
  const PublishOptions options{.idempotency_key = "k 1"};
  const auto first = publish(events(2), options);
  publish(events(1));
  const auto again = publish(events(2), options);
  ASSERT_TRUE(first && again);
  EXPECT_FALSE(first->replayed);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->ids, first->ids);
  EXPECT_EQ(server.cli({"XLEN", log_key()}), "3");
}

TEST_F(LogTest, TheSameKeyForSomethingElseIsAConflict) {
  const PublishOptions options{.idempotency_key = "k"};
  ASSERT_TRUE(publish(events(1, "one"), options));
  const auto other = publish(events(1, "two"), options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(other.error().code(), "idempotency_key_reused");
  EXPECT_EQ(server.cli({"XLEN", log_key()}), "1");
}

TEST_F(LogTest, IsCutToItsLength) {
  const PublishOptions exact{.max_length = 10, .exact_length = true};
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(publish(events(1), exact));
  EXPECT_EQ(server.cli({"XLEN", log_key()}), "10");
  const PublishOptions roughly{.max_length = 100};
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(publish(events(100), roughly));
  EXPECT_LE(std::stoi(server.cli({"XLEN", log_key()})), 300);
}

TEST_F(LogTest, EveryKeyHasItsLifetimeFromTheStart) {
  ASSERT_TRUE(publish(events(1), {.lifetime = std::chrono::seconds(100), .idempotency_key = "k"}));
  const auto left = std::stol(server.cli({"PTTL", log_key()}));
  EXPECT_GT(left, 90'000);
  EXPECT_LE(left, 100'000);
  const auto record = std::stol(server.cli({"PTTL", store->keys().channel_idempotency("news", "uk").str()}));
  EXPECT_GT(record, 23L * 3600 * 1000);
  EXPECT_LE(record, 24L * 3600 * 1000 * 11 / 10);
}

TEST_F(LogTest, AWholeBatchOrNothingIsAppended) {
  ASSERT_EQ(server.cli({"SET", log_key(), "not a stream", "EX", "100"}), "OK");
  const auto published = publish(events(3));
  ASSERT_FALSE(published);
  EXPECT_EQ(server.cli({"GET", log_key()}), "not a stream");
  EXPECT_EQ(server.cli({"DBSIZE"}), "1") << "no record of a publish that failed";
}

TEST_F(LogTest, ThousandEventsAreOneStep) {
  const auto published = publish(events(kMaxBatchEvents));
  ASSERT_TRUE(published) << published.error().to_string();
  EXPECT_EQ(published->ids.size(), kMaxBatchEvents);
}

TEST_F(LogTest, ALogThatExpiredBeginsAnew) {
  ASSERT_TRUE(publish(events(2)));
  server.cli({"DEL", log_key()});
  ASSERT_TRUE(publish(events(1)));
  EXPECT_EQ(page({.kind = Log::After::Kind::oldest}).events[0].predecessor, kNoEvent);
}

TEST_F(LogTest, TheClockGoingBackwardsDoesNotStopPublishing) {
  server.cli({"XADD", log_key(), "99999999999999-5", "p", "0-0", "d", "from the future"});
  const auto published = publish(events(1));
  ASSERT_TRUE(published);
  EXPECT_EQ(published->ids[0], (EventId{99999999999999, 6}));
}

TEST_F(LogTest, PagesGoOnAfterACursor) {
  const auto ids = publish(events(7))->ids;
  const auto first = page({.kind = Log::After::Kind::event, .id = ids[1]}, 3);
  ASSERT_EQ(first.events.size(), 3U);
  EXPECT_EQ(first.events[0].id, ids[2]);
  EXPECT_TRUE(first.has_more);
  EXPECT_FALSE(first.gap);
  const auto second = page({.kind = Log::After::Kind::event, .id = first.events.back().id}, 3);
  ASSERT_EQ(second.events.size(), 2U);
  EXPECT_FALSE(second.has_more);
  const auto exact = page({.kind = Log::After::Kind::event, .id = ids[3]}, 3);
  EXPECT_EQ(exact.events.size(), 3U);
  EXPECT_FALSE(exact.has_more);
  EXPECT_TRUE(page({.kind = Log::After::Kind::event, .id = ids[6]}).events.empty());
}

TEST_F(LogTest, WithoutACursorTheNewestAreGiven) {
  const auto ids = publish(events(7))->ids;
  const auto newest = page({}, 3);
  ASSERT_EQ(newest.events.size(), 3U);
  EXPECT_EQ(newest.events[0].id, ids[4]);
  EXPECT_EQ(newest.events[2].id, ids[6]);
}

TEST_F(LogTest, APageTellsWhatACursorMissed) {
  const auto ids = publish(events(6), {.max_length = 3, .exact_length = true})->ids;
  const auto next_to_it = page({.kind = Log::After::Kind::event, .id = ids[2]});
  EXPECT_FALSE(next_to_it.gap) << "the first entry left names it: nothing is missing";
  const auto trimmed = page({.kind = Log::After::Kind::event, .id = ids[1]});
  ASSERT_TRUE(trimmed.gap);
  EXPECT_EQ(trimmed.gap->reason, GapReason::trimmed);
  EXPECT_EQ(trimmed.gap->to, ids[3]);
  EXPECT_EQ(trimmed.events.size(), 3U);
  const auto ahead = page({.kind = Log::After::Kind::event, .id = {ids[5].milliseconds + 1000, 0}});
  ASSERT_TRUE(ahead.gap);
  EXPECT_EQ(ahead.gap->reason, GapReason::unknown_cursor);
  EXPECT_EQ(ahead.events.size(), 3U);
  const auto malformed = page({.kind = Log::After::Kind::malformed});
  EXPECT_EQ(malformed.gap->reason, GapReason::malformed_cursor);
  EXPECT_EQ(page({.kind = Log::After::Kind::event, .id = {1, 1}}, 2).events.size(), 2U);
}

TEST_F(LogTest, ForeignEntriesAreLeftOutAndCounted) {
  const auto before = publish(events(1))->ids[0];
  server.cli({"XADD", log_key(), "*", "what", "ever"});
  server.cli({"XADD", log_key(), "*", "p", "nonsense", "d", "x"});
  const auto next = publish(events(1))->ids[0];
  auto piece = test::run_on(io, log->read_from("news", kNoEvent, 100));
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->damaged, 2U);
  ASSERT_EQ(piece->events.size(), 3U);
  EXPECT_EQ(piece->events[0]->id, before);
  EXPECT_TRUE(piece->events[1]->is_gap()) << "what was left out is told";
  EXPECT_EQ(piece->events[2]->id, next);
}

}  // namespace
}  // namespace inkwell::events
