// Tenants over HTTP: every route, asked by one tenant for what is another's, answers as if it were not there.
#include "server/tenants.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/server/http_server.hpp"
#include "support/audit.hpp"
#include "support/redis_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpAnswer;

constexpr const char* kAsA = "Authorization: Bearer key-of-a\r\n";
constexpr const char* kAsB = "Authorization: Bearer key-of-b\r\n";

Options options_for(const test::RedisServer& redis) {
  auto options = test_options();
  options.redis.endpoint = redis.endpoint();
  options.api_keys = {
      {key_digest_of("key-of-a"), "a"}, {key_digest_of("key-of-b"), "b"}, {key_digest_of("key-of-c"), "c"}};
  TenantOptions limited;
  limited.name = "c";
  limited.requests_per_second = 1;
  limited.burst = 3;
  limited.quota.max_conversations = 1;
  options.tenants.push_back(std::move(limited));
  return options;
}

class TenantRoutes : public ::testing::Test {
 protected:
  ~TenantRoutes() override { test::expect_clean_audit(redis); }

  HttpAnswer ask(std::string_view method, std::string_view path, std::string_view body, std::string_view who) const {
    return test::http_request(server.port(), method, path, body, who);
  }
  static json::value value_of(const HttpAnswer& answer) {
    auto value = parse_json(answer.body);
    if (value) return std::move(*value);
    ADD_FAILURE() << answer.status << " " << answer.body;
    return json::object();
  }

  test::RedisServer redis;
  TestServer server{options_for(redis)};
};

/// An answer without what differs between any two: the id asked for.
std::string without(std::string text, std::string_view id) {
  for (auto at = text.find(id); at != std::string::npos; at = text.find(id)) text.replace(at, id.size(), "ID");
  return text;
}

TEST_F(TenantRoutes, NoRouteOfConversationsReachesAnothersNorTellsThatItIsThere) {
  const std::string items = R"({"items":[{"role":"user","content":"of a"}]})";
  const auto made = value_of(ask("POST", "/v1/conversations", items, kAsA));
  const std::string theirs(made.at("id").as_string());
  const auto stored = value_of(ask("GET", "/v1/conversations/" + theirs + "/items", "", kAsA));
  const std::string item(stored.at("data").at(0).at("id").as_string());
  const std::string nowhere = "conv_" + std::string(48, '0');
  struct Try {
    const char* method;
    std::string path;  // behind the conversation
    std::string body;
  };
  const Try tries[] = {
      {"GET", "", ""},
      {"POST", "", R"({"metadata":{}})"},
      {"DELETE", "", ""},
      {"POST", "/fork", "{}"},
      {"GET", "/export", ""},
      {"GET", "/items", ""},
      {"GET", "/items?last=5", ""},
      {"GET", "/items?max_tokens=5", ""},
      {"GET", "/items?after=" + item, ""},
      {"POST", "/items", items},
      {"POST", "/items/pop", "{}"},
      {"GET", "/items/" + item, ""},
      {"DELETE", "/items/" + item, ""},
  };
  std::size_t routes = 0;
  for (const Route& route : server.server().router().routes())
    routes += route.path.starts_with("/v1/conversations/") ? 1 : 0;
  EXPECT_LE(routes, std::size(tries) - 3 + 1) << "a new route wants a line here";
  for (const auto& one : tries) {
    const auto there = ask(one.method, "/v1/conversations/" + theirs + one.path, one.body, kAsB);
    const auto not_there = ask(one.method, "/v1/conversations/" + nowhere + one.path, one.body, kAsB);
    EXPECT_EQ(there.status, 404) << one.method << " " << one.path << " " << there.body;
    EXPECT_EQ(without(there.body, theirs), without(not_there.body, nowhere)) << one.method << " " << one.path;
    EXPECT_EQ(there.header("etag"), "");
  }
  const std::string key = "Idempotency-Key: same\r\n";
  const auto of_a = ask("POST", "/v1/conversations", "{}", kAsA + key);
  const auto of_b = ask("POST", "/v1/conversations", "{}", kAsB + key);
  EXPECT_NE(value_of(of_a).at("id"), value_of(of_b).at("id")) << "keys of idempotency are each tenant's own";
  EXPECT_EQ(value_of(ask("GET", "/v1/conversations", "", kAsB)).at("data").as_array().size(), 1U);
  EXPECT_TRUE(value_of(ask("GET", "/v1/conversations?limit=1", "", kAsA)).at("has_more").as_bool());
  EXPECT_EQ(ask("GET", "/v1/conversations?after=" + theirs, "", kAsB).status, 400);
  EXPECT_EQ(value_of(ask("GET", "/v1/conversations/" + theirs + "/items", "", kAsA)).at("data"), stored.at("data"));
}

