// The server as a whole: who may reach it, how many, how it ends, what it tells about itself.
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <sstream>

#include "integration/server/http_server.hpp"
#include "support/redis_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpClient;

/// Requests in their handlers, without the one that asks.
double in_flight(const TestServer& server) {
  return metric(server.get("/metrics").body, "inkwell_http_requests_in_flight") - 1;
}

/// The metrics once they count `requests` answers at least: a worker counts an answer just after its last byte was
/// written, so another may be asked in between.
test::HttpAnswer metrics_after(const TestServer& server, double requests) {
  test::HttpAnswer answer;
  const auto counted = [&] {
    double sum = 0;
    std::istringstream lines(answer.body);
    for (std::string line; std::getline(lines, line);) {
      const bool scrape = line.find("route=\"/metrics\"") != std::string::npos;
      if (!scrape && line.starts_with("inkwell_http_requests_total{")) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum >= requests;
  };
  EXPECT_TRUE(eventually([&] {
    answer = server.get("/metrics");
    return counted();
  })) << answer.body;
  return answer;
}

TEST(Server, ServesHundredsOfConnectionsAtOnce) {
  TestServer server;
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 400; ++i) clients.push_back(std::make_unique<HttpClient>(server.port()));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients) client->send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    for (auto& client : clients) EXPECT_EQ(client->receive().status, 200);
  }
}

TEST(Server, TellsAConnectionOverTheLimitAndTakesItAgainWhenOneHasEnded) {
  auto options = test_options();
  options.limits.max_connections = 4;
  TestServer server(options);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server.port()));
    EXPECT_EQ(clients.back()->request("GET", "/healthz").status, 200);
  }
  HttpClient over(server.port());
  const auto answer = over.receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(error_code_in(answer), "too_many_connections");
  EXPECT_FALSE(answer.header("retry-after").empty());
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return server.get("/healthz").status == 200; }));
}

