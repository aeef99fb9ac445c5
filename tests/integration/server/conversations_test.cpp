// Conversations over HTTP, where they go beyond what the SDKs ask: headers that make writes conditional or repeatable,
// lifetimes, windows, pop; and requests as OpenAI's Python SDK and Agents SDK send them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/server/http_server.hpp"
#include "support/audit.hpp"
#include "support/redis_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpAnswer;

Options options_for(const test::RedisServer& redis) {
  auto options = test_options();
  options.redis.endpoint = redis.endpoint();
  return options;
}

json::value value_of(const HttpAnswer& answer) {
  auto value = parse_json(answer.body);
  if (value) return std::move(*value);
  ADD_FAILURE() << answer.status << " " << answer.body;
  return json::object();
}

class ConversationRoutes : public ::testing::Test {
 protected:
  ~ConversationRoutes() override { test::expect_clean_audit(redis); }

  HttpAnswer post(std::string_view path, std::string_view body, std::string_view extra = {}) const {
    return test::http_request(server.port(), "POST", path, body, extra);
  }
  std::string created(std::string_view body = "{}") const {
    const auto answer = post("/v1/conversations", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return std::string(value_of(answer).at("id").as_string());
  }
  std::string items_of(const std::string& id) const { return "/v1/conversations/" + id + "/items"; }

  test::RedisServer redis;
  TestServer server{options_for(redis)};
};

TEST_F(ConversationRoutes, RepeatedRequestsWithOneIdempotencyKeyHaveOneAnswer) {
  const std::string key = "Idempotency-Key: 5f0c\r\n";
  const auto first = post("/v1/conversations", R"({"metadata":{"a":"b"}})", key);
  EXPECT_EQ(post("/v1/conversations", R"({"metadata":{"a":"b"}})", key).body, first.body);
  const auto other = post("/v1/conversations", R"({"metadata":{"a":"c"}})", key);
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(error_code_in(other), "idempotency_key_reused");
  const std::string id(value_of(first).at("id").as_string());
  const auto appended = post(items_of(id), R"({"items":[{"role":"user","content":"x"}]})", "Idempotency-Key: 7\r\n");
  EXPECT_EQ(appended.status, 200);
  EXPECT_EQ(post(items_of(id), R"({"items":[{"role":"user","content":"x"}]})", "Idempotency-Key: 7\r\n").body,
            appended.body);
  EXPECT_EQ(value_of(server.get(items_of(id))).at("data").as_array().size(), 1U);
  EXPECT_EQ(post("/v1/conversations", "{}", "Idempotency-Key: a b\r\n").status, 400);
  EXPECT_EQ(post("/v1/conversations", "{}", "Idempotency-Key: " + std::string(256, 'x') + "\r\n").status, 400);
}

TEST_F(ConversationRoutes, AWriteThatNamesAnOldVersionIsRefused) {
  const auto path = "/v1/conversations/" + created();
  const auto etag = server.get(path).header("etag");
  EXPECT_EQ(etag, "\"1\"");
  const auto updated = post(path, R"({"metadata":{"a":"b"}})", "If-Match: W/\"7\", " + etag + "\r\n");
  EXPECT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(updated.header("etag"), "\"2\"");
  for (const std::string stale : {"\"1\"", "W/\"2\"", "2", "\"x\"", ","}) {
    const auto refused =
        post(path + "/items", R"({"items":[{"role":"user","content":"x"}]})", "If-Match: " + stale + "\r\n");
    EXPECT_EQ(refused.status, 412) << stale;
    EXPECT_EQ(error_code_in(refused), "version_mismatch");
  }
  const auto any = post(path + "/items", R"({"items":[{"role":"user","content":"x"}]})", "If-Match: *\r\n");
  EXPECT_EQ(any.header("etag"), "\"3\"");
  EXPECT_EQ(test::http_request(server.port(), "DELETE", path, {}, "If-Match: \"1\"\r\n").status, 412);
  EXPECT_EQ(test::http_request(server.port(), "DELETE", path, {}, "If-Match: \"3\"\r\n").status, 200);
}

TEST_F(ConversationRoutes, SayHowLongTheyLive) {
  const auto id = created(R"({"expires_after":{"anchor":"last_active_at","minutes":5}})");
  auto got = value_of(server.get("/v1/conversations/" + id));
  EXPECT_EQ(got.at("expires_after"), (json::value{{"anchor", "last_active_at"}, {"seconds", 300}}));
  EXPECT_EQ(got.at("expires_at").as_int64() - got.at("created_at").as_int64(), 300);
  got = value_of(post("/v1/conversations/" + id, R"({"expires_after":{"anchor":"last_active_at","days":1}})"));
  EXPECT_EQ(got.at("expires_after").at("seconds").as_int64(), 86400);
  for (const std::string_view wrong :
       {R"({"days":1})", R"({"anchor":"created_at","days":1})", R"({"anchor":"last_active_at"})",
        R"({"anchor":"last_active_at","days":0})", R"({"anchor":"last_active_at","days":366})",
        R"({"anchor":"last_active_at","days":1,"seconds":1})", "7"}) {
    EXPECT_EQ(post("/v1/conversations", fmt::format(R"({{"expires_after":{}}})", wrong)).status, 400) << wrong;
  }
}

TEST_F(ConversationRoutes, AreGoneWhenTheirLifetimeIsOver) {
  const auto id =
      created(R"({"expires_after":{"anchor":"last_active_at","seconds":1},"items":[{"role":"user","content":"x"}]})");
  EXPECT_TRUE(eventually([&] { return redis.cli({"DBSIZE"}) == "0"; }));
  EXPECT_EQ(server.get("/v1/conversations/" + id).status, 404);
}

TEST_F(ConversationRoutes, GiveTheNewestItemsAsAWindow) {
  const auto id = created();
  post(items_of(id), R"({"items":[{"role":"user","content":"q"},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
    {"type":"function_call_output","call_id":"c","output":"1"},{"role":"assistant","content":"a"}]})");
  const auto window = value_of(server.get(items_of(id) + "?last=3"));
  ASSERT_EQ(window.at("data").as_array().size(), 3U);
  EXPECT_EQ(window.at("data").at(0).at("type"), "function_call");
  EXPECT_EQ(window.at("has_more"), true);
  EXPECT_EQ(value_of(server.get(items_of(id) + "?last=2")).at("data").as_array().size(), 1U);
  EXPECT_EQ(value_of(server.get(items_of(id) + "?max_tokens=4000")).at("data").as_array().size(), 4U);
  EXPECT_EQ(value_of(server.get(items_of(id) + "?max_tokens=1")).at("data").as_array().size(), 0U);
  for (const auto* wrong : {"?last=0", "?last=1001", "?last=x", "?max_tokens=0", "?last=1&limit=1", "?last=1&after=x"})
    EXPECT_EQ(server.get(items_of(id) + wrong).status, 400) << wrong;
}