TEST_F(TenantRoutes, ChannelsOfTheSameNameAreEachTenantsOwn) {
  const auto published = ask("POST", "/v1/channels/news/events", R"({"data":"of a"})", kAsA);
  EXPECT_EQ(published.status, 200) << published.body;
  EXPECT_EQ(value_of(published).at("channel").as_string(), "news");
  const std::string json = "Accept: application/json\r\n";
  EXPECT_EQ(value_of(ask("GET", "/v1/channels/news/events", "", kAsA + json)).at("data").as_array().size(), 1U);
  EXPECT_TRUE(value_of(ask("GET", "/v1/channels/news/events", "", kAsB + json)).at("data").as_array().empty());
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  EXPECT_EQ(ask("POST", "/.well-known/mercure", "topic=t&data=of+a", kAsA + form).status, 200);
  EXPECT_TRUE(value_of(ask("GET", "/v1/channels/default/events", "", kAsB + json)).at("data").as_array().empty());
  const std::string stream = "Content-Type: text/event-stream\r\n";
  EXPECT_EQ(ask("POST", "/v1/channels/answer/stream", "data: x\n\n", kAsA + stream).status, 200);
  EXPECT_EQ(ask("GET", "/v1/channels/answer/stream", "", kAsB + json).status, 404);
  EXPECT_EQ(ask("POST", "/v1/channels/answer/stream/stop", "", kAsB).status, 404);
  EXPECT_EQ(value_of(ask("GET", "/v1/channels/answer/stream", "", kAsA + json)).at("channel").as_string(), "answer");
}

TEST_F(TenantRoutes, ALiveStreamCarriesItsTenantsEventsOnly) {
  test::HttpClient reader(server.port());
  ASSERT_TRUE(reader.send(
      fmt::format("GET /v1/channels/news/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{}\r\n", kAsB)));
  EXPECT_EQ(reader.receive_header().status, 200);
  EXPECT_EQ(ask("POST", "/v1/channels/news/events", R"({"data":"of a"})", kAsA).status, 200);
  EXPECT_EQ(ask("POST", "/v1/channels/news/events", R"({"data":"of b"})", kAsB).status, 200);
  std::string data;
  while (data.empty()) {
    const auto line = reader.read_line();
    ASSERT_TRUE(line);
    if (line->starts_with("data: ")) data = *line;
  }
  EXPECT_EQ(data, "data: of b");
}

TEST_F(TenantRoutes, EmbeddingsOfOneTenantAreNoHitsForAnother) {
  const std::string model(value_of(ask("GET", "/v1/models", "", kAsA)).at("data").at(0).at("id").as_string());
  const auto wanted = fmt::format(R"({{"model":"{}","input":"a secret plot"}})", model);
  EXPECT_EQ(ask("POST", "/v1/embeddings", wanted, kAsA).header("x-inkwell-cache"), "hot=0, redis=0, miss=1");
  EXPECT_EQ(ask("POST", "/v1/embeddings", wanted, kAsA).header("x-inkwell-cache"), "hot=1, redis=0, miss=0");
  EXPECT_EQ(ask("POST", "/v1/embeddings", wanted, kAsB).header("x-inkwell-cache"), "hot=0, redis=0, miss=1");
}

TEST_F(TenantRoutes, ATenantAboveItsRateOrQuotaGets429) {
  const char* const as_c = "Authorization: Bearer key-of-c\r\n";
  EXPECT_EQ(ask("POST", "/v1/conversations", "{}", as_c).status, 200);
  const auto second = ask("POST", "/v1/conversations", "{}", as_c);
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(error_code_in(second), "insufficient_quota");
  EXPECT_EQ(value_of(second).at("error").at("type").as_string(), "insufficient_quota");
  EXPECT_EQ(second.header("x-should-retry"), "false");
  HttpAnswer limited;
  EXPECT_TRUE(eventually([&] {
    limited = ask("GET", "/v1/models", "", as_c);
    return limited.status == 429;
  }));
  EXPECT_EQ(error_code_in(limited), "rate_limit_exceeded");
  EXPECT_EQ(value_of(limited).at("error").at("type").as_string(), "rate_limit_error");
  EXPECT_EQ(limited.header("retry-after"), "1");
  EXPECT_EQ(ask("GET", "/v1/models", "", kAsA).status, 200);
}

TEST_F(TenantRoutes, AnOwnerSeesTheirOwnAndNoOthers) {
  const std::string ada = std::string(kAsA) + "Inkwell-Owner: ada\r\n";
  const std::string bob = std::string(kAsA) + "Inkwell-Owner: bob\r\n";
  const std::string id(value_of(ask("POST", "/v1/conversations", "{}", ada)).at("id").as_string());
  EXPECT_EQ(ask("GET", "/v1/conversations/" + id, "", ada).status, 200);
  EXPECT_EQ(ask("GET", "/v1/conversations/" + id, "", kAsA).status, 200);
  EXPECT_EQ(ask("GET", "/v1/conversations/" + id, "", bob).status, 404);
  EXPECT_EQ(value_of(ask("GET", "/v1/conversations", "", ada)).at("first_id").as_string(), id);
  EXPECT_EQ(value_of(ask("GET", "/v1/conversations?owner=ada", "", kAsA)).at("first_id").as_string(), id);
  EXPECT_EQ(ask("GET", "/v1/conversations?owner=ada", "", bob).status, 403);
  EXPECT_TRUE(value_of(ask("GET", "/v1/conversations", "", bob)).at("data").as_array().empty());
  EXPECT_EQ(ask("GET", "/v1/conversations", "", std::string(kAsA) + "Inkwell-Owner: \x01\r\n").status, 400);
}

}  // namespace
}  // namespace inkwell::server