TEST(Server, FinishesRequestsUnderWayWhenItDrains) {
  TestServer server;
  std::vector<std::unique_ptr<HttpClient>> busy;
  for (int i = 0; i < 20; ++i) {
    busy.push_back(std::make_unique<HttpClient>(server.port()));
    busy.back()->send("GET /test/slow?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  HttpClient idle(server.port());
  EXPECT_EQ(idle.request("GET", "/healthz").status, 200);
  ASSERT_TRUE(eventually([&] { return in_flight(server) == 20; }));
  server.server().request_stop();
  EXPECT_TRUE(idle.closed_by_peer());
  for (auto& client : busy) {
    const auto answer = client->receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("connection"), "close");
  }
  server.server().wait();
  EXPECT_THROW(HttpClient late(server.port()), std::runtime_error);
}

TEST(Server, TellsTakenOverConnectionsThatItDrainsAndWaitsForThem) {
  TestServer server;
  HttpClient client(server.port());
  client.send("GET /test/stream HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(client.receive_header().status, 200);
  server.server().request_stop();
  server.server().wait();
  std::optional<std::string> line;
  bool said_bye = false;
  while ((line = client.read_line())) said_bye = said_bye || *line == "event: bye";
  EXPECT_TRUE(said_bye);
}

TEST(Server, CancelsWhatStillRunsWhenTheDrainTimeoutPasses) {
  auto options = test_options();
  options.timeouts.drain = std::chrono::milliseconds(100);
  TestServer server(options);
  HttpClient client(server.port());
  client.send("GET /test/slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return in_flight(server) == 1; }));
  const auto began = std::chrono::steady_clock::now();
  server.server().request_stop();
  server.server().wait();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(Server, ASecondStopRequestEndsItAtOnce) {
  auto options = test_options();
  options.timeouts.drain = std::chrono::minutes(10);
  TestServer server(options);
  HttpClient client(server.port());
  client.send("GET /test/slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return in_flight(server) == 1; }));
  server.server().request_stop();
  server.server().request_stop();
  server.server().wait();
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(Server, RefusesToListenBeyondLoopbackWithoutAnApiKey) {
  for (const auto* address : {"0.0.0.0", "::", "192.0.2.1"}) {
    auto options = test_options();
    options.address = address;
    Server server(options);
    const auto started = server.start();
    ASSERT_FALSE(started) << address;
    EXPECT_EQ(started.error().code(), "listen_address_unprotected");
    EXPECT_FALSE(started.error().remedy().empty());
  }
  auto options = test_options();
  options.address = "0.0.0.0";
  options.api_key = "sk-test";
  Server server(options);
  EXPECT_TRUE(server.start());
}

TEST(Server, RefusesAPortThatAnotherServerListensOn) {
  TestServer first;
  auto options = test_options();
  options.port = first.port();
  Server second(options);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), "address_in_use");
}

TEST(Server, NeedsTheApiKeyEverywhereButForHealth) {
  auto options = test_options();
  options.api_key = "sk-test";
  TestServer server(options);
  EXPECT_EQ(server.get("/healthz").status, 200);
  EXPECT_NE(server.get("/readyz").status, 401);
  for (const auto* path : {"/metrics", "/test/slow?ms=0", "/v1/unknown"}) {
    const auto without = server.get(path);
    EXPECT_EQ(without.status, 401) << path;
    EXPECT_EQ(error_code_in(without), "missing_api_key");
    EXPECT_EQ(without.header("www-authenticate"), "Bearer");
    const auto wrong = server.get(path, "Authorization: Bearer sk-tess\r\n");
    EXPECT_EQ(wrong.status, 401) << path;
    EXPECT_EQ(error_code_in(wrong), "invalid_api_key");
    EXPECT_NE(server.get(path, "Authorization: Bearer sk-test\r\n").status, 401) << path;
  }
}

TEST(Server, WithoutAKeyRefusesForeignPagesAndReboundNames) {
  TestServer server;
  const auto foreign = server.get("/test/slow?ms=0", "Origin: https://evil.example\r\n");
  EXPECT_EQ(foreign.status, 403);
  EXPECT_EQ(error_code_in(foreign), "foreign_origin");
  EXPECT_EQ(server.get("/test/slow?ms=0", "Origin: http://localhost:5173\r\n").status, 200);
  test::HttpClient rebound(server.port());
  rebound.send("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  const auto refused = rebound.receive();
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(error_code_in(refused), "foreign_host");

  auto options = test_options();
  options.api_key = "sk-test";
  TestServer with_key(options);
  EXPECT_EQ(with_key.get("/test/slow?ms=0", "Authorization: Bearer sk-test\r\nOrigin: https://app.example\r\n").status,
            200)
      << "a page that knows the key is no foreign page";
}

TEST(Server, TheMetricsSayWhatWasDoneByRouteAndNeverByPath) {
  TestServer server;
  server.get("/healthz");
  server.get("/secret-path-1");
  server.get("/test/slow?ms=0");
  const auto answer = metrics_after(server, 3);
  EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const std::string& text = answer.body;
  EXPECT_EQ(metric(text, R"(inkwell_http_requests_total{method="GET",route="/healthz",status="200"})"), 1);
  EXPECT_EQ(metric(text, R"(inkwell_http_requests_total{method="any",route="unmatched",status="404"})"), 1);
  EXPECT_EQ(metric(text, R"(inkwell_http_request_duration_seconds_count{method="GET",route="/test/slow"})"), 1);
  EXPECT_EQ(text.find("secret-path"), std::string::npos);
  for (const auto* name : {"inkwell_build_info{", "inkwell_workers ", "inkwell_http_connections ",
                           "inkwell_http_connections_accepted_total ", "inkwell_redis_connected ",
                           "inkwell_redis_requests_total ", "inkwell_redis_connect_failures_total "}) {
    EXPECT_NE(("\n" + text).find("\n" + std::string(name)), std::string::npos) << name;
  }
}

TEST(Server, EveryLineOfTheMetricsIsPrometheusText) {
  TestServer server;
  server.get("/healthz");
  const auto text = server.get("/metrics").body;
  std::istringstream lines(text);
  std::set<std::string> series;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
    const auto space = line.rfind(' ');
    ASSERT_NE(space, std::string::npos) << line;
    EXPECT_NO_THROW(std::stod(line.substr(space + 1))) << line;
    EXPECT_TRUE(series.insert(line.substr(0, space)).second) << "twice: " << line;
    EXPECT_TRUE(line.starts_with("inkwell_")) << line;
  }
  EXPECT_GT(series.size(), 20U);
}

TEST(Server, TheManualOfTheMetricsNamesEachOfThemAndNoOther) {
  TestServer server;
  server.get("/healthz");
  std::set<std::string> exposed;
  std::istringstream lines(metrics_after(server, 1).body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) exposed.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  std::ifstream manual(INKWELL_SOURCE_DIR "/docs/metrics.md");
  std::set<std::string> documented;
  for (std::string line; std::getline(manual, line);) {
    if (line.starts_with("| `")) documented.insert(line.substr(3, line.find('`', 3) - 3));
  }
  EXPECT_EQ(exposed, documented);
}

TEST(Server, IsReadyWhenRedisIsAndUnreadyWhileRedisIsGone) {
  test::RedisServer redis;
  auto options = test_options();
  options.redis.endpoint = redis.endpoint();
  TestServer server(options);
  EXPECT_TRUE(eventually([&] { return server.get("/readyz").status == 200; }));

  redis.kill();
  EXPECT_TRUE(eventually([&] { return server.get("/readyz").status == 503; }));
  EXPECT_NE(server.get("/readyz").body.find("redis_not_connected"), std::string::npos);
  EXPECT_EQ(server.get("/healthz").status, 200);

  redis.start();
  EXPECT_TRUE(eventually([&] { return server.get("/readyz").status == 200; }));
}

TEST(Server, LogsThatRedisIsGoneOnceHoweverOftenItTries) {
  std::ostringstream out;
  auto options = test_options();
  options.threads = 1;
  options.log = std::make_shared<telemetry::Log>(telemetry::LogOptions{}, &out);
  {
    TestServer server(options);
    ASSERT_TRUE(
        eventually([&] { return metric(server.get("/metrics").body, "inkwell_redis_connect_failures_total") >= 3; }));
  }
  const auto log = out.str();
  const auto first = log.find("Cannot connect to Redis");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(first, log.rfind("Cannot connect to Redis")) << log;
}

TEST(Server, WritesAnAccessLogWithoutSecrets) {
  std::ostringstream out;
  auto options = test_options();
  options.api_key = "sk-secret";
  telemetry::LogOptions json;
  json.format = telemetry::Format::json;
  options.log = std::make_shared<telemetry::Log>(json, &out);
  {
    TestServer server(options);
    test::http_request(server.port(), "POST", "/test/echo?q=hidden", "secret-body",
                       "Authorization: Bearer sk-secret\r\nx-request-id: id-1\r\n");
  }
  const auto log = out.str();
  EXPECT_NE(log.find(R"("request_id":"id-1","method":"POST","route":"/test/echo","status":200,"duration_ms":)"),
            std::string::npos)
      << log;
  for (const auto* secret : {"sk-secret", "secret-body", "hidden"}) EXPECT_EQ(log.find(secret), std::string::npos);
}

}  // namespace
}  // namespace inkwell::server
