// The life of a link: silence, loss, restart, cancellation, bounds and the end.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <fstream>

#include "integration/redis/link_fixture.hpp"
#include "support/fault_proxy.hpp"
#include "support/scripted_peer.hpp"

namespace inkwell::redis {
namespace {

class LifeTest : public LinkTest {
 protected:
  LifeTest() : LinkTest({"--appendonly", "yes", "--appendfsync", "always"}) {}
  Options through(const test::FaultProxy& proxy) const {
    Options through = options();
    through.endpoint = server_.tcp_endpoint();
    through.endpoint.port = proxy.port();
    return through;
  }
};

asio::awaitable<void> send(Client& client, Request request, CallOptions options, std::optional<Result<Reply>>& answer) {
  answer = co_await client.execute(std::move(request), options);
}

asio::awaitable<void> ask(Client& client, int& answered) {
  auto answer = co_await client.command("PING");
  if (answer) ++answered;
}

// ---- Pipelining ----

asio::awaitable<void> asks_all_at_once(Client& client) {
  co_await client.command("PING");
  const auto before = client.stats();
  Gate gate(co_await asio::this_coro::executor);
  int answered = 0;
  for (int i = 0; i < 1000; ++i) gate.spawn("caller", ask(client, answered));
  co_await gate.wait_until_empty();
  EXPECT_EQ(answered, 1000);
  EXPECT_EQ(client.stats().writes - before.writes, 1U);
  EXPECT_EQ(client.stats().requests - before.requests, 1000U);
  co_await client.close();
}

TEST_F(LifeTest, WhatIsAskedInOneTurnLeavesInOneWrite) {
  Client client(io_.get_executor(), options());
  run_on(io_, asks_all_at_once(client));
}

asio::awaitable<void> asks_for_many(Client& client) {
  Request request("SET", "a", 1);
  request.add("INCR", "a").add("LPUSH", "a", "x").add("GET", "a");
  auto answers = co_await client.execute_all(std::move(request));
  EXPECT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[1]->view().integer(), 2);
  EXPECT_EQ(answers[2].error().code(), "redis_wrongtype");
  EXPECT_EQ(answers[3]->view().text(), "2");
  Request nothing;
  auto none = co_await client.execute_all(std::move(nothing));
  EXPECT_TRUE(none.empty());
  co_await client.close();
}

TEST_F(LifeTest, AnswersARequestOfManyInOrderEachWithItsOwnResult) {
  Client client(io_.get_executor(), options());
  run_on(io_, asks_for_many(client));
}

asio::awaitable<void> fills_the_socket(Client& client) {
  const std::string large(3'000'000, 'x');
  Gate gate(co_await asio::this_coro::executor);
  std::vector<std::optional<Result<Reply>>> answers(8);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Request set("SET", "large:" + std::to_string(i), large);
    gate.spawn("caller", send(client, std::move(set), {}, answers[i]));
  }
  co_await gate.wait_until_empty();
  for (const auto& answer : answers) EXPECT_TRUE(answer && *answer);
  auto length = co_await client.command("STRLEN", "large:7");
  EXPECT_EQ(length->view().integer(), 3'000'000);
  co_await client.close();
}

TEST_F(LifeTest, GoesOnWritingWhereAFullSocketStoppedIt) {
  Client client(io_.get_executor(), options());
  run_on(io_, fills_the_socket(client));
}

// ---- Deadlines ----

asio::awaitable<void> outlasts_a_pause(Client& client, test::RedisServer& server) {
  co_await client.command("SET", "k", "v");
  server.pause();
  const auto before = std::chrono::steady_clock::now();
  Gate gate(co_await asio::this_coro::executor);
  std::vector<std::optional<Result<Reply>>> answers(100);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Request echo("ECHO", "late");
    const CallOptions options{.timeout = std::chrono::milliseconds(20 + i), .idempotent = false};
    gate.spawn("caller", send(client, std::move(echo), options, answers[i]));
  }
  co_await gate.wait_until_empty();
  // The last one's deadline is 119 ms; the link's clock is that of the loop's turn, a little behind.
  EXPECT_GE(std::chrono::steady_clock::now() - before, 110ms);
  for (const auto& answer : answers) EXPECT_EQ(answer->error().kind(), ErrorKind::deadline_exceeded);
  EXPECT_EQ(client.stats().timeouts, 100U);
  server.resume();
  for (int i = 0; i < 100; ++i) {
    auto mine = co_await client.command("ECHO", i);
    EXPECT_EQ(mine->view().integer(), i);
  }
  EXPECT_EQ(client.stats().connects, 1U);
  EXPECT_EQ(client.stats().pending, 0U);
  co_await client.close();
}

