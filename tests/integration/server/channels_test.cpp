// Channels over HTTP: publishing, event streams and history, against a server in this process and the real binary.
#include <atomic>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <signal.h>
#include <thread>

#include "integration/server/http_server.hpp"
#include "support/inkwell_server.hpp"
#include "support/redis_server.hpp"
#include "support/sse_client.hpp"

namespace inkwell::server {
namespace {

using test::HttpClient;
using test::SseClient;
using namespace std::chrono_literals;

Options options_for(const test::RedisServer& redis) {
  auto options = test_options();
  options.redis.endpoint = redis.endpoint();
  return options;
}

test::HttpAnswer publish(std::uint16_t port, std::string_view body, std::string_view extra = {},
                         std::string_view channel = "news") {
  return test::http_request(port, "POST", "/v1/channels/" + std::string(channel) + "/events", body, extra);
}

json::object object_of(const test::HttpAnswer& answer) {
  auto value = parse_json(answer.body);
  if (!value || !value->is_object()) {
    ADD_FAILURE() << answer.status << " " << answer.body;
    return {};
  }
  return value->as_object();
}

std::string id_of(const test::HttpAnswer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  const auto object = object_of(answer);
  return object.contains("id") ? std::string(object.at("id").as_string()) : "";
}

class Channels : public ::testing::Test {
 protected:
  std::uint16_t port() const { return server.port(); }
  test::HttpAnswer history(std::string_view query) const {
    return server.get("/v1/channels/news/events" + std::string(query), "Accept: application/json\r\n");
  }

  test::RedisServer redis;
  TestServer server{options_for(redis)};
};

TEST_F(Channels, LimitsTheStreamsOfOneAddressAndCountsThemDownAsTheyEnd) {
  auto options = options_for(redis);
  options.stream_limits.per_address = 2;
  TestServer limited(options);
  SseClient first(limited.port(), "/v1/channels/news/events");
  auto second = std::make_unique<SseClient>(limited.port(), "/v1/channels/other/events");
  const auto third = limited.get("/v1/channels/news/events");
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(error_code_in(third), "too_many_streams");
  EXPECT_EQ(third.header("retry-after"), "30");
  second.reset();
  EXPECT_TRUE(eventually([&] {
    HttpClient again(limited.port());
    again.send("GET /v1/channels/news/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return again.receive_header().status == 200;
  }));
}

TEST_F(Channels, EndsAStreamAtItsMaximumLifetimeSoThatTheClientComesBackWithItsCursor) {
  auto options = options_for(redis);
  options.event_streams.max_lifetime = 300ms;
  options.event_streams.heartbeat = 100ms;
  TestServer server_with_lifetime(options);
  SseClient stream(server_with_lifetime.port(), "/v1/channels/news/events");
  const auto first = id_of(publish(server_with_lifetime.port(), R"({"data":"1"})"));
  EXPECT_EQ(stream.next()->id, first);
  EXPECT_FALSE(stream.next());
  EXPECT_EQ(stream.retry(), 2000);
  const auto second = id_of(publish(server_with_lifetime.port(), R"({"data":"2"})"));
  stream.reconnect(server_with_lifetime.port());
  EXPECT_EQ(stream.header().status, 200);
  EXPECT_EQ(stream.next()->id, second);
}

TEST_F(Channels, DeliversWhatIsPublishedFromTheMomentTheStreamIsOpen) {
  for (int i = 0; i < 50; ++i) {
    const std::string path = "/v1/channels/fresh" + std::to_string(i) + "/events";
    SseClient stream(port(), path);
    ASSERT_EQ(stream.header().status, 200);
    const auto id = id_of(test::http_request(port(), "POST", path, R"({"data":"at once"})"));
    const auto event = stream.next();
    ASSERT_TRUE(event) << "channel " << i;
    EXPECT_EQ(event->id, id);
  }
}

TEST_F(Channels, OpensAStreamAtOnceAndDeliversWhatIsPublished) {
  SseClient stream(port(), "/v1/channels/news/events");
  EXPECT_EQ(stream.header().status, 200);
  EXPECT_EQ(stream.header().header("content-type"), "text/event-stream");
  EXPECT_EQ(stream.header().header("cache-control"), "no-cache");
  EXPECT_EQ(stream.header().header("x-accel-buffering"), "no");
  EXPECT_FALSE(stream.header().header("x-request-id").empty());
  ASSERT_TRUE(eventually([&] { return metric(server.get("/metrics").body, "inkwell_events_sources") == 1; }));
  const auto id = id_of(publish(port(), R"({"type":"chapter","data":"first\nsecond"})"));
  const auto event = stream.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, "chapter");
  EXPECT_EQ(event->data, "first\nsecond");
  EXPECT_EQ(event->id, id);
  EXPECT_EQ(stream.retry(), 2000U);
  EXPECT_FALSE(stream.comments().empty());
}

TEST_F(Channels, ResumesAfterTheLastEventId) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(id_of(publish(port(), R"({"data":")" + std::to_string(i) + "\"}")));
  for (const std::string how : {"header", "last_event_id", "lastEventID", "lastEventId"}) {
    const bool header = how == "header";
    SseClient stream(port(), "/v1/channels/news/events" + (header ? "" : "?" + how + "=" + ids[1]),
                     header ? "Last-Event-ID: " + ids[1] + "\r\n" : "");
    for (int i = 2; i < 5; ++i) EXPECT_EQ(stream.next()->id, ids[static_cast<std::size_t>(i)]) << how;
  }
  SseClient both(port(), "/v1/channels/news/events?last_event_id=" + ids[0], "Last-Event-ID: " + ids[3] + "\r\n");
  EXPECT_EQ(both.next()->id, ids[4]) << "the header is the newer of the two";
  SseClient all(port(), "/v1/channels/news/events?last_event_id=earliest");
  for (const auto& id : ids) EXPECT_EQ(all.next()->id, id);
}

