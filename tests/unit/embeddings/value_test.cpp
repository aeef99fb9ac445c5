#include "embeddings/value.hpp"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;

constexpr ValueLife kLife{std::chrono::sys_seconds(1'800'000'000s)};

Digest256 key_of(unsigned char fill) {
  Digest256 key;
  key.bytes.fill(std::byte{fill});
  return key;
}

const std::vector<float> kVector{0.5F, -0.25F, 1e-38F, std::numeric_limits<float>::denorm_min(), -0.0F};

std::string sample() { return encode_value(key_of(1), kVector, kLife); }

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
  EXPECT_EQ(decoded->life.ends_at, kLife.ends_at);
  EXPECT_FALSE(decoded->life.fixed);
}

TEST(EmbeddingValue, IsLaidOutAsItsHeaderSays) {
  const std::string value = encode_value(key_of(1), std::vector<float>{1.0F}, kLife);
  ASSERT_EQ(value.size(), 28u);
  EXPECT_EQ(value.substr(0, 12), std::string("IKE\x02\x01\0\0\0\x01\0\0\0", 12));
  EXPECT_EQ(value.substr(24), std::string("\0\0\x80\x3f", 4));
}

TEST(EmbeddingValue, AFixedLifeIsMarked) {
  const std::string value = encode_value(key_of(1), kVector, {kLife.ends_at, /*fixed=*/true});
  EXPECT_EQ(value[5], 1);
  EXPECT_TRUE(decode_value(key_of(1), value, 0)->life.fixed);
  std::string later = value;
  later[5] = 3;
  EXPECT_EQ(fault_of(later), ValueFault::unknown_version);
}

TEST(EmbeddingValue, HalvedComesBackAsItWasRounded) {
  std::vector<float> vector(1537);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = std::sin(static_cast<float>(i)) * 0.03F;
  const std::string value = encode_value(key_of(1), vector, kLife, Precision::float16);
  EXPECT_EQ(value.size(), kValueHeaderBytes + 2 * vector.size());
  auto decoded = decode_value(key_of(1), value, 1537);
  ASSERT_TRUE(decoded);
  auto rounded = vector;
  round_as_written(rounded, Precision::float16);
  EXPECT_NE(rounded, vector);
  ASSERT_EQ(decoded->vector.bytes().size(), rounded.size() * 4);
  EXPECT_EQ(std::memcmp(decoded->vector.bytes().data(), rounded.data(), rounded.size() * 4), 0);
  EXPECT_EQ(encode_value(key_of(1), rounded, kLife, Precision::float16), value);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    EXPECT_LE(std::fabs(rounded[i] - vector[i]), std::max(std::fabs(vector[i]) / 2048, std::ldexp(1.0F, -25))) << i;
  }
}

TEST(EmbeddingValue, WhatHalvesCannotHoldIsWrittenWhole) {
  std::vector<float> large{1.0F, 65520.0F};
  const std::string value = encode_value(key_of(1), large, kLife, Precision::float16);
  EXPECT_EQ(value.size(), kValueHeaderBytes + 8);
  auto rounded = large;
  round_as_written(rounded, Precision::float16);
  EXPECT_EQ(rounded, large);
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
  version[3] = 1;
  EXPECT_EQ(fault_of(version), ValueFault::unknown_version);
  EXPECT_EQ(fault_of(encode_value(key_of(1), std::vector<float>{}, kLife)), ValueFault::wrong_length);
}

TEST(EmbeddingValue, WhatIsNotFiniteIsRefusedEvenWithAGoodChecksum) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(fault_of(encode_value(key_of(1), std::vector<float>{1.0F, bad}, kLife)), ValueFault::not_finite);
  }
}

}  // namespace
}  // namespace inkwell::embeddings
