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