TEST_F(Channels, TellsOfAGapByHeaderAndInBand) {
  publish(port(), R"({"data":"x"})");
  SseClient unknown(port(), "/v1/channels/news/events", "Last-Event-ID: 5-0\r\n");
  EXPECT_EQ(unknown.header().header("x-inkwell-gap"), "trimmed");
  const auto gap = unknown.next();
  EXPECT_EQ(gap->type, "inkwell.gap");
  EXPECT_NE(gap->data.find("\"from\":\"5-0\""), std::string::npos);
  EXPECT_EQ(unknown.next()->data, "x");
  for (const std::string cursor : {"nonsense", "1-2-3", "99999999999999999999999-0", "%00"}) {
    SseClient malformed(port(), "/v1/channels/news/events?last_event_id=" + cursor);
    EXPECT_EQ(malformed.header().status, 200) << cursor;
    EXPECT_EQ(malformed.header().header("x-inkwell-gap"), "malformed_cursor") << cursor;
    EXPECT_EQ(malformed.next()->type, "inkwell.gap");
  }
}

TEST_F(Channels, PublishesAnArrayAsOneStep) {
  SseClient stream(port(), "/v1/channels/news/events?last_event_id=earliest");
  const auto answer =
      publish(port(), R"([{"data":1.50},{"type":"t","data":{"a": [true, null]},"topics":["x"]},{"data":""}])");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto list = object_of(answer).at("data").as_array();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(stream.next()->data, "1.50") << "a number keeps its text";
  EXPECT_EQ(stream.next()->data, R"({"a": [true, null]})");
  const auto last = stream.next();
  EXPECT_EQ(last->data, "");
  EXPECT_EQ(last->id, std::string(list[2].at("id").as_string()));
}

