// `inkwell doctor` and `inkwell ttl audit`, the real binary on a real Redis: what they find, and the exit codes scripts
// rely on.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program_run.hpp"
#include "support/redis_server.hpp"

namespace inkwell::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string url_of(const RedisServer& server) { return "redis://127.0.0.1:" + std::to_string(server.port()); }

struct Ended {
  int code;
  std::string out;
  std::string err;
};

Ended run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  environment.insert(environment.end(), {"PATH=/usr/bin:/bin", "HOME=/nonexistent"});
  ProgramRun program(std::move(arguments), std::move(environment));
  const int code = program.exit_code();
  return {code, program.out(), program.err()};
}

// The health of one subject of `doctor --json`; "absent" when it was not looked at.
std::string health(const Ended& ended, std::string_view subject) {
  const auto report = boost::json::parse(ended.out);
  for (const auto& finding : report.at("findings").as_array()) {
    if (finding.at("subject").as_string() == subject) return std::string(finding.at("health").as_string());
  }
  return "absent";
}

TEST(TtlAudit, CountsEachFamilyAndIsContent) {
  const RedisServer server;
  server.cli({"SET", "ink:default:emb:m:3:aa", "v", "PX", "60000"});
  const auto ended = run({"ttl", "audit", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("embedding"), HasSubstr("1 keys, 0 of them break their policy.")));
}

TEST(TtlAudit, NamesAnImmortalKeyAndFails) {
  const RedisServer server;
  server.cli({"SET", "ink:default:emb:m:3:aa", "v"});
  EXPECT_EQ(run({"ttl", "audit", "--redis", url_of(server)}).code, 1);
  const auto ended = run({"ttl", "audit", "--json", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 1);
  const auto report = boost::json::parse(ended.out);
  EXPECT_EQ(report.at("broken").to_number<int>(), 1);
  EXPECT_EQ(report.at("findings").at(0).at("key").as_string(), "ink:default:emb:m:3:aa");
}

TEST(TtlAudit, HoldsKeysAgainstTheConfiguredLifetime) {
  const RedisServer server;
  server.cli({"SET", "ink:default:emb:m:3:aa", "v", "PX", "60000"});
  EXPECT_EQ(run({"ttl", "audit", "--redis", url_of(server), "--embeddings-lifetime", "10s"}).code, 1);
}

TEST(TtlAudit, SaysWhenThereIsNoRedis) {
  const auto ended = run({"ttl", "audit", "--data-dir", "/nonexistent/inkwell"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("/nonexistent/inkwell"), HasSubstr("--redis")));
}

TEST(EmbeddingsStats, CountsVectorsByTenantModelAndLength) {
  const RedisServer server;
  const std::string digest(62, 'a');
  for (const auto* key : {"default:emb:m:0:", "other:emb:m:0:", "default:emb:org/n%3Av1:256:"}) {
    for (int i = 0; i < 3; ++i) {
      server.cli({"SET", "ink:" + std::string(key) + digest + "b" + std::to_string(i), "v", "PX", "60000"});
    }
  }
  server.cli({"SET", "ink:default:emb:m:0:" + digest + "b0:lease", "v", "PX", "60000"});
  const auto ended = run({"embeddings", "stats", "--json", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const auto all = boost::json::parse(ended.out);
  ASSERT_EQ(all.as_array().size(), 3u);
  EXPECT_EQ(all.at(1).at("model").as_string(), "org/n:v1");
  EXPECT_EQ(all.at(1).at("dimensions").to_number<int>(), 256);
  for (const auto& one : all.as_array()) {
    EXPECT_EQ(one.at("vectors").to_number<int>(), 3);
    EXPECT_GT(one.at("bytes").to_number<int>(), 200);
  }
  EXPECT_THAT(run({"embeddings", "stats", "--redis", url_of(server)}).out, HasSubstr("org/n:v1"));
}

TEST(EmbeddingsPurge, RemovesOneModelOfOneTenantAndNothingElse) {
  const RedisServer server;
  const std::string digest(61, 'a');
  for (const auto* key : {"default:emb:m%2A:0:", "default:emb:m%2A:64:", "other:emb:m%2A:0:", "default:emb:mx:0:"}) {
    server.cli({"SET", "ink:" + std::string(key) + digest + "abc", "v", "PX", "60000"});
  }
  server.cli({"ZADD", "ink:default:hot:m%2A", "1", "x"});
  const auto before = std::stoi(server.cli({"DBSIZE"}));
  const auto ended = run({"embeddings", "purge", "--model", "m*", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "2 vectors of 'm*' removed.\n");
  EXPECT_EQ(std::stoi(server.cli({"DBSIZE"})), before - 3) << "two vectors and the hot set";
  EXPECT_EQ(server.cli({"EXISTS", "ink:other:emb:m%2A:0:" + digest + "abc"}), "1");
  EXPECT_EQ(server.cli({"EXISTS", "ink:default:emb:mx:0:" + digest + "abc"}), "1");
  EXPECT_EQ(run({"embeddings", "purge", "--redis", url_of(server)}).code, 2) << "no model is named";
}

TEST(Doctor, FindsNothingBadInAServerAsInkwellWantsIt) {
  const RedisServer server({"--appendonly", "yes"});
  const auto ended = run({"doctor", "--json", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 0) << ended.out;
  for (const auto* subject : {"redis version", "redis eviction", "redis persistence", "redis permissions"})
    EXPECT_EQ(health(ended, subject), "ok") << subject;
  EXPECT_EQ(health(ended, "redis encryption"), "absent");  // it never leaves the machine
}

TEST(Doctor, NoticesAnEvictionPolicyThatDropsConversations) {
  const RedisServer server({"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"});
  const auto ended = run({"doctor", "--json", "--redis", url_of(server)});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(health(ended, "redis eviction"), "error");
  EXPECT_THAT(run({"doctor", "--redis", url_of(server)}).out, HasSubstr("-> Set maxmemory-policy to noeviction"));
}

TEST(Doctor, NoticesThatNothingIsPersisted) {
  const RedisServer server({"--save", "", "--appendonly", "no"});
  EXPECT_EQ(health(run({"doctor", "--json", "--redis", url_of(server)}), "redis persistence"), "warning");
}

TEST(Doctor, NamesTheCommandsItsUserMayNotUse) {
  const RedisServer server;
  server.cli({"ACL", "SETUSER", "weak", "on", ">word", "~*", "&*", "+@all", "-xadd"});
  const auto url = "redis://weak:word@127.0.0.1:" + std::to_string(server.port());
  const auto ended = run({"doctor"}, {"INKWELL_REDIS_URL=" + url});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("The user weak may not: XADD."), testing::Not(HasSubstr("word"))));
}

TEST(Doctor, SaysThatARedisCannotBeReached) {
  const auto ended = run({"doctor", "--redis", "unix:///nonexistent/redis.sock", "--redis-command-timeout", "300ms"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("error    redis"), HasSubstr("/nonexistent/redis.sock")));
}

TEST(Doctor, SaysThatTheUpstreamCannotBeReached) {
  const RedisServer server;
  const auto ended =
      run({"doctor", "--json", "--redis", url_of(server), "--embeddings-upstream", "http://127.0.0.1:1/v1"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(health(ended, "embeddings upstream"), "error");
}

}  // namespace
}  // namespace inkwell::test