TEST_F(LifeTest, CallsEndAtTheirDeadlinesAndLateRepliesReachNobody) {
  Client client(io_.get_executor(), options());
  run_on(io_, outlasts_a_pause(client, server_));
}

// ---- Health ----

asio::awaitable<void> notices_silence(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.pause();
  co_await must([&] { return !client.connected(); }, "the dead peer is noticed");
  server.resume();
  auto answer = co_await client.command("PING");
  EXPECT_TRUE(answer);
  EXPECT_GE(client.stats().connects, 2U);
  co_await client.close();
}

TEST_F(LifeTest, APingNoticesAPeerThatDiedWithoutClosingTheSocket) {
  auto watchful = options();
  watchful.health_interval = 30ms;
  watchful.health_timeout = 50ms;
  Client client(io_.get_executor(), watchful);
  run_on(io_, notices_silence(client, server_));
}

asio::awaitable<void> notices_a_black_hole(Client& client, test::FaultProxy& proxy) {
  co_await client.command("PING");
  proxy.black_hole(test::Way::to_client, true);
  co_await must([&] { return !client.connected(); }, "the black hole is noticed");
  proxy.heal();
  auto answer = co_await client.command("PING");
  EXPECT_TRUE(answer);
  co_await client.close();
}

TEST_F(LifeTest, APingNoticesABlackHole) {
  test::FaultProxy proxy(test::FaultProxy::Tcp{server_.port()});
  auto watchful = through(proxy);
  watchful.connect_timeout = 100ms;  // an attempt made before the proxy is healed ends in time for the next one
  watchful.health_interval = 30ms;
  watchful.health_timeout = 50ms;
  Client client(io_.get_executor(), watchful);
  run_on(io_, notices_a_black_hole(client, proxy));
}

asio::awaitable<void> stays_quiet(Client& client) {
  co_await client.command("PING");
  co_await must([&] { return client.stats().replies >= 6; }, "health checks are answered");
  EXPECT_EQ(client.stats().connects, 1U);
  EXPECT_EQ(client.stats().requests, 1U);
  co_await client.close();
}

TEST_F(LifeTest, AnIdleConnectionIsKeptByItsHealthChecks) {
  auto watchful = options();
  watchful.health_interval = 10ms;
  Client client(io_.get_executor(), watchful);
  run_on(io_, stays_quiet(client));
}

// ---- Loss ----

asio::awaitable<void> queues_while_away(Client& client, test::RedisServer& server) {
  co_await client.command("SET", "k", "v");
  server.kill();
  co_await must([&] { return !client.connected(); }, "the loss is noticed");
  Gate gate(co_await asio::this_coro::executor);
  std::optional<Result<Reply>> patient;
  std::optional<Result<Reply>> hasty;
  Request get("GET", "k");
  Request incr("INCR", "n");
  const CallOptions short_wait{.timeout = 30ms, .idempotent = false};
  const CallOptions long_wait{.timeout = 15s, .idempotent = false};
  gate.spawn("hasty", send(client, std::move(get), short_wait, hasty));
  gate.spawn("patient", send(client, std::move(incr), long_wait, patient));
  co_await must([&] { return hasty.has_value(); }, "the deadline holds while away");
  EXPECT_EQ(hasty->error().kind(), ErrorKind::unavailable);
  EXPECT_FALSE(hasty->error().outcome_unknown());
  server.start();
  co_await gate.wait_until_empty();
  EXPECT_TRUE(*patient);
  EXPECT_EQ((*patient)->view().integer(), 1);
  EXPECT_EQ(client.stats().unknown, 0U);
  co_await client.close();
}

