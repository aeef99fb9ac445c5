// The circuit breaker against a real server that is killed, or stands still. No test sends a command to get it closed.
#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

class CircuitTest : public LinkTest {
 protected:
  Options quick() {
    Options options = this->options();
    options.breaker = {.failures = 2, .open_after = 20ms, .probe_every = 20ms};
    options.backoff_cap = 20ms;
    options.on_event = [this](const LinkEvent& event) { events_.push_back(event.kind); };
    return options;
  }
  std::vector<LinkEvent::Kind> events_;
};

asio::awaitable<void> fails_fast(Client& client) {
  co_await must([&] { return client.stats().breaker != BreakerState::closed; }, "the breaker opens");
  auto refused = co_await client.command("PING");
  EXPECT_EQ(refused.error().code(), "redis_circuit_open");
  EXPECT_EQ(refused.error().kind(), ErrorKind::unavailable);
  EXPECT_TRUE(refused.error().retry_after().has_value());
  EXPECT_FALSE(refused.error().outcome_unknown());
  EXPECT_EQ(client.stats().breaker_refused, 1u);
}

asio::awaitable<void> works_again(Client& client) {
  co_await must([&] { return client.stats().breaker == BreakerState::closed; }, "it closes by itself");
  auto answer = co_await client.command("PING");
  EXPECT_TRUE(answer);
  EXPECT_EQ(client.stats().breaker_opened, 1u);
  co_await client.close();
}

asio::awaitable<void> through_a_kill(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.kill();
  co_await fails_fast(client);
  server.start();
  co_await works_again(client);
}

TEST_F(CircuitTest, OpensWhenTheServerIsGoneAndClosesByItselfWhenItIsBack) {
  Client client(io_.get_executor(), quick());
  run_on(io_, through_a_kill(client, server_));
  EXPECT_EQ(std::ranges::count(events_, LinkEvent::Kind::breaker_opened), 1);
  EXPECT_EQ(std::ranges::count(events_, LinkEvent::Kind::breaker_closed), 1);
}

asio::awaitable<void> through_a_stop(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.pause();
  for (int i = 0; i < 20 && client.stats().breaker == BreakerState::closed; ++i) {
    Request ping("PING");
    const CallOptions brief{.timeout = 20ms};
    co_await client.execute(std::move(ping), brief);
  }
  co_await fails_fast(client);
  server.resume();
  co_await works_again(client);
}

TEST_F(CircuitTest, OpensWhenAConnectedServerStandsStillAndProbesItOverThatConnection) {
  Client client(io_.get_executor(), quick());
  run_on(io_, through_a_stop(client, server_));
  EXPECT_EQ(client.stats().connects, 1u);
}

asio::awaitable<void> waiting_callers_end(Client& client, test::RedisServer& server) {
  co_await client.command("PING");
  server.kill();
  co_await must([&] { return !client.connected(); }, "the loss is noticed");
  auto waiting = co_await client.command("PING");
  EXPECT_EQ(waiting.error().code(), "redis_circuit_open");
  co_await client.close();
}

TEST_F(CircuitTest, CallersThatWaitForTheServerAreToldWhenItIsGivenUp) {
  Client client(io_.get_executor(), quick());
  run_on(io_, waiting_callers_end(client, server_));
}

asio::awaitable<void> rotates(Client& client, test::RedisServer& server, Credentials& current) {
  auto first = co_await client.command("ACL", "WHOAMI");
  EXPECT_EQ(first->view().text(), "one");
  current = {"two", "second"};
  server.cli({"ACL", "DELUSER", "one"});  // which closes its connections
  co_await must([&] { return client.stats().connects == 2; }, "it connects again");
  auto second = co_await client.command("ACL", "WHOAMI");
  EXPECT_EQ(second->view().text(), "two");
  co_await client.close();
}

TEST_F(CircuitTest, AsksForTheCredentialsOfTheMomentBeforeEachHandshake) {
  server_.cli({"ACL", "SETUSER", "one", "on", ">first", "~*", "+@all"});
  server_.cli({"ACL", "SETUSER", "two", "on", ">second", "~*", "+@all"});
  Credentials current{"one", "first"};
  Options options = this->options();
  options.credentials = [&current] { return current; };
  Client client(io_.get_executor(), options);
  run_on(io_, rotates(client, server_, current));
}

}  // namespace
}  // namespace inkwell::redis
