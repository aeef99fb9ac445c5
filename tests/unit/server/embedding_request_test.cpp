#include "server/routes/embedding_request.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "server/routes/embedding_response.hpp"

namespace inkwell::server {
namespace {

using embeddings::Input;
using embeddings::Tokens;

Result<EmbeddingRequest> read(std::string_view body) {
  return read_embedding_request(json::parse(json::string_view(body.data(), body.size())).as_object());
}

Result<EmbeddingRequest> read_input(const std::string& input) { return read(R"({"model":"m","input":)" + input + "}"); }

TEST(EmbeddingRequestBody, TakesEveryKindOfInput) {
  const auto inputs = [](const std::string& input) { return read_input(input).value().inputs; };
  EXPECT_EQ(inputs(R"("a")"), (std::vector<Input>{"a"}));
  EXPECT_EQ(inputs(R"(["a","b"])"), (std::vector<Input>{"a", "b"}));
  EXPECT_EQ(inputs("[1,2,3]"), (std::vector<Input>{Tokens{1, 2, 3}}));
  EXPECT_EQ(inputs("[[1,2],[3]]"), (std::vector<Input>{Tokens{1, 2}, Tokens{3}}));
}

TEST(EmbeddingRequestBody, ReadsTheOtherFieldsAndIgnoresWhatItDoesNotKnow) {
  const auto request =
      read(R"({"model":"m","input":"a","encoding_format":"base64","dimensions":256,"user":"u","x":1})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->choice, (embeddings::ModelChoice{"m", 256}));
  EXPECT_TRUE(request->base64);
  const auto plain = read(R"({"model":"m","input":"a","encoding_format":null,"dimensions":null})");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->base64);
  EXPECT_EQ(plain->choice.dimensions, 0u);
}

TEST(EmbeddingRequestBody, RefusesWrongInputsNamingTheParam) {
  for (const auto* input : {R"("")", "[]", "null", "1", "{}", "true", R"(["a",""])", R"(["a",1])", R"([1,"a"])", "[[]]",
                            "[[1],[]]", "[[1],2]", R"([["a"]])", "[1.5]", "[-1]", "[4294967296]", "[true]", "[null]"}) {
    const auto request = read_input(input);
    ASSERT_FALSE(request) << input;
    EXPECT_EQ(request.error().kind(), ErrorKind::invalid_argument);
    EXPECT_EQ(request.error().param(), "input") << input;
    EXPECT_TRUE(request.error().message().starts_with("'$.input' is invalid")) << request.error().message();
  }
  EXPECT_FALSE(read(R"({"model":"m"})"));
}

TEST(EmbeddingRequestBody, KeepsToTheLimitsOfTheApi) {
  const auto array_of = [](std::size_t count, const std::string& element) {
    std::string out = "[";
    for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + element;
    return out + "]";
  };
  EXPECT_TRUE(read_input(array_of(2048, R"("a")")));
  const auto many = read_input(array_of(2049, R"("a")"));
  ASSERT_FALSE(many);
  EXPECT_NE(many.error().message().find("array length must be 2048 or less"), std::string::npos);
  EXPECT_TRUE(read_input(array_of(8192, "7")));
  EXPECT_FALSE(read_input(array_of(8193, "7")));
  EXPECT_TRUE(read_input('"' + std::string(kMaxEmbeddingTextBytes, 'x') + '"'));
  EXPECT_FALSE(read_input('"' + std::string(kMaxEmbeddingTextBytes + 1, 'x') + '"'));
}

TEST(EmbeddingRequestBody, CodesItsRefusalsAsTheApiDoes) {
  const auto code = [](const std::string& input) { return read_input(input).error().code(); };
  EXPECT_EQ(code(R"("")"), "empty_string");
  EXPECT_EQ(code("[]"), "empty_array");
  EXPECT_EQ(code("[[]]"), "empty_array");
  EXPECT_EQ(code("null"), "missing_required_parameter");
  EXPECT_EQ(code("7"), "invalid_type");
  EXPECT_EQ(code("[1.5]"), "invalid_type");
}

TEST(CacheControl, IsReadFromTheHeaders) {
  using Mode = embeddings::CacheControl::Mode;
  const auto with = [](std::string_view mode, std::string_view ttl) {
    HttpRequest request;
    if (!mode.empty()) request.headers.set(kCacheHeader, mode);
    if (!ttl.empty()) request.headers.set(kCacheTtlHeader, ttl);
    return read_cache_control(request, std::chrono::seconds(3600));
  };
  EXPECT_EQ(with("", "")->mode, Mode::use);
  EXPECT_EQ(with("use", "")->mode, Mode::use);
  EXPECT_EQ(with("refresh", "")->mode, Mode::refresh);
  EXPECT_EQ(with("bypass", "")->mode, Mode::bypass);
  EXPECT_EQ(with("", "60")->ttl, std::chrono::seconds(60));
  EXPECT_EQ(with("", "")->ttl, std::nullopt);
  EXPECT_EQ(with("never", "").error().param(), "x-inkwell-cache");
  for (const auto* ttl : {"0", "-1", "3601", "1h", "99999999999999999999", "1.5"}) {
    const auto refused = with("", ttl);
    ASSERT_FALSE(refused) << ttl;
    EXPECT_EQ(refused.error().param(), "x-inkwell-cache-ttl");
  }
}

TEST(EmbeddingRequestBody, RefusesWrongFieldsNamingTheParam) {
  const auto param = [](const char* fields) {
    const auto request = read(std::string(R"({"input":"a",)") + fields + "}");
    return request ? "accepted" : request.error().param().value_or("none");
  };
  EXPECT_EQ(param(R"("x":1)"), "model");
  EXPECT_EQ(param(R"("model":"")"), "model");
  EXPECT_EQ(param(R"("model":7)"), "model");
  EXPECT_EQ(param(R"("model":"m","dimensions":0)"), "dimensions");
  EXPECT_EQ(param(R"("model":"m","dimensions":1.5)"), "dimensions");
  EXPECT_EQ(param(R"("model":"m","encoding_format":"hex")"), "encoding_format");
}

std::string floats(std::vector<float> vector) {
  std::string out;
  append_floats(out, vector);
  return out;
}

TEST(EmbeddingResponseBody, WritesFloatsInTheirShortestForm) {
  EXPECT_EQ(floats({}), "[]");
  EXPECT_EQ(floats({0.1F, -0.25F, 1e-10F, 0.0F}), "[0.1,-0.25,1e-10,0]");
  EXPECT_EQ(floats({-1.17549435e-38F, 3.4028235e38F, 1.4e-45F}), "[-1.1754944e-38,3.4028235e+38,1e-45]");
}

TEST(EmbeddingResponseBody, WritesBase64OfLittleEndianFloats) {
  std::string out = "x";
  append_base64(out, std::vector<float>{1.0F, -2.0F});
  EXPECT_EQ(out, "xAACAPwAAAMA=");
}

TEST(EmbeddingResponseBody, RemembersTextsAndNeverMixesThemUp) {
  VectorTexts small(1 << 16);  // some are forgotten
  VectorTexts none(0);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 60; ++i) {
      std::vector<float> vector;
      for (int x = 0; x < 100 + i % 3; ++x) vector.push_back(static_cast<float>(i) / 7 + static_cast<float>(x));
      for (auto* texts : {&small, &none}) {
        std::string out;
        texts->append(out, vector);
        ASSERT_EQ(out, floats(vector));
      }
    }
  }
}

TEST(EmbeddingResponseBody, IsTheShapeOfTheApi) {
  HotCache cache({.max_bytes = 1 << 16});
  const std::vector<float> vector{0.5F, -1.0F};
  embeddings::Answer answer;
  for (int i = 0; i < 2; ++i) {
    answer.vectors.push_back(cache.put(Digest256{}, std::as_bytes(std::span(vector)), HotCache::TimePoint::max(), {}));
  }
  answer.tokens = 5;
  VectorTexts texts(1 << 20);
  EXPECT_EQ(embedding_response(answer, "a \"model\"", false, texts),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},)"
            R"({"object":"embedding","index":1,"embedding":[0.5,-1]}],"model":"a \"model\"",)"
            R"("usage":{"prompt_tokens":5,"total_tokens":5}})");
}

}  // namespace
}  // namespace inkwell::server