TEST_F(LifeTest, WhatWasNeverWrittenWaitsForTheServerWithinItsDeadline) {
  Client client(io_.get_executor(), options());
  run_on(io_, queues_while_away(client, server_));
}

asio::awaitable<void> dies_between_write_and_reply(Client& client, test::RedisServer& server) {
  co_await client.command("SET", "k", "v");
  server.pause();
  Gate gate(co_await asio::this_coro::executor);
  std::optional<Result<Reply>> read;
  std::optional<Result<Reply>> write;
  Request get("GET", "k");
  Request incr("INCR", "n");
  const CallOptions idempotent{.timeout = 15s, .idempotent = true};
  gate.spawn("read", send(client, std::move(get), idempotent, read));
  gate.spawn("write", send(client, std::move(incr), {}, write));
  const auto before = client.stats().bytes_written;
  co_await must([&] { return client.stats().bytes_written > before; }, "both are written");
  server.kill();
  server.start();
  co_await gate.wait_until_empty();
  EXPECT_TRUE(*read && (*read)->view().text() == "v");
  EXPECT_TRUE(write->error().outcome_unknown());
  EXPECT_EQ(write->error().code(), "redis_connection_lost");
  EXPECT_EQ(client.stats().resent, 1U);
  EXPECT_EQ(client.stats().unknown, 1U);
  EXPECT_EQ(server.cli({"EXISTS", "n"}), "0");
  co_await client.close();
}

TEST_F(LifeTest, AReadIsSentAgainAfterAKillAndAWriteIsNot) {
  Client client(io_.get_executor(), options());
  run_on(io_, dies_between_write_and_reply(client, server_));
}

asio::awaitable<void> partly_answered(Client& client, test::FaultProxy& proxy) {
  co_await client.command("PING");
  // ":1\r\n" and ":2\r\n" come through, the rest is lost with the connection.
  proxy.cut_after(test::Way::to_client, 8);
  Request many("INCR", "a");
  many.add("INCR", "a").add("INCR", "a").add("INCR", "a");
  auto answers = co_await client.execute_all(std::move(many));
  EXPECT_EQ(answers[0]->view().integer(), 1);
  EXPECT_EQ(answers[1]->view().integer(), 2);
  EXPECT_TRUE(answers[2].error().outcome_unknown());
  EXPECT_TRUE(answers[3].error().outcome_unknown());
  Request reads("GET", "a");
  reads.add("GET", "a");
  proxy.cut_after(test::Way::to_client, 5);
  const CallOptions idempotent{.timeout = 15s, .idempotent = true};
  auto again = co_await client.execute_all(std::move(reads), idempotent);
  EXPECT_TRUE(again[0] && again[1]);
  EXPECT_EQ(again[1]->view().integer(), 4);
  co_await client.close();
}

TEST_F(LifeTest, ARequestOfManyKeepsTheAnswersItGotBeforeTheCut) {
  test::FaultProxy proxy(test::FaultProxy::Tcp{server_.port()});
  Client client(io_.get_executor(), through(proxy));
  run_on(io_, partly_answered(client, proxy));
}

asio::awaitable<void> killed_by_the_server(Client& client, test::RedisServer& server) {
  for (int i = 0; i < 20; ++i) {
    auto answer = co_await client.command("INCR", "n");
    EXPECT_TRUE(answer) << answer.error().message();
    server.cli({"CLIENT", "KILL", "TYPE", "normal"});
    co_await must([&] { return client.stats().connects == static_cast<std::uint64_t>(i) + 2; }, "it reconnects");
  }
  EXPECT_EQ(server.cli({"GET", "n"}), "20");
  co_await client.close();
}

TEST_F(LifeTest, ReconnectsWheneverTheServerClosesTheConnection) {
  Client client(io_.get_executor(), options());
  run_on(io_, killed_by_the_server(client, server_));
}

