#include "embeddings/key.hpp"

#include <gtest/gtest.h>
#include <set>

namespace inkwell::embeddings {
namespace {

TEST(EmbeddingKey, IsTheSha256OfADomainByteAndTheText) {
  // printf '\001hello' | sha256sum
  Digester digest;
  EXPECT_EQ(hex(digest.text("hello")), "cceeb7a985ecc3dabcb4c8f666cd637f16f008e3c963db6aa6f83a7b288c54ef");
}

TEST(EmbeddingKey, AnswersTheSameWhenItsContextIsUsedAgain) {
  Digester digest;
  const auto first = digest.text("one");
  digest.text("two");
  EXPECT_EQ(digest.text("one"), first);
  EXPECT_NE(digest.text("two"), first);
}

TEST(EmbeddingKey, KeepsATextAndTokensOfTheSameBytesApart) {
  Digester digest;
  EXPECT_NE(digest(Input("abcd")), digest(Input(Tokens{0x64636261})));
}

TEST(EmbeddingKey, TokensAreTheirOwnSequenceAndNothingElse) {
  Digester digest;
  const std::set<std::string> keys{hex(digest(Input(Tokens{1, 2}))), hex(digest(Input(Tokens{2, 1}))),
                                   hex(digest(Input(Tokens{12}))), hex(digest(Input(Tokens{1, 2, 0})))};
  EXPECT_EQ(keys.size(), 4u);
}

TEST(EmbeddingKey, ModelAndDimensionsAndInputEachChangeTheHotKey) {
  Digester digest;
  const auto key = [&](std::string_view text, const ModelChoice& choice) {
    return hex(hot_key(digest.text(text), digest.choice(choice)));
  };
  const std::set<std::string> keys{key("a", {"m", 0}), key("b", {"m", 0}), key("a", {"n", 0}), key("a", {"m", 8}),
                                   key("a", {"m8", 0})};
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(key("a", {"m", 0}), key("a", {"m", 0}));
}

TEST(EmbeddingKey, TakesEveryByteOfATextAsItIs) {
  using namespace std::string_view_literals;
  Digester digest;
  EXPECT_NE(digest.text("a\0b"sv), digest.text("a"));
  EXPECT_NE(digest.text("a "), digest.text("a"));
  EXPECT_NE(digest.text("A"), digest.text("a"));
}

}  // namespace
}  // namespace inkwell::embeddings
