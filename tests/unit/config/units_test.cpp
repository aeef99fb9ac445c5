#include "config/units.hpp"

#include <gtest/gtest.h>
#include <random>

#include "base/random.hpp"
#include "config/nearest.hpp"

namespace inkwell::config {
namespace {

using std::chrono::milliseconds;

TEST(ConfigUnits, ReadsDurationsWithEveryUnitAndInCombination) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("15m"), milliseconds(900'000));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("30d"), milliseconds(2'592'000'000));
  EXPECT_EQ(parse_duration("1d1h1m1s1ms"), milliseconds(90'061'001));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
}

TEST(ConfigUnits, RefusesWhatIsNoDuration) {
  for (const std::string_view text :
       {"", "30", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1x", "30m1h", "1s1s", "1ms1s", "1S", "1sm",
        "9999999999999999999s", "9223372036854775807d", "106751991167d1ms999999999999999999ms"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ConfigUnits, ReadsSizesInBothSystemsOfUnits) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("1048576"), 1 << 20);
  EXPECT_EQ(parse_size("7B"), 7);
  EXPECT_EQ(parse_size("16KiB"), 16 * 1024);
  EXPECT_EQ(parse_size("64MiB"), 64 << 20);
  EXPECT_EQ(parse_size("1GiB"), 1 << 30);
  EXPECT_EQ(parse_size("2TiB"), std::int64_t{2} << 40);
  EXPECT_EQ(parse_size("2kB"), 2'000);
  EXPECT_EQ(parse_size("3MB"), 3'000'000);
}

TEST(ConfigUnits, RefusesWhatIsNoSize) {
  for (const std::string_view text : {"", "MiB", "-1", "64M", "64 MiB", "64mib", "1.5GiB", "1KiB1",
                                      "9223372036854775808", "9223372036854775807KiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ConfigUnits, ReadsBackWhateverItWrites) {
  const char* given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    const auto number = static_cast<std::int64_t>(random() >> (1 + random() % 63));
    EXPECT_EQ(parse_duration(format_duration(milliseconds(number))), milliseconds(number)) << number;
    EXPECT_EQ(parse_size(format_size(number)), number) << number;
  }
}

TEST(ConfigUnits, WritesTheShortestForm) {
  EXPECT_EQ(format_duration(milliseconds(5'400'000)), "1h30m");
  EXPECT_EQ(format_duration(milliseconds(0)), "0");
  EXPECT_EQ(format_size(64 << 20), "64MiB");
  EXPECT_EQ(format_size(1000), "1000B");
}

TEST(ConfigNearest, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
  EXPECT_EQ(edit_distance("prot", "port"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("ca", "abc"), 3U);  // the optimal string alignment, not the unrestricted distance
}

TEST(ConfigNearest, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"listen.host", "listen.port", "redis.url", "embeddings.upstream.url"};
  EXPECT_EQ(nearest("listen.prot", known), "listen.port");
  EXPECT_EQ(nearest("port", known), "listen.port");
  EXPECT_EQ(nearest("redisurl", known), "redis.url");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), known), "listen.host");  // only its start is looked at
}

}  // namespace
}  // namespace inkwell::config