asio::awaitable<void> waits_for_loading(Client& client, test::RedisServer& server) {
  for (int i = 0; i < 200; ++i) {
    Request fill;
    for (int k = 0; k < 100; ++k) fill.add("SET", "key:" + std::to_string(i * 100 + k), std::string(200, 'x'));
    co_await client.execute_all(std::move(fill));
  }
  server.cli({"CONFIG", "SET", "key-load-delay", "40"});
  Gate gate(co_await asio::this_coro::executor);
  // DEBUG LOADAOF answers LOADING to everybody else meanwhile.
  std::optional<Result<Reply>> reload;
  server.cli({"CONFIG", "SET", "loading-process-events-interval-bytes", "1024"});
  Request debug("DEBUG", "LOADAOF");
  const CallOptions patient{.timeout = 15s, .idempotent = false};
  gate.spawn("reload", send(client, std::move(debug), patient, reload));
  std::vector<std::optional<Result<Reply>>> answers(50);
  for (auto& answer : answers) {
    Request incr("INCR", "n");
    gate.spawn("caller", send(client, std::move(incr), patient, answer));
  }
  co_await gate.wait_until_empty();
  int good = 0;
  for (const auto& answer : answers) good += *answer ? 1 : 0;
  EXPECT_EQ(good, 50);
  EXPECT_EQ(server.cli({"GET", "n"}), "50");
  co_await client.close();
}

TEST_F(LifeTest, CommandsWaitWhileTheServerLoadsItsData) {
  Client client(io_.get_executor(), options());
  run_on(io_, waits_for_loading(client, server_));
}

// ---- Garbage ----

asio::awaitable<void> hears_garbage(Client& client) {
  Request request("GET", "k");
  const CallOptions idempotent{.timeout = 2s, .idempotent = true};
  auto answer = co_await client.execute(std::move(request), idempotent);
  EXPECT_EQ(answer.error().code(), "redis_protocol");
  EXPECT_TRUE(answer.error().outcome_unknown());
  co_await must([&] { return client.stats().connects >= 2; }, "it reconnects");
  co_await client.close();
}

TEST_F(LifeTest, GarbageClosesTheConnectionAndIsNotAskedForAgain) {
  test::ScriptedPeer peer(io_, test::ScriptedPeer::after_handshake([](const std::string&) { return "$-7\r\n"; }));
  Options options;
  options.endpoint = peer.endpoint();
  Client client(io_.get_executor(), options);
  run_on(io_, hears_garbage(client));
}

asio::awaitable<void> hears_too_much(Client& client) {
  auto answer = co_await client.command("GET", "k");
  EXPECT_TRUE(answer);
  co_await must([&] { return client.stats().connects >= 2; }, "the connection is not trusted any more");
  co_await client.close();
}

TEST_F(LifeTest, AReplyToNothingEndsTheConnection) {
  test::ScriptedPeer peer(io_, test::ScriptedPeer::after_handshake([](const std::string&) { return "+A\r\n+B\r\n"; }));
  Options options;
  options.endpoint = peer.endpoint();
  Client client(io_.get_executor(), options);
  run_on(io_, hears_too_much(client));
}

asio::awaitable<void> hears_pushes(Client& client) {
  auto answer = co_await client.command("GET", "k");
  EXPECT_EQ(answer->view().text(), "v");
  EXPECT_EQ(client.stats().connects, 1U);
  co_await client.close();
}

TEST_F(LifeTest, PushesBetweenRepliesAreNoReplies) {
  test::ScriptedPeer peer(io_, [](const std::string& received) {
    return received.find("HELLO") != std::string::npos
               ? ">2\r\n+invalidate\r\n_\r\n%0\r\n+OK\r\n>2\r\n+x\r\n+y\r\n+OK\r\n+PONG\r\n"
               : ">2\r\n+invalidate\r\n*1\r\n+k\r\n+v\r\n>2\r\n+invalidate\r\n_\r\n";
  });
  Options options;
  options.endpoint = peer.endpoint();
  Client client(io_.get_executor(), options);
  run_on(io_, hears_pushes(client));
}

// ---- Cancellation ----

