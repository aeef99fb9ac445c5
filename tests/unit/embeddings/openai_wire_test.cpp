#include "embeddings/providers/openai_wire.hpp"

#include <gtest/gtest.h>

#include "embeddings/providers/refusal.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

const ModelChoice kChoice{"m", 0};
const auto kNow = std::chrono::system_clock::from_time_t(1'800'000'000);  // Fri, 15 Jan 2027 08:00:00 GMT

Result<ProviderAnswer> read_body(std::string_view body, std::size_t inputs) {
  HttpAnswer answer;
  answer.status = 200;
  answer.body = body;
  return read_openai_answer(answer, inputs);
}

std::string code_of(std::string_view body, std::size_t inputs) {
  const auto answer = read_body(body, inputs);
  return answer ? "accepted" : answer.error().code();
}

HttpAnswer answer_of(int status, std::string body = {}, std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.headers = std::move(headers);
  return answer;
}

TEST(EmbeddingAnswer, IsPlacedByIndexWhateverTheOrderOfItemsAndFields) {
  const auto answer = read_body(
      R"({"usage":{"total_tokens":9,"prompt_tokens":7},"data":[{"embedding":[3,4.5],"index":1,"object":"embedding"},
          {"index":0,"x":{"y":[1]},"embedding":[-1e-3,2]}],"model":"m"})",
      2);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->vectors, (std::vector<std::vector<float>>{{-0.001F, 2.0F}, {3.0F, 4.5F}}));
  EXPECT_EQ(answer->tokens, 7u);
}

TEST(EmbeddingAnswer, FloatsComeBackBitForBitFromTheirShortestForm) {
  const auto answer =
      read_body(R"({"data":[{"index":0,"embedding":[0.1,-0.0,1.17549435e-38,3.4028235e38,0.33333334]}]})", 1);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->vectors[0], (std::vector<float>{0.1F, -0.0F, 1.17549435e-38F, 3.4028235e38F, 0.33333334F}));
}

TEST(EmbeddingAnswer, Base64IsLittleEndianFloats) {
  const auto answer = read_body(R"({"data":[{"index":0,"embedding":"AACAPwAAAMA="}]})", 1);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->vectors[0], (std::vector<float>{1.0F, -2.0F}));
}

TEST(EmbeddingAnswer, UsageMayBeMissing) {
  const auto answer = read_body(R"({"data":[{"index":0,"embedding":[1]}],"usage":null})", 1);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->tokens, 0u);
}

TEST(EmbeddingAnswer, WhatIsNotExactlyOneVectorAnInputIsRefused) {
  for (const auto* body : {
           R"({"data":[{"index":0,"embedding":[1]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[2]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":-1,"embedding":[2]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]},{"index":1,"embedding":[2]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"embedding":[2]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[null]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":["x"]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[NaN]}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":"!!!!"}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":"AAAA"}]})",
           R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]})",
           R"({"data":{}})",
           R"({"error":"no"})",
           R"([])",
           "",
           "<html>",
       }) {
    EXPECT_EQ(code_of(body, 2), "upstream_bad_answer") << body;
  }
}

TEST(CheckAnswer, WantsOneLengthAndFiniteNumbers) {
  const auto good = [](std::vector<std::vector<float>> vectors, std::size_t inputs, std::uint32_t dimensions) {
    ProviderAnswer answer;
    answer.vectors = std::move(vectors);
    return check_answer(answer, inputs, dimensions).has_value();
  };
  EXPECT_TRUE(good({{1, 2}, {3, 4}}, 2, 0));
  EXPECT_TRUE(good({{1, 2}, {3, 4}}, 2, 2));
  EXPECT_FALSE(good({{1, 2}, {3, 4}}, 2, 3));
  EXPECT_FALSE(good({{1, 2}}, 2, 0));
  EXPECT_FALSE(good({{1, 2}, {3}}, 2, 0));
  EXPECT_FALSE(good({{}}, 1, 0));
  EXPECT_FALSE(good({{std::numeric_limits<float>::infinity()}}, 1, 0));
}

TEST(EmbeddingRequestToUpstream, EscapesWhatJsonMustEscape) {
  const Input text = std::string("a\"\n\x01é");
  const std::vector<const Input*> inputs{&text};
  EXPECT_EQ(openai_request(kChoice, VectorFormat::floats, inputs),
            "{\"model\":\"m\",\"input\":[\"a\\\"\\n\\u0001é\"],\"encoding_format\":\"float\"}");
}

TEST(EmbeddingRequestToUpstream, AsksForTheFormatConfiguredOrForNone) {
  const Input tokens = Tokens{1, 2};
  const std::vector<const Input*> inputs{&tokens};
  EXPECT_EQ(openai_request({"m", 16}, VectorFormat::base64, inputs),
            R"({"model":"m","input":[[1,2]],"encoding_format":"base64","dimensions":16})");
  EXPECT_EQ(openai_request(kChoice, VectorFormat::unspecified, inputs), R"({"model":"m","input":[[1,2]]})");
}

TEST(RetryAfter, IsReadInAllItsForms) {
  const auto wait = [](std::string name, std::string value) {
    return retry_after_of(answer_of(429, {}, {{std::move(name), std::move(value)}}), kNow);
  };
  EXPECT_EQ(wait("retry-after-ms", "250.5"), 250ms);
  EXPECT_EQ(wait("retry-after", "2"), 2s);
  EXPECT_EQ(wait("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT"), 30s);
  EXPECT_EQ(wait("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT"), 0s);
  EXPECT_EQ(wait("retry-after", "86400"), 1h) << "longer than anybody waits";
  EXPECT_EQ(wait("retry-after", "soon"), std::nullopt);
  EXPECT_EQ(wait("retry-after", "-1"), std::nullopt);
  EXPECT_EQ(wait("retry-after", "nan"), std::nullopt);
  EXPECT_EQ(wait("retry-after", "1e300"), std::nullopt);
  EXPECT_EQ(wait("x", "1"), std::nullopt);
}

TEST(UpstreamRefusal, IsJudgedByItsStatus) {
  const auto judged = [](int status) {
    return judge_refusal(answer_of(status, R"({"error":{"message":"why"}})"), kChoice, kNow);
  };
  EXPECT_EQ(judged(400).error.kind(), ErrorKind::invalid_argument);
  EXPECT_EQ(judged(404).error.code(), "model_not_found");
  EXPECT_EQ(judged(413).error.kind(), ErrorKind::too_large);
  EXPECT_EQ(judged(429).error.kind(), ErrorKind::overloaded);
  EXPECT_EQ(judged(401).error.code(), "upstream_unauthorized");
  EXPECT_EQ(judged(503).error.kind(), ErrorKind::upstream);
  for (const int again : {408, 409, 424, 429, 500, 502, 503, 504}) EXPECT_TRUE(judged(again).worth_retrying) << again;
  for (const int never : {301, 400, 401, 403, 404, 413, 422}) EXPECT_FALSE(judged(never).worth_retrying) << never;
  EXPECT_NE(judged(400).error.message().find("why"), std::string::npos);
  EXPECT_EQ(judged(401).error.message().find("why"), std::string::npos) << "it may repeat the key";
}

}  // namespace
}  // namespace inkwell::embeddings
