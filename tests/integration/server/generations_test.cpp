// Resumable generations over HTTP: a producer's connection that writes piece by piece, and readers that come and go.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <thread>

#include "integration/server/http_server.hpp"
#include "support/audit.hpp"
#include "support/redis_server.hpp"
#include "support/sse_client.hpp"

namespace inkwell::server {
namespace {

using test::HttpAnswer;
using test::HttpClient;
using test::SseClient;
using namespace std::chrono_literals;

/// A producer that sends its body in chunks, as a proxy of a model's answer does.
class ProducerClient {
 public:
  explicit ProducerClient(std::uint16_t port, std::string_view channel = "g", std::string_view extra = {})
      : http_(port) {
    http_.send(
        fmt::format("POST /v1/channels/{}/stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                    "Content-Type: text/event-stream\r\n{}\r\n",
                    channel, extra));
  }
  void write(std::string_view text) { http_.send(fmt::format("{:x}\r\n{}\r\n", text.size(), text)); }
  void token(std::string_view data) { write(fmt::format("data: {}\n\n", data)); }
  HttpAnswer end() {
    http_.send("0\r\n\r\n");
    return http_.receive();
  }
  HttpClient& http() { return http_; }

 private:
  HttpClient http_;
};

/// Everything up to the end of the stream: the data, and at last the end's.
std::vector<std::string> read_all(SseClient& reader) {
  std::vector<std::string> data;
  while (auto event = reader.next()) data.push_back(event->data);
  return data;
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

std::string end_of(std::string_view status, std::string_view reason, int events) {
  const std::string quoted = reason.empty() ? "null" : fmt::format("\"{}\"", reason);
  return fmt::format(R"({{"status":"{}","reason":{},"events":{}}})", status, quoted, events);
}

class Generations : public ::testing::Test {
 protected:
  static Options options_for(const test::RedisServer& redis) {
    auto options = test_options();
    options.redis.endpoint = redis.endpoint();
    options.generations.lease = 1500ms;
    options.generations.renew = 200ms;
    return options;
  }
  void TearDown() override { test::expect_clean_audit(redis); }

  std::uint16_t port() const { return server.port(); }
  HttpAnswer status(std::string_view channel = "g") const {
    return server.get(fmt::format("/v1/channels/{}/stream", channel), "Accept: application/json\r\n");
  }
  std::string state_of(std::string_view channel = "g") const {
    const auto value = parse_json(status(channel).body);
    if (!value || !value->is_object() || !value->as_object().contains("status")) return "";
    return std::string(value->as_object().at("status").as_string());
  }
  bool holds(std::int64_t events) const {
    const auto value = parse_json(status().body);
    return value && value->is_object() && value->as_object().contains("events") &&
           value->as_object().at("events").to_number<std::int64_t>() == events;
  }
  HttpAnswer stop() const { return test::http_request(port(), "POST", "/v1/channels/g/stream/stop"); }

  test::RedisServer redis;
  TestServer server{options_for(redis)};
};

TEST_F(Generations, AReaderSeesEachTokenAsItIsWrittenAndThenAnEnd) {
  ProducerClient producer(port());
  producer.token("0");
  ASSERT_TRUE(eventually([&] { return holds(1); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(reader.next()->data, "0");
  producer.token("1");
  EXPECT_EQ(reader.next()->data, "1");  // while the producer's body is still open
  producer.write("event: delta\ndata: 2\ndata: 2b\n\n");
  const auto typed = reader.next();
  EXPECT_EQ(typed->type, "delta");
  EXPECT_EQ(typed->data, "2\n2b");
  const auto answer = producer.end();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find(R"("status":"finished")"), std::string::npos) << answer.body;
  const auto end = reader.next();
  EXPECT_EQ(end->type, "inkwell.end");
  EXPECT_EQ(end->data, end_of("finished", "", 3));
  EXPECT_FALSE(reader.next());  // the stream has ended by itself
}

TEST_F(Generations, AFinishedOneIsReplayedWholeAndAReturningReaderIsToldThereIsNoMore) {
  ProducerClient producer(port());
  for (int i = 0; i < 300; ++i) producer.token(std::to_string(i));
  EXPECT_EQ(producer.end().status, 200);
  auto expected = numbers(0, 300);
  expected.push_back(end_of("finished", "", 300));
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(read_all(reader), expected);
  reader.reconnect(port());
  EXPECT_EQ(reader.header().status, 204);
}

TEST_F(Generations, AReaderThatReturnsGoesOnAfterTheLastEventItSaw) {
  ProducerClient producer(port());
  for (int i = 0; i < 5; ++i) producer.token(std::to_string(i));
  ASSERT_TRUE(eventually([&] { return holds(5); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reader.next()->data, std::to_string(i));
  reader.close();
  for (int i = 5; i < 8; ++i) producer.token(std::to_string(i));
  reader.reconnect(port());
  for (int i = 3; i < 8; ++i) EXPECT_EQ(reader.next()->data, std::to_string(i));
  EXPECT_EQ(producer.end().status, 200);
  EXPECT_EQ(reader.next()->type, "inkwell.end");
}

TEST_F(Generations, GoesOnWithoutReadersAndServesManyAtOnce) {
  ProducerClient producer(port());
  {
    SseClient left(port(), "/v1/channels/none/stream");
  }
  for (int i = 0; i < 10; ++i) producer.token(std::to_string(i));
  std::vector<std::unique_ptr<SseClient>> readers;
  ASSERT_TRUE(eventually([&] { return holds(10); }));
  for (int i = 0; i < 20; ++i) readers.push_back(std::make_unique<SseClient>(port(), "/v1/channels/g/stream"));
  for (int i = 10; i < 20; ++i) producer.token(std::to_string(i));
  EXPECT_EQ(producer.end().status, 200);
  auto expected = numbers(0, 20);
  expected.push_back(end_of("finished", "", 20));
  for (const auto& reader : readers) EXPECT_EQ(read_all(*reader), expected);
}

TEST_F(Generations, AReaderMayWaitForOneThatHasNotBegun) {
  EXPECT_EQ(server.get("/v1/channels/g/stream").status, 404);
  SseClient early(port(), "/v1/channels/g/stream?wait=true");
  EXPECT_EQ(early.header().status, 200);
  ProducerClient producer(port());
  producer.token("0");
  EXPECT_EQ(producer.end().status, 200);
  EXPECT_EQ(read_all(early), (std::vector<std::string>{"0", end_of("finished", "", 1)}));
}

TEST_F(Generations, ASecondProducerIsRefusedUntilTheFirstHasEnded) {
  ProducerClient first(port());
  first.token("0");
  ASSERT_TRUE(eventually([&] { return state_of() == "streaming"; }));
  ProducerClient second(port());
  second.token("x");
  const auto refused = second.http().receive();
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(error_code_in(refused), "generation_in_progress");
  EXPECT_FALSE(refused.header("retry-after").empty());
  EXPECT_EQ(first.end().status, 200);
  ProducerClient third(port());
  third.token("1");
  EXPECT_EQ(third.end().status, 200);
  SseClient reader(port(), "/v1/channels/g/stream");  // the newest one, from its own start
  EXPECT_EQ(read_all(reader), (std::vector<std::string>{"1", end_of("finished", "", 1)}));
}

TEST_F(Generations, StopEndsItForReadersAtOnceAndReachesTheProducer) {
  ProducerClient producer(port());
  producer.token("0");
  ASSERT_TRUE(eventually([&] { return holds(1); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(reader.next()->data, "0");
  const auto answer = stop();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find(R"("status":"stopped")"), std::string::npos) << answer.body;
  EXPECT_EQ(reader.next()->data, end_of("stopped", "", 1));
  const auto told = producer.http().receive();  // though it has written nothing since
  EXPECT_EQ(told.status, 200);
  EXPECT_NE(told.body.find(R"("status":"stopped")"), std::string::npos) << told.body;
  EXPECT_EQ(stop().status, 200);  // again changes nothing
  EXPECT_EQ(state_of(), "stopped");
}

TEST_F(Generations, AProducerThatDisconnectsInTheMiddleFailsIt) {
  auto producer = std::make_unique<ProducerClient>(port());
  producer->token("0");
  ASSERT_TRUE(eventually([&] { return holds(1); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  producer.reset();
  EXPECT_EQ(read_all(reader), (std::vector<std::string>{"0", end_of("failed", "producer_disconnected", 1)}));
}

TEST_F(Generations, AProducerWhoseNodeDiedIsNoticedByItsLease) {
  auto other = std::make_unique<TestServer>(options_for(redis));
  ProducerClient producer(other->port());
  producer.token("0");
  ASSERT_TRUE(eventually([&] { return holds(1); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  // The node dies as far as Redis can tell: its connections are cut and it can't come back.
  other->server().request_stop();
  other->server().request_stop();
  other.reset();
  EXPECT_EQ(read_all(reader), (std::vector<std::string>{"0", end_of("failed", "producer_lost", 1)}));
  ProducerClient next(port());
  EXPECT_EQ(next.end().status, 200);
}

TEST_F(Generations, ALastEventWithoutItsEmptyLineCounts) {
  ProducerClient producer(port());
  producer.write("data: 0\n\ndata: [DO");
  producer.write("NE]");
  EXPECT_EQ(producer.end().status, 200);
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(read_all(reader), (std::vector<std::string>{"0", "[DONE]", end_of("finished", "", 2)}));
}

TEST_F(Generations, WhatCannotBePublishedFailsItAndTellsTheProducerWhy) {
  ProducerClient producer(port());
  producer.token("0");
  producer.write("event: inkwell.end\ndata: forged\n\n");
  const auto answer = producer.http().receive();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(error_code_in(answer), "invalid_event");
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(read_all(reader), (std::vector<std::string>{"0", end_of("failed", "invalid_event", 1)}));
}

TEST_F(Generations, AnEmptyOneFinishesAndABodyOfAnotherTypeIsRefused) {
  const auto empty = test::http_request(port(), "POST", "/v1/channels/g/stream");
  EXPECT_EQ(empty.status, 200) << empty.body;
  EXPECT_EQ(state_of(), "finished");
  const auto json = test::http_request(port(), "POST", "/v1/channels/h/stream", "{}");
  EXPECT_EQ(json.status, 415);
  EXPECT_EQ(server.get("/v1/channels/h/stream").status, 404);
  EXPECT_EQ(test::http_request(port(), "POST", "/v1/channels/h/stream/stop").status, 404);
}

TEST_F(Generations, SurvivesRedisBeingAwayForAMoment) {
  ProducerClient producer(port());
  producer.token("0");
  ASSERT_TRUE(eventually([&] { return holds(1); }));
  SseClient reader(port(), "/v1/channels/g/stream");
  EXPECT_EQ(reader.next()->data, "0");
  redis.cli({"CLIENT", "KILL", "TYPE", "normal"});
  redis.cli({"CLIENT", "KILL", "TYPE", "pubsub"});
  for (int i = 1; i < 50; ++i) producer.token(std::to_string(i));
  EXPECT_EQ(producer.end().status, 200);
  auto expected = numbers(1, 50);
  expected.push_back(end_of("finished", "", 50));
  EXPECT_EQ(read_all(reader), expected);
}

}  // namespace
}  // namespace inkwell::server
