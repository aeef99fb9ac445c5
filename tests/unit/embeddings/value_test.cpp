#include "embeddings/value.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds kNow{1'800'000'000s};

Digest256 key_of(unsigned char fill) {
  Digest256 key;
  key.bytes.fill(std::byte{fill});
  return key;
}

const std::vector<float> kVector{0.5F, -0.25F, 1e-38F, std::numeric_limits<float>::denorm_min(), -0.0F};

std::string sample() { return encode_value(key_of(1), kVector, kNow); }

ValueFault fault_of(std::string_view bytes, std::uint32_t dimensions = 0, unsigned char key = 1) {
  auto decoded = decode_value(key_of(key), bytes, dimensions);
  EXPECT_FALSE(decoded) << "accepted what it must refuse";
  return decoded ? ValueFault{255} : decoded.error();
}

TEST(EmbeddingValue, ComesBackBitForBit) {
  auto decoded = decode_value(key_of(1), sample(), 5);
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->vector.bytes().size(), kVector.size() * 4);
  EXPECT_EQ(std::memcmp(decoded->vector.bytes().data(), kVector.data(), kVector.size() * 4), 0);
  EXPECT_EQ(decoded->written_at, kNow);
}

TEST(EmbeddingValue, IsLaidOutAsItsHeaderSays) {
  const std::string value = encode_value(key_of(1), std::vector<float>{1.0F}, kNow);
  ASSERT_EQ(value.size(), 28u);
  EXPECT_EQ(value.substr(0, 12), std::string("IKE\x01\x01\0\0\0\x01\0\0\0", 12));
  EXPECT_EQ(value.substr(24), std::string("\0\0\x80\x3f", 4));
}

TEST(EmbeddingValue, AnyFlippedBitIsNoticed) {
  const std::string good = sample();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_value(key_of(1), bad, 0)) << "bit " << bit;
  }
}

TEST(EmbeddingValue, AnyTruncationIsNoticed) {
  const std::string good = sample();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(fault_of(good.substr(0, size)), ValueFault::truncated);
}

TEST(EmbeddingValue, SaysWhatIsWrong) {
  EXPECT_EQ(fault_of(sample() + "x"), ValueFault::wrong_length);
  EXPECT_EQ(fault_of(std::string(44, '{')), ValueFault::foreign);
  EXPECT_EQ(fault_of(sample(), 6), ValueFault::wrong_dimensions);
  EXPECT_EQ(fault_of(sample(), 0, 2), ValueFault::wrong_checksum) << "a value under another key";
  std::string version = sample();
  version[3] = 2;
  EXPECT_EQ(fault_of(version), ValueFault::unknown_version);
  EXPECT_EQ(fault_of(encode_value(key_of(1), std::vector<float>{}, kNow)), ValueFault::wrong_length);
}

TEST(EmbeddingValue, WhatIsNotFiniteIsRefusedEvenWithAGoodChecksum) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(fault_of(encode_value(key_of(1), std::vector<float>{1.0F, bad}, kNow)), ValueFault::not_finite);
  }
}

}  // namespace
}  // namespace inkwell::embeddings