struct Cancellable {
  asio::cancellation_signal signal;
  bool ended = false;
  std::optional<Result<Reply>> answer;
};

asio::awaitable<void> cancellable(Client& client, Request request, std::optional<Result<Reply>>& answer) {
  co_await asio::this_coro::throw_if_cancelled(false);
  answer = co_await client.execute(std::move(request));
}

void start(asio::any_io_executor executor, Client& client, Request request, Cancellable& call) {
  asio::co_spawn(executor, cancellable(client, std::move(request), call.answer),
                 asio::bind_cancellation_slot(call.signal.slot(), [&call](std::exception_ptr error) {
                   EXPECT_FALSE(error);
                   call.ended = true;
                 }));
}

asio::awaitable<void> cancels_everywhere(Client& client, test::RedisServer& server) {
  const auto executor = co_await asio::this_coro::executor;
  co_await client.command("PING");
  {
    Cancellable before;  // before the write: the turn that would write has not come
    start(executor, client, Request("INCR", "before"), before);
    co_await must([&] { return client.stats().pending == 1 || before.ended; }, "it is queued");
    before.signal.emit(asio::cancellation_type::terminal);
    co_await must([&] { return before.ended; }, "it ends");
  }
  {
    Cancellable after;
    server.pause();
    start(executor, client, Request("INCR", "after"), after);
    const auto written = client.stats().bytes_written;
    co_await must([&] { return client.stats().bytes_written > written; }, "it is written");
    after.signal.emit(asio::cancellation_type::terminal);
    co_await must([&] { return after.ended; }, "it ends");
    EXPECT_EQ(after.answer->error().kind(), ErrorKind::cancelled);
    EXPECT_TRUE(after.answer->error().outcome_unknown());
    EXPECT_EQ(client.stats().pending, 1U);  // its place in the order of replies
    server.resume();
  }
  {
    co_await client.command("SET", "large", std::string(30'000'000, 'x'));
    Cancellable during;
    start(executor, client, Request("GET", "large"), during);
    const auto read = client.stats().bytes_read;
    co_await must([&] { return client.stats().bytes_read > read || during.ended; }, "its reply is coming in");
    during.signal.emit(asio::cancellation_type::terminal);
    co_await must([&] { return during.ended; }, "it ends");
  }
  for (int i = 0; i < 50; ++i) {
    auto mine = co_await client.command("ECHO", i);
    EXPECT_EQ(mine->view().integer(), i);
  }
  EXPECT_EQ(client.stats().connects, 1U);
  EXPECT_EQ(server.cli({"GET", "after"}), "1");
  co_await client.close();
}

TEST_F(LifeTest, CancellingBeforeAfterAndDuringNeverDesynchronises) {
  Client client(io_.get_executor(), options());
  run_on(io_, cancels_everywhere(client, server_));
}

// ---- Bounds ----

asio::awaitable<void> overflows(Client& client) {
  Gate gate(co_await asio::this_coro::executor);
  std::vector<std::optional<Result<Reply>>> answers(12);
  for (auto& answer : answers) {
    Request ping("PING");
    gate.spawn("caller", send(client, std::move(ping), {}, answer));
  }
  co_await must([&] { return answers[10].has_value() && answers[11].has_value(); }, "the bound is told at once");
  EXPECT_EQ(answers[11]->error().kind(), ErrorKind::overloaded);
  EXPECT_FALSE(answers[11]->error().outcome_unknown());
  EXPECT_EQ(client.stats().rejected, 2U);
  EXPECT_EQ(client.stats().pending, 10U);
  Request large("SET", "k", std::string(2000, 'x'));
  co_await client.close();
  co_await gate.wait_until_empty();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(answers[static_cast<std::size_t>(i)]->error().kind(), ErrorKind::cancelled);
  }
}

TEST_F(LifeTest, TheQueueIsBoundedWhileTheServerIsAway) {
  auto tight = options();
  tight.max_queued_requests = 10;
  tight.endpoint.unix_path = "/nonexistent/redis.sock";
  Client client(io_.get_executor(), tight);
  run_on(io_, overflows(client));
}

