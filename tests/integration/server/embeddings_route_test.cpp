// POST /v1/embeddings and GET /v1/models through the real binary and its redis-server.
#include <boost/json.hpp>
#include <cstring>
#include <gtest/gtest.h>

#include "support/http_client.hpp"
#include "support/inkwell_server.hpp"

namespace inkwell::server {
namespace {

namespace json = boost::json;

class EmbeddingsOverHttp : public ::testing::Test {
 protected:
  test::HttpAnswer post(std::string_view body) {
    return test::http_request(inkwell.port(), "POST", "/v1/embeddings", body);
  }
  static json::object parsed(const test::HttpAnswer& answer) { return json::parse(answer.body).as_object(); }

  test::InkwellServer inkwell;
};

TEST_F(EmbeddingsOverHttp, AnswersInTheShapeOfTheApiAndSaysWhereItFoundThem) {
  const auto first = post(R"({"model":"inkwell-lexical","input":["a text","another","a text"]})");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.header("content-type"), "application/json");
  EXPECT_EQ(first.header("x-inkwell-cache"), "hot=0, redis=0, miss=3");
  const auto body = parsed(first);
  EXPECT_EQ(body.at("object"), "list");
  EXPECT_EQ(body.at("model"), "inkwell-lexical");
  const auto& data = body.at("data").as_array();
  ASSERT_EQ(data.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(data[i].at("index").to_number<std::size_t>(), i);
    EXPECT_EQ(data[i].at("object"), "embedding");
    EXPECT_EQ(data[i].at("embedding").as_array().size(), 384u);
  }
  EXPECT_EQ(data[0].at("embedding"), data[2].at("embedding"));
  EXPECT_NE(data[0].at("embedding"), data[1].at("embedding"));
  EXPECT_EQ(body.at("usage").at("prompt_tokens"), body.at("usage").at("total_tokens"));

  const auto second = post(R"({"model":"inkwell-lexical","input":["another"]})");
  EXPECT_EQ(second.header("x-inkwell-cache"), "hot=1, redis=0, miss=0");
  EXPECT_EQ(parsed(second).at("data").at(0).at("embedding"), data[1].at("embedding"));
}

TEST_F(EmbeddingsOverHttp, AnswersFromRedisAfterARestart) {
  const auto first = post(R"({"model":"inkwell-lexical","input":"kept","encoding_format":"base64"})");
  ASSERT_EQ(first.status, 200) << first.body;
  ASSERT_EQ(inkwell.stop(), 0);
  inkwell.start();
  const auto second = post(R"({"model":"inkwell-lexical","input":"kept","encoding_format":"base64"})");
  EXPECT_TRUE(second.header("x-inkwell-cache").ends_with("miss=0")) << second.header("x-inkwell-cache");
  EXPECT_EQ(parsed(second).at("data"), parsed(first).at("data"));
}

TEST_F(EmbeddingsOverHttp, ErrorsAreTheApisOwn) {
  const auto unknown = post(R"({"model":"text-embedding-3-small","input":"a"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(parsed(unknown).at("error").at("code"), "model_not_found");
  EXPECT_NE(unknown.body.find("inkwell-lexical"), std::string::npos);
  for (const auto* body :
       {R"({"model":"inkwell-lexical","input":""})", R"({"model":"inkwell-lexical","input":[]})",
        R"({"model":"inkwell-lexical","input":" "})", R"({"model":"inkwell-lexical","input":[1]})"}) {
    const auto answer = post(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(parsed(answer).at("error").at("param"), "input");
    EXPECT_EQ(parsed(answer).at("error").at("type"), "invalid_request_error");
  }
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post(R"({"input":"a"})").status, 400);
  EXPECT_EQ(test::http_request(inkwell.port(), "GET", "/v1/embeddings").status, 405);
}

TEST_F(EmbeddingsOverHttp, ListsTheModels) {
  const auto answer = test::http_request(inkwell.port(), "GET", "/v1/models");
  ASSERT_EQ(answer.status, 200);
  const auto body = parsed(answer);
  EXPECT_EQ(body.at("data").at(0).at("id"), "inkwell-lexical");
  EXPECT_EQ(body.at("data").at(0).at("object"), "model");
}

TEST_F(EmbeddingsOverHttp, TheLargestRequestIsAnswered) {
  json::array inputs;
  for (int i = 0; i < 2048; ++i) inputs.emplace_back("input " + std::to_string(i));
  json::object request;
  request["model"] = "inkwell-lexical";
  request["input"] = std::move(inputs);
  request["encoding_format"] = "base64";
  const auto answer = post(json::serialize(request));
  ASSERT_EQ(answer.status, 200) << answer.body.substr(0, 300);
  EXPECT_EQ(parsed(answer).at("data").as_array().size(), 2048u);
}

}  // namespace
}  // namespace inkwell::server
