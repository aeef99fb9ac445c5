// Conversations over HTTP, where they go beyond what the SDKs ask: headers that make writes conditional or repeatable,
// lifetimes, windows, pop; and requests as OpenAI's Python SDK and Agents SDK send them.
#include <algorithm>
#include <boost/json/parse.hpp>
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

TEST_F(ConversationRoutes, AReferenceAppendsTheItemOnceMore) {
  const auto id = created(R"({"items":[{"role":"user","content":"again and again"}]})");
  const std::string first(value_of(server.get(items_of(id))).at("first_id").as_string());
  const auto answer = post(
      items_of(id), R"({"items":[{"type":"item_reference","id":")" + first + R"("},{"role":"user","content":"new"}]})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = value_of(answer);
  auto again = body.at("data").at(0).as_object();
  EXPECT_NE(again.at("id").as_string(), first);
  EXPECT_TRUE(again.at("id").as_string().starts_with("msg_"));
  EXPECT_EQ(again.at("content").at(0).at("text").as_string(), "again and again");
  const auto all = value_of(server.get(items_of(id) + "?order=asc"));
  EXPECT_EQ(all.at("data").as_array().size(), 3U);
  EXPECT_EQ(all.at("data").at(1), body.at("data").at(0));
  const auto missing = post(items_of(id), R"({"items":[{"type":"item_reference","id":"msg_none"}]})");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(error_code_in(missing), "item_not_found");
  EXPECT_EQ(post("/v1/conversations", R"({"items":[{"type":"item_reference","id":"msg_none"}]})").status, 404);
}

TEST_F(ConversationRoutes, LargeItemsComeBackByteForByteAndAreStoredSmaller) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "word" + std::to_string(i % 97) + " ";
  const auto id = created();
  const auto item = R"({"type":"custom","id":"big","text":")" + text + R"(","number":1.000000000000000000001})";
  ASSERT_EQ(post(items_of(id), R"({"items":[)" + item + "]}").status, 200);
  const auto expected = R"({"id":"big","type":"custom","text":")" + text + R"(","number":1.000000000000000000001})";
  EXPECT_EQ(server.get(items_of(id) + "/big").body, expected);
  EXPECT_NE(server.get(items_of(id)).body.find(expected), std::string::npos);
  EXPECT_NE(server.get(items_of(id) + "?last=1").body.find(expected), std::string::npos);
  EXPECT_EQ(value_of(server.get(items_of(id) + "?max_tokens=100")).at("data").as_array().size(), 0U)
      << "its length counts, not what is stored of it";
  const auto fork = value_of(post("/v1/conversations/" + id + "/fork", "{}")).at("id").as_string();
  EXPECT_NE(server.get(items_of(std::string(fork))).body.find(expected), std::string::npos);
  EXPECT_LT(std::stoul(redis.cli({"MEMORY", "USAGE", "ink:default:conv:{" + id + "}:items"})), text.size() / 3);
  EXPECT_NE(post(items_of(id) + "/pop", "{}").body.find(expected), std::string::npos);
}

TEST_F(ConversationRoutes, WhatTheClientHasIsNotSentAgain) {
  const auto id = created(R"({"items":[{"role":"user","content":"x"}]})");
  const std::string item(value_of(server.get(items_of(id))).at("first_id").as_string());
  for (const std::string& path :
       {"/v1/conversations/" + id, items_of(id), items_of(id) + "?last=3", items_of(id) + "/" + item}) {
    const auto first = server.get(path);
    const auto tag = first.header("etag");
    ASSERT_NE(tag, "") << path;
    for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
      const auto again = server.get(path, "If-None-Match: " + known + "\r\n");
      EXPECT_EQ(again.status, 304) << path << " " << known;
      EXPECT_EQ(again.body, "");
      EXPECT_EQ(again.header("etag"), tag);
    }
    for (const std::string& other : {std::string("\"other\""), "\"x" + tag.substr(1), tag.substr(1, tag.size() - 2)})
      EXPECT_EQ(server.get(path, "If-None-Match: " + other + "\r\n").status, 200) << path << " " << other;
  }
  const auto tag = server.get(items_of(id)).header("etag");
  EXPECT_EQ(post(items_of(id), R"({"items":[{"role":"user","content":"y"}]})").status, 200);
  EXPECT_EQ(server.get(items_of(id), "If-None-Match: " + tag + "\r\n").status, 200);
}

/// The body of a chunked answer.
std::string read_chunks(test::HttpClient& client) {
  std::string body;
  for (;;) {
    const auto size = client.read_line();
    if (!size) return body + " BROKEN OFF";
    auto left = std::stoul(*size, nullptr, 16);
    if (left == 0) return body;
    while (left > 0) {
      const auto line = client.read_line();
      if (!line) return body + " BROKEN OFF";
      body += *line + "\n";
      left -= line->size() + 1;
    }
    client.read_line();
  }
}

