// float16: the CPU's conversion and ours give the same bits, and the documented error is the greatest there is.
#include "embeddings/half.hpp"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace inkwell::embeddings {
namespace {

std::vector<std::uint16_t> all_halves() {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  return halves;
}

TEST(Half, EveryOneWidensTheSameWayByCpuAndByIntegers) {
  const auto halves = all_halves();
  std::vector<float> floats(halves.size());
  from_half(halves, floats);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(floats[i]), std::bit_cast<std::uint32_t>(from_half_by_integers(halves[i])))
        << i;
  }
}

TEST(Half, EveryFiniteOneComesBackAsItself) {
  for (const auto half : all_halves()) {
    const float wide = from_half_by_integers(half);
    if (!std::isfinite(wide)) continue;
    EXPECT_EQ(to_half_by_integers(wide), half);
  }
}

TEST(Half, FloatsAreRoundedTheSameWayByCpuAndByIntegers) {
  std::mt19937 random(20261123);
  std::vector<float> floats;
  for (int i = 0; i < 400'000; ++i) {
    const float any = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isnan(any)) floats.push_back(any);
  }
  for (const auto half : all_halves()) {  // the ties, and what is beside them
    const float wide = from_half_by_integers(half);
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float middle = (wide + from_half_by_integers(next)) / 2;
    if (!std::isfinite(middle)) continue;
    floats.push_back(middle);
    floats.push_back(std::nextafter(middle, 0.0F));
    floats.push_back(std::nextafter(middle, std::copysign(INFINITY, middle)));
  }
  std::vector<std::uint16_t> halves(floats.size());
  to_half(floats, halves);
  for (std::size_t i = 0; i < floats.size(); ++i) ASSERT_EQ(halves[i], to_half_by_integers(floats[i])) << floats[i];
}

TEST(Half, TheErrorIsAtMostWhatIsDocumented) {
  std::mt19937 random(7);
  double worst_relative = 0;
  double worst_small = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!(std::fabs(x) < 65520.0F)) continue;
    const double error = std::fabs(static_cast<double>(from_half_by_integers(to_half_by_integers(x))) - x);
    if (std::fabs(x) >= 0x1p-14F) {
      worst_relative = std::max(worst_relative, error / std::fabs(x));
    } else {
      worst_small = std::max(worst_small, error);
    }
  }
  EXPECT_LE(worst_relative, 1.0 / 2048);
  EXPECT_GT(worst_relative, 1.0 / 2100) << "the bound is tight";
  EXPECT_LE(worst_small, 0x1p-25);
}

}  // namespace
}  // namespace inkwell::embeddings