// ---- The end ----

asio::awaitable<void> closes_while_busy(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.pause();
  Gate gate(co_await asio::this_coro::executor);
  std::vector<std::optional<Result<Reply>>> answers(100);
  for (auto& answer : answers) {
    Request incr("INCR", "n");
    gate.spawn("caller", send(client, std::move(incr), {}, answer));
  }
  const auto written = client.stats().bytes_written;
  co_await must([&] { return client.stats().bytes_written > written; }, "they are written");
  co_await client.close();
  EXPECT_EQ(gate.size(), 0U);
  for (const auto& answer : answers) {
    EXPECT_EQ(answer->error().kind(), ErrorKind::cancelled);
    EXPECT_TRUE(answer->error().outcome_unknown());
  }
  auto after = co_await client.command("PING");
  EXPECT_EQ(after.error().code(), "redis_closed");
  co_await client.close();
  server.resume();
}

TEST_F(LifeTest, ClosingAnswersAllCallersAndUseAfterItIsAnError) {
  Client client(io_.get_executor(), options());
  run_on(io_, closes_while_busy(client, server_));
}

asio::awaitable<void> tells_what_it_does(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.kill();
  co_await must([&] { return client.stats().connect_failures > 0; }, "it tries");
  server.start();
  co_await client.command("PING");
  co_await client.close();
}

TEST_F(LifeTest, TellsWhatItDoesInOrder) {
  std::vector<LinkEvent::Kind> kinds;
  auto watched = options();
  watched.on_event = [&](const LinkEvent& event) { kinds.push_back(event.kind); };
  Client client(io_.get_executor(), watched);
  run_on(io_, tells_what_it_does(client, server_));
  using Kind = LinkEvent::Kind;
  ASSERT_GE(kinds.size(), 8U);
  EXPECT_EQ(kinds[0], Kind::connecting);
  EXPECT_EQ(kinds[1], Kind::connected);
  EXPECT_EQ(kinds[2], Kind::lost);
  EXPECT_EQ(kinds[3], Kind::connecting);
  EXPECT_EQ(kinds[4], Kind::connect_failed);
  EXPECT_EQ(kinds[kinds.size() - 2], Kind::connected);
  EXPECT_EQ(kinds.back(), Kind::closed);
}

TEST_F(LifeTest, AClientThatIsDestroyedWithoutBeingClosedLeavesNothingBehind) {
  auto client = std::make_unique<Client>(io_.get_executor(), options());
  std::optional<Result<Reply>> answer;
  Gate gate(io_.get_executor());
  server_.pause();
  Request get("GET", "k");
  gate.spawn("caller", send(*client, std::move(get), {}, answer));
  io_.poll();
  client.reset();
  run_on(io_, gate.wait_until_empty());
  EXPECT_EQ(answer->error().kind(), ErrorKind::cancelled);
  server_.resume();
}

asio::awaitable<void> goes_on_for_ever(Client& client) {
  co_await client.command("PING");
  for (;;) co_await client.command("SET", "k", std::string(100'000, 'x'));
}

TEST_F(LifeTest, AnythingMayBeThrownAwayHalfWay) {
  for (int i = 0; i < 10; ++i) {
    asio::io_context io{1};
    Client client(io.get_executor(), options());
    EXPECT_THROW(run_on(io, goes_on_for_ever(client), std::chrono::milliseconds(i)), std::runtime_error);
  }
}

TEST_F(LifeTest, ALoopThatEndsFirstTakesTheWaitingCallsWithIt) {
  auto io = std::make_unique<asio::io_context>(1);
  auto client = std::make_unique<Client>(io->get_executor(), options());
  std::optional<Result<Reply>> answer;
  server_.pause();
  Request get("GET", "k");
  asio::co_spawn(*io, send(*client, std::move(get), {}, answer), [](std::exception_ptr) {});
  io->run_for(50ms);
  client.reset();
  io.reset();
  EXPECT_FALSE(answer);
  server_.resume();
}

}  // namespace
}  // namespace inkwell::redis
