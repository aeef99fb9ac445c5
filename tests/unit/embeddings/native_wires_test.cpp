// Ollama's and TEI's own APIs: what is asked, and what of the answers is taken.
#include <gtest/gtest.h>

#include "embeddings/providers/ollama_wire.hpp"
#include "embeddings/providers/tei_wire.hpp"

namespace inkwell::embeddings {
namespace {

const Input kFirst = std::string("a \"quoted\" text");
const Input kSecond = std::string("b");

HttpAnswer answer_of(std::string body, std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpAnswer answer;
  answer.status = 200;
  answer.body = std::move(body);
  answer.headers = std::move(headers);
  return answer;
}

TEST(OllamaWire, AsksForWholeTextsNeverCutOff) {
  const std::vector<const Input*> inputs{&kFirst, &kSecond};
  EXPECT_EQ(ollama_request({"nomic", 0}, VectorFormat::floats, inputs),
            R"({"model":"nomic","truncate":false,"input":["a \"quoted\" text","b"]})");
  EXPECT_EQ(ollama_request({"nomic", 64}, VectorFormat::base64, {inputs.data(), 1}),
            R"({"model":"nomic","truncate":false,"dimensions":64,"input":["a \"quoted\" text"]})");
}

TEST(OllamaWire, ReadsVectorsInOrderAndTokens) {
  const auto answer = read_ollama_answer(
      answer_of(R"({"model":"nomic","embeddings":[[1,2.5],[3,-4]],"total_duration":1,"prompt_eval_count":9})"), 2);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->vectors, (std::vector<std::vector<float>>{{1.0F, 2.5F}, {3.0F, -4.0F}}));
  EXPECT_EQ(answer->tokens, 9u);
}

TEST(TeiWire, AsksInItsShape) {
  const Input tokens = Tokens{7, 8};
  const std::vector<const Input*> texts{&kSecond};
  const std::vector<const Input*> arrays{&tokens};
  EXPECT_EQ(tei_request({"any", 0}, VectorFormat::floats, texts), R"({"truncate":false,"inputs":["b"]})");
  EXPECT_EQ(tei_request({"any", 8}, VectorFormat::floats, arrays),
            R"({"truncate":false,"dimensions":8,"inputs":[[7,8]]})");
}

TEST(TeiWire, ReadsVectorsInOrderAndTokensFromItsHeader) {
  const auto answer = read_tei_answer(answer_of("[[1,2.5],[3,-4]]", {{"x-compute-tokens", "12"}}), 2);
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->vectors, (std::vector<std::vector<float>>{{1.0F, 2.5F}, {3.0F, -4.0F}}));
  EXPECT_EQ(answer->tokens, 12u);
}

TEST(NativeWires, WhatIsNoSuchAnswerIsRefused) {
  for (const auto* body :
       {"", "<html>", "{}", "[1,2]", "[[null]]", "[[NaN]]", R"([["x"]])", "[[1,2]", R"({"error":"no"})"}) {
    const auto answer = read_tei_answer(answer_of(body), 1);
    EXPECT_FALSE(answer && check_answer(*answer, 1, 0)) << body;
  }
  for (const auto* body : {"", "[]", "{}", R"({"embeddings":[1]})", R"({"embeddings":[[null]]})",
                           R"({"embeddings":{}})", R"({"embeddings":[[1,2]]})", R"({"embeddings":[[1],[2],[3]]})"}) {
    const auto answer = read_ollama_answer(answer_of(body), 2);
    EXPECT_FALSE(answer && check_answer(*answer, 2, 0)) << body;
  }
}

}  // namespace
}  // namespace inkwell::embeddings
