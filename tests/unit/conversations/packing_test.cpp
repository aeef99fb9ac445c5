#include "conversations/packing.hpp"

#include <gtest/gtest.h>
#include <random>

#include "base/random.hpp"

namespace inkwell::conversations {
namespace {

TEST(Packing, SmallItemsStayAsTheyAre) {
  const std::string small(100, 'a');
  EXPECT_EQ(packed(small, 100), small);
  EXPECT_EQ(packed(small, 0), small);
  EXPECT_LT(packed(small, 99).size(), small.size());
  EXPECT_EQ(unpacked(small), small);
}

TEST(Packing, WhatDoesNotGetSmallerStaysAsItIs) {
  std::string noise(5000, ' ');
  std::mt19937_64 random(random_seed());
  for (char& c : noise) c = static_cast<char>(random());
  noise.front() = ',';
  EXPECT_EQ(packed(noise, 1), noise);
}

TEST(Packing, GivesBackWhatItTook) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string json = ",";
    const std::string words[] = {"the cat ", "sat ", "on ", "\"mat\":", std::string(1, '\0'), "\xC3\xA9"};
    for (auto count = random() % 3000; count > 0; --count) json += words[random() % 6];
    EXPECT_EQ(unpacked(packed(json, 64)), json);
  }
}

TEST(Packing, DamageIsNoticed) {
  const std::string json = "," + std::string(10'000, 'a') + std::string(10'000, 'b');
  const auto stored = packed(json, 1);
  ASSERT_TRUE(stored.starts_with("Z00004e21"));
  for (const auto& wrong : {stored.substr(0, 5), stored.substr(0, 9), stored.substr(0, stored.size() - 1),
                            "Z0000zzzz" + stored.substr(9), "Z00004e20" + stored.substr(9),
                            "Z00004e22" + stored.substr(9), "Zffffffff" + stored.substr(9), std::string("Z")})
    EXPECT_FALSE(unpacked(wrong)) << wrong.substr(0, 9);
}

}  // namespace
}  // namespace inkwell::conversations