TEST_F(ConversationRoutes, AConversationIsExportedAndImportedWhole) {
  const auto id = created(R"({"metadata":{"novel":"7"},"expires_after":{"anchor":"last_active_at","days":3}})");
  std::string expected;
  for (int i = 0; i < 7; ++i) {
    std::string items;
    for (int n = 0; n < 100; ++n) items += (n == 0 ? "" : ",") + std::string(R"({"type":"x","n":1e400,"text":"a\nb"})");
    ASSERT_EQ(post(items_of(id), R"({"items":[)" + items + "]}").status, 200);
  }
  test::HttpClient client(server.port());
  ASSERT_TRUE(client.send("GET /v1/conversations/" + id + "/export HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  const auto head = client.receive_header();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-type"), "application/jsonl");
  const auto exported = read_chunks(client);
  EXPECT_EQ(std::ranges::count(exported, '\n'), 702);
  EXPECT_TRUE(exported.ends_with("{\"object\":\"conversation.export.end\",\"items\":700}\n"));
  const std::string key = "Idempotency-Key: import-1\r\nContent-Type: application/jsonl\r\n";
  const auto imported = post("/v1/conversations/import", exported, key);
  ASSERT_EQ(imported.status, 200) << imported.body;
  const std::string copy(value_of(imported).at("id").as_string());
  EXPECT_NE(copy, id);
  EXPECT_EQ(value_of(imported).at("metadata").at("novel").as_string(), "7");
  EXPECT_EQ(value_of(imported).at("expires_after").at("seconds").as_int64(), 3 * 86400);
  for (const std::string page : {"?order=asc&limit=100", "?limit=100", "?last=900"})
    EXPECT_EQ(server.get(items_of(copy) + page).body, server.get(items_of(id) + page).body);
  EXPECT_EQ(value_of(post("/v1/conversations/import", exported, key)).at("id").as_string(), copy);
  EXPECT_EQ(post("/v1/conversations/import", exported + "\n", key).status, 422);
}

TEST_F(ConversationRoutes, AnImportThatIsNotWholeLeavesNothing) {
  const std::string head = R"({"object":"conversation","metadata":{}})"
                           "\n";
  const std::string item = R"({"role":"user","content":"x"})"
                           "\n";
  const auto end = [](int count) {
    return R"({"object":"conversation.export.end","items":)" + std::to_string(count) + "}\n";
  };
  for (const auto& [wrong, line] :
       std::vector<std::pair<std::string, std::string>>{{head + item, "Line 2"},
                                                        {head + item + end(2), "Line 3"},
                                                        {head + item + "{nonsense\n" + end(1), "Line 3"},
                                                        {head + item + "[]\n" + end(1), "Line 3"},
                                                        {head +
                                                             R"({"role":"user"})"
                                                             "\n" +
                                                             end(1),
                                                         "Line 2"},
                                                        {head + item + end(1) + item, "Line 4"},
                                                        {head +
                                                             R"({"type":"item_reference","id":"x"})"
                                                             "\n" +
                                                             end(1),
                                                         "Line 2"},
                                                        {R"({"metadata":{"a":1}})"
                                                         "\n" +
                                                             end(0),
                                                         "Line 1"},
                                                        {"", "Line 0"}}) {
    const auto refused = post("/v1/conversations/import", wrong);
    EXPECT_EQ(refused.status, 400) << wrong << refused.body;
    EXPECT_EQ(error_code_in(refused), "invalid_import");
    EXPECT_NE(refused.body.find(line), std::string::npos) << refused.body;
  }
  EXPECT_TRUE(value_of(server.get("/v1/conversations")).at("data").as_array().empty());
  EXPECT_EQ(redis.cli({"--scan", "--pattern", "*conv:*"}), "");
  EXPECT_EQ(post("/v1/conversations/import", head + end(0)).status, 200);
}

TEST_F(ConversationRoutes, AnAppendIsToldInItsChannelWhenThatIsWanted) {
  auto telling = options_for(redis);
  telling.conversation_events = true;
  const TestServer other(telling);
  const auto id = created();
  const auto items = R"({"items":[{"role":"user","content":"x"}]})";
  const std::string key = "Idempotency-Key: k\r\n";
  const auto quiet = post(items_of(id), items);
  EXPECT_EQ(quiet.header("x-inkwell-event"), "");
  const auto told = test::http_request(other.port(), "POST", items_of(id), items, key);
  EXPECT_NE(told.header("x-inkwell-event"), "");
  const auto repeated = test::http_request(other.port(), "POST", items_of(id), items, key);
  EXPECT_EQ(repeated.header("x-inkwell-event"), told.header("x-inkwell-event"));
  const auto history =
      value_of(server.get("/v1/channels/conversation:" + id + "/events", "Accept: application/json\r\n"));
  ASSERT_EQ(history.at("data").as_array().size(), 1U);
  const auto& event = history.at("data").at(0);
  EXPECT_EQ(event.at("type").as_string(), "conversation.items.created");
  const auto data = json::parse(event.at("data").as_string());
  EXPECT_EQ(data.at("conversation_id").as_string(), id);
  EXPECT_EQ(data.at("item_ids").at(0), value_of(told).at("first_id"));
  EXPECT_EQ("\"" + std::to_string(data.at("version").as_int64()) + "\"", told.header("etag"));
}

}  // namespace
}  // namespace inkwell::server