TEST_F(Channels, AnswersARetryAsTheFirst) {
  const auto first = publish(port(), R"({"data":"x","idempotency_key":"k"})");
  const auto again = publish(port(), R"({"data":"x","idempotency_key":"k"})");
  EXPECT_EQ(id_of(first), id_of(again));
  EXPECT_EQ(again.header("idempotent-replayed"), "true");
  EXPECT_EQ(publish(port(), R"({"data":"y","idempotency_key":"k"})").status, 409);
  const auto by_header = publish(port(), R"([{"data":"x"}])", "Idempotency-Key: h\r\n");
  EXPECT_EQ(publish(port(), R"([{"data":"x"}])", "Idempotency-Key: h\r\n").body, by_header.body);
}

TEST_F(Channels, RefusesWhatCannotBePublishedAndNamesTheField) {
  const std::tuple<std::string, int, std::string> cases[] = {
      {R"({"data":"x","type":"a\nb"})", 400, "type"},
      {R"({"data":"x","type":"a\u0000b"})", 400, "type"},
      {R"({"data":"x","type":"inkwell.gap"})", 400, "type"},
      {R"({"type":"x"})", 400, "data"},
      {R"({"data":"x","retry":300001})", 400, "retry"},
      {R"({"data":"x","retry":-1})", 400, "retry"},
      {R"({"data":"x","topics":"a"})", 400, "topics"},
      {R"({"data":"x","topics":["a\nb"]})", 400, "topics"},
      {R"({"data":"x","Type":"y"})", 400, "Type"},
      {R"([{"data":"x"},{"data":"x","type":"\r"}])", 400, "[1].type"},
      {R"([{"data":"x","idempotency_key":"k"}])", 400, "[0].idempotency_key"},
      {"[]", 400, "events"},
  };
  for (const auto& [body, status, param] : cases) {
    const auto answer = publish(port(), body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_EQ(std::string(object_of(answer).at("error").at("param").as_string()), param) << body;
  }
  for (const std::string body : {"", "7", "{", "\"x\"", "{\"data\":\"\xFF\"}"})
    EXPECT_EQ(publish(port(), body).status, 400) << body;
  EXPECT_EQ(publish(port(), R"({"data":")" + std::string(1 << 20, 'x') + "\"}").status, 413);
  EXPECT_EQ(publish(port(), R"({"data":"x"})", {}, "a%00b").status, 400);
  EXPECT_EQ(publish(port(), R"({"data":"x"})", {}, "a%0Ab").status, 400);
  EXPECT_EQ(publish(port(), R"({"data":"x"})", {}, std::string(257, 'x')).status, 400);
  EXPECT_EQ(redis.cli({"DBSIZE"}), "0");
}

TEST_F(Channels, KeepsChannelsOfAnyNameApart) {
  const std::string names[] = {"a%2Fb", "%E5%B0%8F%E8%AF%B4", "a%7Bb%7D", "a:b", "a%25b", "*"};
  for (const auto& name : names) ASSERT_EQ(publish(port(), R"({"data":")" + name + "\"}", {}, name).status, 200);
  for (const auto& name : names) {
    SseClient stream(port(), "/v1/channels/" + name + "/events?last_event_id=earliest");
    EXPECT_EQ(stream.next()->data, name);
  }
}

TEST_F(Channels, GivesHistoryInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(id_of(publish(port(), R"({"data":"x","topics":["t"]})")));
  const auto page = object_of(history("?after=" + ids[1] + "&limit=3"));
  ASSERT_EQ(page.at("data").as_array().size(), 3U);
  EXPECT_EQ(page.at("data").at(0).at("id"), json::string(ids[2]));
  EXPECT_EQ(page.at("data").at(0).at("topics"), json::array({"t"}));
  EXPECT_EQ(page.at("last_id"), json::string(ids[4]));
  EXPECT_EQ(page.at("has_more"), true);
  EXPECT_FALSE(page.contains("gap"));
  EXPECT_EQ(object_of(history("?limit=2")).at("first_id"), json::string(ids[5]));
  EXPECT_EQ(object_of(history("?after=earliest")).at("data").as_array().size(), 7U);
  EXPECT_EQ(object_of(history("?after=5-5")).at("gap").at("reason"), "trimmed");
  EXPECT_EQ(history("?limit=0").status, 400);
  EXPECT_EQ(history("?limit=1001").status, 400);
}

