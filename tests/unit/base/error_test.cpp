#include <gtest/gtest.h>
#include <set>
#include <string>

#include <inkwell/error.hpp>

#include "base/random.hpp"

namespace inkwell {
namespace {

TEST(Error, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind)
    names.insert(name_of(static_cast<ErrorKind>(kind)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorKind::internal) + 1);
}

TEST(Error, CarriesWhatACallerNeedsToDecide) {
  const Result<int> result =
      std::unexpected(Error(ErrorKind::unavailable, "redis_lost", "The answer was lost.", "Retry with a key.")
                          .with_unknown_outcome()
                          .with_param("id")
                          .with_retry_after(std::chrono::seconds(2)));
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().outcome_unknown());
  EXPECT_EQ(result.error().param(), "id");
  EXPECT_EQ(result.error().retry_after(), std::chrono::seconds(2));
  EXPECT_EQ(result.error().to_string(), "The answer was lost. Retry with a key.");
}

TEST(RandomHex, HasTheLengthAskedForAndDoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto text = random_hex(24);
    EXPECT_EQ(text.size(), 48U);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
    seen.insert(text);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(RandomHex, WorksBeyondOneBlock) { EXPECT_EQ(random_hex(200).size(), 400U); }

}  // namespace
}  // namespace inkwell
