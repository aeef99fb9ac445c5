#include "redis/link/borrowed_state.hpp"

#include <gtest/gtest.h>

#include <inkwell/redis/request.hpp>

#include "redis/link/encoded.hpp"

namespace inkwell::redis::link {
namespace {

bool clean_after(const Request& request) {
  BorrowedState state;
  state.sent(request.wire());
  return state.clean();
}

TEST(BorrowedState, KnowsAnOpenTransactionAndWatchedKeys) {
  EXPECT_TRUE(clean_after(Request("GET", "MULTI")));
  EXPECT_FALSE(clean_after(Request("multi")));
  EXPECT_FALSE(clean_after(Request("WATCH", "k")));
  EXPECT_TRUE(clean_after(Request("WATCH", "k").add("UNWATCH")));
  EXPECT_TRUE(clean_after(Request("WATCH", "k").add("MULTI").add("SET", "k", 1).add("EXEC")));
  EXPECT_TRUE(clean_after(Request("MULTI").add("DISCARD")));
}

TEST(BorrowedState, KnowsWhatCannotBeTakenBack) {
  for (const char* name : {"SELECT", "Subscribe", "ssubscribe", "MONITOR", "CLIENT", "AUTH", "RESET", "HELLO"}) {
    EXPECT_FALSE(clean_after(Request(name, "x"))) << name;
  }
  EXPECT_FALSE(clean_after(Request("SELECT", 1).add("EXEC")));
}

TEST(Encoded, ReadsBackWhatRequestWrote) {
  Request request("SET", "k", std::string("a\r\n$3\0b", 8));
  const std::size_t first = request.wire().size();
  request.add("GET", "");
  EXPECT_EQ(length_of_command(request.wire()), first);
  EXPECT_EQ(name_of_command(std::string_view(request.wire()).substr(first)), "GET");
  EXPECT_EQ(length_of_command(std::string_view(request.wire()).substr(first)), request.wire().size() - first);
}

}  // namespace
}  // namespace inkwell::redis::link