TEST_F(Channels, SelectsByTopic) {
  SseClient stream(port(), "/v1/channels/news/events?topic=a&topic=b&last_event_id=earliest");
  publish(port(),
          R"([{"data":"1","topics":["c"]},{"data":"2","topics":["b"]},{"data":"3"},{"data":"4","topics":["c","a"]}])");
  EXPECT_EQ(stream.next()->data, "2");
  EXPECT_EQ(stream.next()->data, "4");
}

TEST_F(Channels, NoticesClientsThatLeave) {
  auto streams_open = [&] { return metric(server.get("/metrics").body, "inkwell_events_streams"); };
  std::vector<std::unique_ptr<SseClient>> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(std::make_unique<SseClient>(port(), "/v1/channels/news/events"));
  ASSERT_TRUE(eventually([&] { return streams_open() == 50; }));
  clients.clear();
  EXPECT_TRUE(eventually([&] { return streams_open() == 0; }));
  EXPECT_TRUE(eventually([&] { return metric(server.get("/metrics").body, "inkwell_http_connections") == 1; }));
}

TEST(ChannelStreams, BeatWhileNothingHappensAndDuringAnOutageOfRedis) {
  test::RedisServer redis;
  auto options = options_for(redis);
  options.event_streams.heartbeat = 40ms;
  options.redis.command_timeout = 300ms;
  TestServer server(options);
  redis.kill();
  SseClient stream(server.port(), "/v1/channels/news/events");
  EXPECT_EQ(stream.header().status, 200);
  EXPECT_TRUE(stream.line_with("retry"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.line_with(":"), ":");
  const auto refused = publish(server.port(), R"({"data":"x"})");
  EXPECT_EQ(refused.status, 503) << refused.body;
  redis.start();
  ASSERT_TRUE(eventually([&] { return publish(server.port(), R"({"data":"back"})").status == 200; }));
  // Once it is subscribed it gets whatever comes: publish until one arrives.
  std::atomic<bool> done = false;
  std::jthread publisher([&] {
    while (!done) publish(server.port(), R"({"data":"later"})");
  });
  EXPECT_TRUE(stream.next());
  done = true;
}

TEST(ChannelStreams, CutOffAClientThatDoesNotReadAndKeepTheOthers) {
  test::RedisServer redis;
  auto options = options_for(redis);
  options.event_streams.write_stall = 300ms;
  options.event_streams.send_buffer_bytes = 8192;
  TestServer server(options);
  SseClient deaf(server.port(), "/v1/channels/news/events");
  SseClient good(server.port(), "/v1/channels/news/events");
  ASSERT_TRUE(eventually([&] { return metric(server.get("/metrics").body, "inkwell_events_sources") == 1; }));
  const std::string body = R"({"data":")" + std::string(200'000, 'x') + "\"}";
  std::size_t received = 0;
  ASSERT_TRUE(eventually([&] {
    if (publish(server.port(), body).status != 200) return false;
    if (good.next()) ++received;
    return metric(server.get("/metrics").body, "inkwell_events_streams_cut_off_total") == 1;
  }));
  EXPECT_GT(received, 0U);
  EXPECT_TRUE(deaf.http().closed_by_peer());
  publish(server.port(), R"({"data":"still here"})");
  EXPECT_EQ(good.next()->data, "still here");
}

