#include "conversations/window.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace inkwell::conversations {
namespace {

std::string said(std::string_view text) {
  return R"({"id":"msg_1","type":"message","text":")" + std::string(text) + "\"}";
}
std::string call(std::string_view id) { return R"({"type":"function_call","call_id":")" + std::string(id) + "\"}"; }
std::string output(std::string_view id) {
  return R"({"type":"function_call_output","call_id":")" + std::string(id) + "\"}";
}
const std::string kReasoning = R"({"type":"reasoning","summary":[]})";

std::size_t begin_of(const std::vector<std::string>& items, std::size_t last, bool more = false,
                     std::size_t tokens = 0) {
  const std::vector<std::string_view> views(items.begin(), items.end());
  return window_begin(views, more, WindowLimits{.items = last, .tokens = tokens});
}

TEST(Window, TakesTheNewestItems) {
  const std::vector<std::string> items{said("a"), said("b"), said("c")};
  EXPECT_EQ(begin_of(items, 2), 1U);
  EXPECT_EQ(begin_of(items, 3), 0U);
  EXPECT_EQ(begin_of(items, 9), 0U);
  EXPECT_EQ(begin_of({}, 9), 0U);
}

TEST(Window, NeverBeginsBetweenACallAndItsOutput) {
  const std::vector<std::string> items{said("q"), call("1"), call("2"), output("2"), output("1"), said("a")};
  EXPECT_EQ(begin_of(items, 5), 1U);
  for (const std::size_t last : {4U, 3U, 2U}) EXPECT_EQ(begin_of(items, last), 5U) << last;
}

TEST(Window, KeepsACallThatHasNoOutputYet) { EXPECT_EQ(begin_of({said("q"), call("1")}, 1), 1U); }

TEST(Window, NeverBeginsBehindAReasoningItem) {
  const std::vector<std::string> items{said("q"), kReasoning, call("1"), output("1"), said("a")};
  EXPECT_EQ(begin_of(items, 4), 1U);
  EXPECT_EQ(begin_of(items, 3), 4U);
}

TEST(Window, TakesAnOutputWhoseCallIsNowhereButNotOneWhoseCallMayBeFurtherBack) {
  const std::vector<std::string> items{said("q"), output("lost"), said("a")};
  EXPECT_EQ(begin_of(items, 3), 0U);
  EXPECT_EQ(begin_of(items, 3, true), 2U);
}

TEST(Window, KeepsAnApprovalWithItsRequest) {
  const std::vector<std::string> items{R"({"id":"mcpr_1","type":"mcp_approval_request"})",
                                       R"({"type":"mcp_approval_response","approval_request_id":"mcpr_1"})"};
  EXPECT_EQ(begin_of(items, 1), 2U);
  EXPECT_EQ(begin_of(items, 2), 0U);
}

TEST(Window, KeepsToItsTokens) {
  const std::vector<std::string> items{said(std::string(400, 'x')), said(std::string(400, 'y'))};
  const auto each = estimated_tokens(items[0]);
  EXPECT_EQ(begin_of(items, 9, false, each * 2), 0U);
  EXPECT_EQ(begin_of(items, 9, false, each * 2 - 1), 1U);
  EXPECT_EQ(begin_of(items, 9, false, each - 1), 2U);
}

TEST(EstimatedTokens, AreAQuarterOfTheAsciiAndAllOfTheRest) {
  EXPECT_EQ(estimated_tokens(""), 0U);
  EXPECT_EQ(estimated_tokens("abcde"), 2U);
  EXPECT_EQ(estimated_tokens("\xE4\xBD\xA0\xE5\xA5\xBD"), 2U);
}

TEST(Window, HoldsWhatItPromisesForRandomDialogues) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> items;
    std::vector<std::string> keys;  // of each item, what it belongs to: "call N" or ""
    const auto size = random() % 12;
    std::set<int> called;
    for (std::size_t i = 0; i < size; ++i) {
      const int number = static_cast<int>(random() % 4);
      const auto id = std::to_string(number);
      if (random() % 3 == 0) {
        items.push_back(said(id));
        keys.emplace_back();
      } else if (called.insert(number).second) {
        items.push_back(call(id));
        keys.push_back(id);
      } else {
        items.push_back(output(id));
        keys.push_back(id);
      }
    }
    const auto last = random() % 12;
    const auto begin = begin_of(items, last);
    EXPECT_LE(items.size() - begin, last);
    const auto good = [&](std::size_t at) {
      for (std::size_t before = 0; before < at; ++before) {
        for (std::size_t behind = at; behind < items.size(); ++behind) {
          if (!keys[before].empty() && keys[before] == keys[behind]) return false;
        }
      }
      return true;
    };
    EXPECT_TRUE(good(begin));
    for (std::size_t at = items.size() - std::min(last, items.size()); at < begin; ++at) EXPECT_FALSE(good(at));
  }
}

}  // namespace
}  // namespace inkwell::conversations
