#include "redis/link/server_error.hpp"

#include <gtest/gtest.h>

#include <inkwell/redis/request.hpp>
#include <inkwell/redis/script.hpp>

namespace inkwell::redis {
namespace {

TEST(ServerError, EveryKnownErrorHasItsKindAndNoneAnUnknownOutcome) {
  const std::pair<const char*, ErrorKind> cases[] = {
      {"LOADING Redis is loading", ErrorKind::unavailable},
      {"READONLY You can't write against a read only replica.", ErrorKind::unavailable},
      {"MASTERDOWN Link with MASTER is down", ErrorKind::unavailable},
      {"CLUSTERDOWN Hash slot not served", ErrorKind::unavailable},
      {"TRYAGAIN Multiple keys request", ErrorKind::unavailable},
      {"BUSY Redis is busy running a script.", ErrorKind::unavailable},
      {"OOM command not allowed", ErrorKind::unavailable},
      {"MISCONF Redis is configured to save", ErrorKind::unavailable},
      {"UNKILLABLE Sorry the script already executed write commands", ErrorKind::unavailable},
      {"BUSYGROUP Consumer Group name already exists", ErrorKind::conflict},
      {"BUSYKEY Target key name already exists.", ErrorKind::conflict},
      {"NOGROUP No such key", ErrorKind::not_found},
      {"CROSSSLOT Keys in request don't hash to the same slot", ErrorKind::internal},
      {"EXECABORT Transaction discarded", ErrorKind::invalid_argument},
      {"NOTBUSY No scripts in execution right now.", ErrorKind::invalid_argument},
      {"NOPROTO unsupported protocol version", ErrorKind::invalid_argument},
      {"NOREPLICAS Not enough good replicas", ErrorKind::unavailable},
      {"NOAUTH Authentication required.", ErrorKind::unauthenticated},
      {"WRONGPASS invalid username-password pair", ErrorKind::unauthenticated},
      {"NOPERM User x has no permissions", ErrorKind::permission_denied},
      {"NOSCRIPT No matching script.", ErrorKind::not_found},
      {"WRONGTYPE Operation against a key", ErrorKind::conflict},
      {"ERR syntax error", ErrorKind::invalid_argument},
  };
  for (const auto& [line, kind] : cases) {
    const Error error = link::server_error(line);
    EXPECT_EQ(error.kind(), kind) << line;
    EXPECT_FALSE(error.outcome_unknown()) << line;
    EXPECT_NE(error.message().find(line), std::string::npos);
    EXPECT_EQ(error.retry_after().has_value(), kind == ErrorKind::unavailable) << line;
  }
  EXPECT_EQ(link::server_error("WRONGTYPE Operation").code(), "redis_wrongtype");
}

TEST(ServerError, OnlyALoadingServerIsWaitedForAndOnlyADemotedOneIsLeft) {
  EXPECT_EQ(link::reaction_to("LOADING Redis is loading"), link::Reaction::wait);
  EXPECT_EQ(link::reaction_to("READONLY You can't write"), link::Reaction::move);
  for (const std::string_view line :
       {"TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "NOSCRIPT x", "BUSY x", "OOM x", "MISCONF x", "NOAUTH x",
        "WRONGPASS x", "NOPERM x", "NOREPLICAS x", "ERR x", "UNHEARDOF x", ""}) {
    EXPECT_EQ(link::reaction_to(line), link::Reaction::report) << line;
  }
}

TEST(Request, EncodesTextNumbersBytesAndRanges) {
  const std::vector<std::string> keys = {"a", "b"};
  const std::array<std::byte, 2> bytes = {std::byte{0}, std::byte{255}};
  const Request request("X", keys, -5, 0.1, std::uint64_t{18446744073709551615U}, std::span<const std::byte>(bytes));
  std::string wire = "*7\r\n$1\r\nX\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\n-5\r\n$3\r\n0.1\r\n";
  wire += "$20\r\n18446744073709551615\r\n$2\r\n";
  wire += '\0';
  wire += "\xff\r\n";
  EXPECT_EQ(request.wire(), wire);
  EXPECT_EQ(request.size(), 1U);
}

TEST(Script, IsNamedByTheDigestTheServerUses) {
  EXPECT_EQ(Script("return 1").digest(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

}  // namespace
}  // namespace inkwell::redis