TEST_F(ConversationRoutes, PopTheNewestItems) {
  const auto id = created(
      R"({"items":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"user","content":"c"}]})");
  const auto one = value_of(post(items_of(id) + "/pop", ""));
  EXPECT_EQ(one.at("data").at(0).at("content").at(0).at("text"), "c");
  const auto two = value_of(post(items_of(id) + "/pop", R"({"count":5})"));
  ASSERT_EQ(two.at("data").as_array().size(), 2U);
  EXPECT_EQ(two.at("first_id"), two.at("data").at(0).at("id"));
  EXPECT_EQ(two.at("data").at(0).at("content").at(0).at("text"), "a");
  const auto none = post(items_of(id) + "/pop", "");
  EXPECT_EQ(none.status, 200);
  EXPECT_EQ(value_of(none).at("data").as_array().size(), 0U);
  EXPECT_EQ(post(items_of(id) + "/pop", R"({"count":0})").status, 400);
}

// OpenAIConversationsSession (openai/openai-agents-python, src/agents/memory/openai_conversations_session.py): creates
// with items=[], lists ascending without a limit or descending with one, adds without chunking, pops by listing one and
// deleting it.
TEST_F(ConversationRoutes, ServeTheAgentsSdksSession) {
  const std::string headers =
      "Accept: application/json\r\nAuthorization: Bearer unused\r\nX-Stainless-Lang: python\r\nX-Stainless-Async: "
      "async:asyncio\r\nx-stainless-retry-count: 0\r\nx-stainless-read-timeout: 600\r\n";
  const auto made = post("/v1/conversations", R"({"items":[]})", headers);
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string id(value_of(made).at("id").as_string());
  std::string many = R"({"items":[)";
  for (int i = 0; i < 45; ++i) many += fmt::format(R"({}{{"role":"user","content":"{}"}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(post(items_of(id), many + "]}", headers).status, 200);
  const auto ascending = value_of(server.get(items_of(id) + "?order=asc", headers));
  EXPECT_EQ(ascending.at("data").as_array().size(), 20U);
  EXPECT_EQ(ascending.at("has_more"), true);
  const auto newest =
      value_of(server.get(items_of(id) + "?limit=1&order=desc&include%5B%5D=reasoning.encrypted_content", headers));
  const std::string last(newest.at("last_id").as_string());
  const auto removed = test::http_request(server.port(), "DELETE", items_of(id) + "/" + last, {}, headers);
  EXPECT_EQ(value_of(removed).at("id").as_string(), id);
  EXPECT_EQ(test::http_request(server.port(), "DELETE", "/v1/conversations/" + id, {}, headers).status, 200);
}

}  // namespace
}  // namespace inkwell::server
