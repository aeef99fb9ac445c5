#include "base/base64.hpp"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace inkwell {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  append_base64(out, std::as_bytes(std::span(text.data(), text.size())));
  return out;
}

std::optional<std::string> decoded(std::string_view text) {
  const auto length = decoded_base64_length(text);
  if (!length) return std::nullopt;
  std::string out(*length, '\0');
  if (!decode_base64(text, std::as_writable_bytes(std::span(out.data(), out.size())))) return std::nullopt;
  return out;
}

TEST(Base64, IsThatOfTheRfc) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : examples) {
    EXPECT_EQ(encoded(plain), text);
    EXPECT_EQ(decoded(text), plain);
  }
}

TEST(Base64, BothWaysAgreeOnEveryLengthAndByte) {
  std::mt19937 random(20261123);
  for (std::size_t size = 0; size < 400; ++size) {
    std::vector<std::byte> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    std::string fast = "x";
    std::string slow = "x";
    append_base64(fast, bytes);
    append_base64_by_bytes(slow, bytes);
    ASSERT_EQ(fast, slow) << size;
    const std::string_view text = std::string_view(fast).substr(1);
    ASSERT_EQ(decoded_base64_length(text), size);
    std::vector<std::byte> back(size);
    ASSERT_TRUE(decode_base64(text, back));
    ASSERT_EQ(back, bytes);
    ASSERT_TRUE(decode_base64_by_bytes(text, back));
    ASSERT_EQ(back, bytes);
  }
}

TEST(Base64, ACharacterOfNoAlphabetIsNoticedWhereverItStands) {
  const std::string good = encoded(std::string(120, 'q'));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string bad = good;
      bad[i] = static_cast<char>(c);
      const bool alphabet =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
      if (i + 1 == good.size() && c == '=') continue;  // padding, in its place
      ASSERT_EQ(decoded(bad).has_value(), alphabet) << i << " " << c;
    }
  }
}

TEST(Base64, WhatIsNotWholeIsRefused) {
  for (const auto* text : {"Z", "Zg", "Zg=", "Zg=a", "=Zg=", "====", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm\n8"}) {
    EXPECT_FALSE(decoded(text)) << text;
  }
}

}  // namespace
}  // namespace inkwell