TEST(ChannelStreams, ADrainTellsEachClientWhenToComeBack) {
  test::RedisServer redis;
  auto options = options_for(redis);
  options.event_streams.retry = 1000ms;
  options.event_streams.drain_spread = 100'000ms;
  TestServer server(options);
  std::vector<std::unique_ptr<SseClient>> clients;
  for (int i = 0; i < 20; ++i)
    clients.push_back(std::make_unique<SseClient>(server.port(), "/v1/channels/news/events"));
  server.server().request_stop();
  std::set<std::string> told;
  for (auto& client : clients) {
    EXPECT_TRUE(client->line_with("retry: 1000"));
    const auto line = client->line_with("retry");
    ASSERT_TRUE(line);
    told.insert(*line);
    EXPECT_TRUE(client->http().closed_by_peer());
  }
  EXPECT_GT(told.size(), 10U);
  server.server().wait();
}

pid_t redis_of(const test::InkwellServer& inkwell) {
  const auto pid = std::to_string(inkwell.pid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream children(task.path() / "children");
    pid_t child = -1;
    if (children >> child) return child;
  }
  return -1;
}

TEST(ChannelsOfTheBinary, GiveEveryAcknowledgedEventOnceAndInOrderThoughRedisIsKilled) {
  test::InkwellServer inkwell;
  ASSERT_TRUE(eventually([&] { return test::http_request(inkwell.port(), "GET", "/readyz").status == 200; }))
      << inkwell.log();
  SseClient stream(inkwell.port(), "/v1/channels/news/events?last_event_id=earliest");
  std::vector<std::string> acknowledged;
  std::atomic<bool> done = false;
  std::jthread publisher([&] {
    for (int i = 0; !done; ++i) {
      const auto answer = publish(inkwell.port(), R"({"data":")" + std::to_string(i) + "\"}");
      if (answer.status == 200) acknowledged.push_back(id_of(answer));
    }
  });
  std::vector<std::string> received;
  std::vector<std::string> gaps;
  const auto take = [&](std::size_t count) {
    while (received.size() < count) {
      const auto event = stream.next();
      ASSERT_TRUE(event);
      (event->type == "message" ? received : gaps).push_back(event->type == "message" ? event->id : event->data);
    }
  };
  take(50);
  for (int round = 1; round <= 2; ++round) {
    ASSERT_EQ(::kill(redis_of(inkwell), SIGKILL), 0);
    take(received.size() + 50);
  }
  done = true;
  publisher.join();
  const auto last = id_of(publish(inkwell.port(), R"({"data":"last"})"));
  while (received.back() != last) take(received.size() + 1);
  acknowledged.push_back(last);
  // The embedded Redis writes its file before it answers, except while an fsync is slow: then a SIGKILL may take back
  // what it had acknowledged. That is told; telling it of anything the log still holds is a bug.
  for (const auto& gap : gaps) {
    const std::string from(parse_json(gap)->at("from").as_string());
    const auto page = test::http_request(inkwell.port(), "GET", "/v1/channels/news/events?limit=1&after=" + from, {},
                                         "Accept: application/json\r\n");
    EXPECT_TRUE(object_of(page).contains("gap")) << gap;
  }
  EXPECT_EQ(std::set<std::string>(received.begin(), received.end()).size(), received.size()) << "an event came twice";
  std::size_t at = 0;
  for (const auto& id : received) at += at < acknowledged.size() && acknowledged[at] == id ? 1 : 0;
  EXPECT_EQ(at, acknowledged.size()) << "an acknowledged event is missing or out of order";
}

TEST(ChannelsOfTheBinary, KeepTheirHistoryOverARestart) {
  test::InkwellServer inkwell;
  ASSERT_TRUE(eventually([&] { return publish(inkwell.port(), R"({"data":"1"})").status == 200; })) << inkwell.log();
  const auto second = id_of(publish(inkwell.port(), R"({"data":"2"})"));
  EXPECT_EQ(inkwell.stop(), 0);
  inkwell.start();
  SseClient stream(inkwell.port(), "/v1/channels/news/events?last_event_id=earliest");
  EXPECT_EQ(stream.next()->data, "1");
  EXPECT_EQ(stream.next()->id, second);
}

}  // namespace
}  // namespace inkwell::server
