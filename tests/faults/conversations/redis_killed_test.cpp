// Clients that append while Redis is killed and restarted, and while Sentinels replace the master.
// | fault             | production cause |
//   SIGKILL and start | the server's machine or container dies and comes back with its append-only file
//   see support/handover.hpp
#include "faults/conversations/appenders.hpp"
#include "keyspace/commits.hpp"
#include "support/audit.hpp"
#include "support/handover.hpp"

namespace inkwell::conversations {
namespace {

using test::beside;
using test::ReplicatedSet;
using test::run_on;
using namespace std::chrono_literals;

asio::awaitable<void> kills(test::RedisServer& server, Appended& appended) {
  const std::function<void()> kill = [&] { server.kill(); };
  for (int round = 0; round < 3; ++round) {
    co_await more_appends(appended);
    co_await beside(kill);
    server.start();  // by this thread: the server dies with the thread that started it
  }
}

TEST(ConversationsUnderFaults, NoAppendIsLostDoubledOrOutOfOrderForClientsThatRepeatWithTheirKeyWhileRedisIsKilled) {
  test::RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  asio::io_context io{1};
  redis::Options options;
  options.endpoint = server.endpoint();
  redis::Client client(io.get_executor(), options);
  keyspace::Store store(client, keyspace::Keys("default"));
  Conversations conversations(store);
  const auto faults = [&](Appended& appended) { return kills(server, appended); };
  run_on(io, appends_under(faults, conversations), 120s);
  run_on(io, client.close());
  test::expect_clean_audit(server);
}

// One replica and WAIT 1: whoever takes over has everything that was acknowledged.
TEST(ConversationsUnderFaults,
     NoAppendIsLostDoubledOrOutOfOrderWhileSentinelsReplaceTheMasterAndWritesWaitForItsReplica) {
  ReplicatedSet set(1);
  asio::io_context io{1};
  redis::Options options;
  options.endpoint = set.endpoint();
  options.command_timeout = 2s;
  options.health_interval = 200ms;
  options.health_timeout = 2s;
  redis::Client client(io.get_executor(), options);
  keyspace::Commits commits(io.get_executor(), options, {.replicas = 1, .timeout = 500ms});
  keyspace::Store store(client, keyspace::Keys("default"), &commits);
  Conversations conversations(store);
  const auto faults = [&](Appended& appended) {
    return test::replace_masters(set, [&] { return more_appends(appended); });
  };
  run_on(io, appends_under(faults, conversations), 250s);
  EXPECT_GT(commits.stats().confirmed, 0U);
  run_on(io, commits.close());
  run_on(io, client.close());
  test::expect_clean_audit(set.server(set.master()));
}

}  // namespace
}  // namespace inkwell::conversations
