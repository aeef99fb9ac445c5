#include "embeddings/providers/lexical.hpp"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <xxhash.h>

namespace inkwell::embeddings {
namespace {

double cosine(std::string_view a, std::string_view b) {
  const auto x = lexical_vector(a);
  const auto y = lexical_vector(b);
  double dot = 0;
  for (std::size_t i = 0; i < x.size(); ++i) dot += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return dot;
}

double length(const std::vector<float>& vector) {
  double square = 0;
  for (const float x : vector) square += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(square);
}

TEST(LexicalEmbedder, SimilarTextsAreCloserThanDissimilarOnes) {
  const std::string_view fox = "The quick brown fox jumps over the lazy dog";
  EXPECT_GT(cosine(fox, "A quick brown fox jumped over lazy dogs"), 0.5);
  EXPECT_LT(cosine(fox, "Quarterly revenue exceeded analyst expectations"), 0.25);
  EXPECT_GT(cosine("reconnect with exponential backoff", "exponential backoff when reconnecting"),
            cosine("reconnect with exponential backoff", "a recipe for lemon cake") + 0.4);
  EXPECT_GT(cosine("小说的第一章", "小说第一章的开头"), cosine("小说的第一章", "今天天气很好") + 0.3);
  EXPECT_GT(cosine("искусственный интеллект", "Искусственного интеллекта"), 0.5);
}

TEST(LexicalEmbedder, AMisspellingStaysClose) {
  EXPECT_GT(cosine("embedding", "embeding"), cosine("embedding", "wedding cake") + 0.2);
}

TEST(LexicalEmbedder, CaseAndWhiteSpaceDoNotMatter) {
  EXPECT_EQ(lexical_vector("Hello,  World"), lexical_vector(" hello, world\n"));
  EXPECT_EQ(lexical_vector("ÉCOLE ΑΒΓ ЖУК"), lexical_vector("école αβγ жук"));
  EXPECT_NE(lexical_vector("hello world"), lexical_vector("hello word"));
}

TEST(LexicalEmbedder, EveryVectorHasLengthOne) {
  for (const auto text : {"a", "!", "\xff\xfe", "日", "aa bb aa", "0"}) {
    for (const std::uint32_t dimensions : {1u, 2u, 8u, 384u, 4096u}) {
      const auto vector = lexical_vector(text, dimensions);
      ASSERT_EQ(vector.size(), dimensions);
      EXPECT_NEAR(length(vector), 1.0, 1e-5) << text << " in " << dimensions;
    }
  }
}

TEST(LexicalEmbedder, IsNeverZeroWhereEveryFeatureCancels) {
  // In one dimension a text of n features of weight 1 cancels often; many texts make sure that some do.
  for (int i = 0; i < 2000; ++i) EXPECT_NEAR(length(lexical_vector(std::to_string(i * 7919), 1)), 1.0, 1e-6) << i;
}

TEST(LexicalEmbedder, GivesTheSameBitsOnEveryMachine) {
  const auto vector = lexical_vector("The same bits on every machine: naïve café, 你好, Привет!");
  EXPECT_EQ(XXH3_64bits(vector.data(), vector.size() * sizeof(float)), 13582252631408855658u);
}

TEST(LexicalEmbedder, BlankIsWhatHasNothingButWhiteSpace) {
  EXPECT_TRUE(is_blank(""));
  EXPECT_TRUE(is_blank(" \t\r\n\u00a0\u3000\u200b\ufeff"));
  EXPECT_FALSE(is_blank(" . "));
  EXPECT_FALSE(is_blank("\xff"));
}

TEST(LexicalEmbedder, WorkIsLinearInTheText) {
  const std::string one_word(1u << 20, 'x');  // must not become quadratic, nor overflow anything
  EXPECT_NEAR(length(lexical_vector(one_word)), 1.0, 1e-5);
}

}  // namespace
}  // namespace inkwell::embeddings
