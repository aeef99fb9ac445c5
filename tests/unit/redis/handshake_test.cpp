#include "redis/link/handshake.hpp"

#include <gtest/gtest.h>

namespace inkwell::redis::link {
namespace {

class HandshakeTest : public testing::Test {
 protected:
  static Handshake::Step say(Handshake& handshake, std::string_view text, Type type = Type::string) {
    const Node node{.type = type, .length = text.size()};
    return handshake.on_reply(View(&node, text.data()));
  }
  Options options_;
};

TEST_F(HandshakeTest, SaysHelloWithItsNameAndChecksThatTheServerServes) {
  Handshake handshake(options_, options_.endpoint);
  EXPECT_TRUE(handshake.wire().starts_with("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"));
  EXPECT_EQ(handshake.wire().find("AUTH"), std::string::npos);
  EXPECT_EQ(handshake.wire().find("SELECT"), std::string::npos);
  EXPECT_EQ(say(handshake, "{}"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "OK"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "OK"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "PONG"), Handshake::Step::done);
}

TEST_F(HandshakeTest, SendsUserPasswordAndDatabase) {
  options_.endpoint.password = "secret";
  options_.endpoint.database = 7;
  Handshake handshake(options_, options_.endpoint);
  EXPECT_TRUE(
      handshake.wire().starts_with("*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n"));
  EXPECT_NE(handshake.wire().find("$6\r\nSELECT\r\n$1\r\n7\r\n"), std::string::npos);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(say(handshake, "OK"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "PONG"), Handshake::Step::done);
}

TEST_F(HandshakeTest, TurnsTrackingOnAndMindsWhenThatIsRefused) {
  options_.tracking = {.mode = Tracking::Mode::prefixes, .prefixes = {"a:", "b:"}, .skip_own_writes = true};
  Handshake handshake(options_, options_.endpoint);
  EXPECT_NE(handshake.wire().find("TRACKING\r\n$2\r\nON\r\n$5\r\nBCAST\r\n$6\r\nPREFIX\r\n$2\r\na:\r\n$6\r\n"
                                  "PREFIX\r\n$2\r\nb:\r\n$6\r\nNOLOOP\r\n"),
            std::string::npos);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say(handshake, "OK"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "NOPERM no permissions", Type::error), Handshake::Step::refused);
  EXPECT_TRUE(handshake.refused_for_good());
}

TEST_F(HandshakeTest, DoesNotMindAServerThatTakesNoNames) {
  Handshake handshake(options_, options_.endpoint);
  say(handshake, "{}");
  EXPECT_EQ(say(handshake, "ERR Client names cannot contain spaces", Type::error), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "ERR unknown subcommand 'SETINFO'", Type::error), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "PONG"), Handshake::Step::done);
}

TEST_F(HandshakeTest, TakesAServerThatCannotPersistBecauseItServesReads) {
  Handshake handshake(options_, options_.endpoint);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say(handshake, "OK"), Handshake::Step::more);
  EXPECT_EQ(say(handshake, "MISCONF Redis is configured to save RDB snapshots", Type::error), Handshake::Step::done);
}

TEST_F(HandshakeTest, RefusesAServerWithoutResp3Clearly) {
  for (const std::string_view line :
       {"ERR unknown command `HELLO`, with args beginning with: `3`, ", "NOPROTO unsupported protocol version"}) {
    Handshake handshake(options_, options_.endpoint);
    EXPECT_EQ(say(handshake, line, Type::error), Handshake::Step::refused);
    EXPECT_EQ(handshake.refusal().code(), "redis_too_old");
    EXPECT_TRUE(handshake.refused_for_good());
  }
}

TEST_F(HandshakeTest, TellsAWrongPasswordFromAServerThatOnlyLoads) {
  options_.endpoint.password = "secret";
  Handshake wrong(options_, options_.endpoint);
  EXPECT_EQ(say(wrong, "WRONGPASS invalid username-password pair or user is disabled.", Type::error),
            Handshake::Step::refused);
  EXPECT_EQ(wrong.refusal().kind(), ErrorKind::unauthenticated);
  EXPECT_TRUE(wrong.refused_for_good());
  EXPECT_EQ(wrong.refusal().to_string().find("secret"), std::string::npos);

  Handshake loading(options_, options_.endpoint);
  for (int i = 0; i < 3; ++i) say(loading, "OK");
  EXPECT_EQ(say(loading, "LOADING Redis is loading the dataset in memory", Type::error), Handshake::Step::refused);
  EXPECT_EQ(loading.refusal().code(), "redis_loading");
  EXPECT_FALSE(loading.refused_for_good());
}

TEST_F(HandshakeTest, RefusesADatabaseThatIsNotThere) {
  options_.endpoint.database = 99;
  Handshake handshake(options_, options_.endpoint);
  for (int i = 0; i < 3; ++i) say(handshake, "OK");
  EXPECT_EQ(say(handshake, "ERR DB index is out of range", Type::error), Handshake::Step::refused);
  EXPECT_TRUE(handshake.refused_for_good());
}

}  // namespace
}  // namespace inkwell::redis::link
