// Connecting: what a server or a peer that is none may say to it.
#include <chrono>

#include "integration/redis/link_fixture.hpp"
#include "support/fault_proxy.hpp"
#include "support/scripted_peer.hpp"

namespace inkwell::redis {
namespace {

asio::awaitable<Result<Reply>> one_command(Client& client, std::string name, std::chrono::milliseconds timeout) {
  Request request(name);
  const CallOptions options{.timeout = timeout, .idempotent = false};
  auto answer = co_await client.execute(std::move(request), options);
  co_await client.close();
  co_return answer;
}

class HandshakeLinkTest : public LinkTest {
 protected:
  Result<Reply> ask(Options options, std::string name = "PING", std::chrono::milliseconds timeout = 2s) {
    Client client(io_.get_executor(), std::move(options));
    return run_on(io_, one_command(client, std::move(name), timeout));
  }
};

TEST_F(HandshakeLinkTest, ConnectsByTcpAndByUnixSocketAndByName) {
  EXPECT_TRUE(ask(options()));
  auto tcp = options();
  tcp.endpoint = server_.tcp_endpoint();
  EXPECT_TRUE(ask(tcp));
  tcp.endpoint.host = "localhost";
  EXPECT_TRUE(ask(tcp));
}

TEST_F(HandshakeLinkTest, LogsInWithUserAndPasswordAndSelectsTheDatabase) {
  server_.cli({"ACL", "SETUSER", "alice", "on", ">right", "~*", "+@all"});
  server_.cli({"CONFIG", "SET", "requirepass", "default-right"});
  auto good = options();
  good.endpoint.username = "alice";
  good.endpoint.password = "right";
  good.endpoint.database = 5;
  good.client_name = "unit";
  {
    Client client(io_.get_executor(), good);
    auto info = run_on(io_, one_command(client, "PING", 2s));
    EXPECT_TRUE(info) << info.error().message();
  }
  auto by_password = options();
  by_password.endpoint.password = "default-right";
  EXPECT_TRUE(ask(by_password));
}

asio::awaitable<void> looks_at_itself(Client& client) {
  auto info = co_await client.command("CLIENT", "INFO");
  if (!info) {
    ADD_FAILURE() << info.error().message();
    co_return;
  }
  const auto text = info->view().text();
  EXPECT_NE(text.find(" name=novelist "), std::string_view::npos) << text;
  EXPECT_NE(text.find(" db=3 "), std::string_view::npos) << text;
  EXPECT_NE(text.find(" resp=3"), std::string_view::npos) << text;
  co_await client.close();
}

TEST_F(HandshakeLinkTest, TellsTheServerItsNameAndDatabase) {
  auto named = options();
  named.client_name = "novelist";
  named.endpoint.database = 3;
  Client client(io_.get_executor(), named);
  run_on(io_, looks_at_itself(client));
}

TEST_F(HandshakeLinkTest, AWrongPasswordIsToldAtOnceAndNotAtTheDeadline) {
  server_.cli({"CONFIG", "SET", "requirepass", "right"});
  auto wrong = options();
  wrong.endpoint.password = "wrong";
  const auto before = std::chrono::steady_clock::now();
  const auto answer = ask(wrong, "PING", 15s);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  EXPECT_EQ(answer.error().kind(), ErrorKind::unauthenticated);
  EXPECT_EQ(answer.error().code(), "redis_wrongpass");
  EXPECT_EQ(answer.error().to_string().find("wrong\""), std::string::npos);
  EXPECT_EQ(ask(options()).error().code(), "redis_noauth");
}

TEST_F(HandshakeLinkTest, ADatabaseOutOfRangeIsToldClearly) {
  auto far = options();
  far.endpoint.database = 99;
  EXPECT_NE(ask(far).error().message().find("out of range"), std::string::npos);
}

TEST_F(HandshakeLinkTest, AServerThatRefusesNamesIsServedAllTheSame) {
  auto named = options();
  named.client_name = "no spaces allowed";
  EXPECT_TRUE(ask(named));
}

TEST_F(HandshakeLinkTest, AMissingPermissionIsTheCommandsErrorNotTheLinks) {
  server_.cli({"ACL", "SETUSER", "bob", "on", "nopass", "~*", "+ping", "+hello", "+client", "+select"});
  auto bob = options();
  bob.endpoint.username = "bob";
  bob.endpoint.password = "any";
  EXPECT_EQ(ask(bob, "FLUSHALL").error().kind(), ErrorKind::permission_denied);
}

TEST_F(HandshakeLinkTest, AServerWithoutResp3IsRefusedWithTheReason) {
  test::ScriptedPeer old(io_, [](const std::string&) {
    return "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n+OK\r\n-ERR x\r\n+PONG\r\n";
  });
  Options options;
  options.endpoint = old.endpoint();
  const auto answer = ask(options, "PING", 15s);
  EXPECT_EQ(answer.error().code(), "redis_too_old");
  EXPECT_NE(answer.error().remedy().find("7.0"), std::string::npos);
}

TEST_F(HandshakeLinkTest, APeerThatSpeaksSomethingElseIsNamed) {
  test::ScriptedPeer web(io_, [](const std::string&) { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  Options options;
  options.endpoint = web.endpoint();
  const auto answer = ask(options, "PING", 300ms);
  EXPECT_EQ(answer.error().code(), "redis_protocol");
  EXPECT_NE(answer.error().message().find("unknown type"), std::string::npos) << answer.error().message();
}

TEST_F(HandshakeLinkTest, APeerThatAcceptsAndNeverAnswersIsGivenUpAndTriedAgain) {
  test::ScriptedPeer mute(io_, [](const std::string&) { return ""; });
  Options options;
  options.endpoint = mute.endpoint();
  options.connect_timeout = 30ms;
  const auto answer = ask(options, "PING", 300ms);
  EXPECT_EQ(answer.error().kind(), ErrorKind::unavailable);
  EXPECT_NE(answer.error().message().find("connect timeout"), std::string::npos) << answer.error().message();
  EXPECT_GE(mute.accepted(), 2);
}

TEST_F(HandshakeLinkTest, AnUnreachableServerIsUnavailableWithTheReason) {
  Options options;
  options.endpoint.unix_path = "/nonexistent/redis.sock";
  auto answer = ask(options, "PING", 100ms);
  EXPECT_EQ(answer.error().kind(), ErrorKind::unavailable);
  EXPECT_FALSE(answer.error().outcome_unknown());
  EXPECT_NE(answer.error().message().find("No such file"), std::string::npos) << answer.error().message();
  options.endpoint.unix_path = std::string(200, 'x');
  EXPECT_NE(ask(options, "PING", 100ms).error().message().find("too long"), std::string::npos);
  options.endpoint.unix_path.clear();
  options.endpoint.host = "no-such-host.invalid";
  EXPECT_EQ(ask(options, "PING", 1s).error().kind(), ErrorKind::unavailable);
}

asio::awaitable<void> asks_twice(Client& client, test::FaultProxy& proxy) {
  auto first = co_await client.command("SET", "k", 1);
  EXPECT_TRUE(first);
  proxy.drop_all();
  Request get("GET", "k");
  const CallOptions idempotent{.timeout = 5s, .idempotent = true};
  auto second = co_await client.execute(std::move(get), idempotent);
  EXPECT_TRUE(second) << second.error().message();
  EXPECT_EQ(client.stats().connects, 2U);
  co_await client.close();
}

TEST_F(HandshakeLinkTest, ShakesHandsAgainAfterAReset) {
  server_.cli({"CONFIG", "SET", "requirepass", "right"});
  test::FaultProxy proxy(test::FaultProxy::Tcp{server_.port()});
  auto good = options();
  good.endpoint = server_.tcp_endpoint();
  good.endpoint.port = proxy.port();
  good.endpoint.password = "right";
  good.endpoint.database = 2;
  Client client(io_.get_executor(), good);
  run_on(io_, asks_twice(client, proxy));
}

}  // namespace
}  // namespace inkwell::redis
