#include "cli/server_options.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "server/jwt/token_verifier.hpp"

namespace inkwell::cli {
namespace {

using std::chrono::seconds;

Result<server::Options> options_of(std::vector<std::string> environment) {
  const auto loaded = config::load({.environment = std::move(environment)});
  if (!loaded) throw std::runtime_error(loaded.error().front().to_string());
  return server_options(*loaded);
}

TEST(ServerOptions, CarryEachSettingToThePartItIsFor) {
  const auto options = options_of({"INKWELL_LISTEN_HOST=::1",
                                   "INKWELL_LISTEN_PORT=81",
                                   "INKWELL_SERVER_THREADS=3",
                                   "INKWELL_SERVER_MAX_HEADER_BYTES=2KiB",
                                   "INKWELL_SERVER_MAX_BODY_BYTES=3KiB",
                                   "INKWELL_SERVER_MAX_CONNECTIONS=4",
                                   "INKWELL_SERVER_HEADER_TIMEOUT=5s",
                                   "INKWELL_SERVER_BODY_TIMEOUT=6s",
                                   "INKWELL_SERVER_IDLE_TIMEOUT=7s",
                                   "INKWELL_SERVER_WRITE_TIMEOUT=8s",
                                   "INKWELL_SERVER_DRAIN_TIMEOUT=9s",
                                   "INKWELL_AUTH_API_KEY=hunter2",
                                   "INKWELL_TENANT=novels",
                                   "INKWELL_REDIS_PREFIX=nib",
                                   "INKWELL_REDIS_CONNECT_TIMEOUT=10s",
                                   "INKWELL_REDIS_COMMAND_TIMEOUT=11s",
                                   "INKWELL_REDIS_HEALTH_INTERVAL=12s",
                                   "INKWELL_REDIS_HEALTH_TIMEOUT=13s",
                                   "INKWELL_REDIS_BACKOFF_CAP=14s",
                                   "INKWELL_REDIS_MAX_QUEUED_REQUESTS=15",
                                   "INKWELL_REDIS_MAX_QUEUED_BYTES=16MiB",
                                   "INKWELL_REDIS_URL=redis://ada:pw@h:17/18",
                                   "INKWELL_EVENTS_LIFETIME=19s",
                                   "INKWELL_EVENTS_MAX_ENTRIES=20",
                                   "INKWELL_EVENTS_RING_BYTES=128KiB",
                                   "INKWELL_EVENTS_HEARTBEAT=21s",
                                   "INKWELL_EVENTS_RETRY=22s",
                                   "INKWELL_CONVERSATIONS_LIFETIME=23s"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->address, "::1");
  EXPECT_EQ(options->port, 81);
  EXPECT_EQ(options->threads, 3U);
  EXPECT_EQ(options->limits.header_bytes, 2048U);
  EXPECT_EQ(options->limits.body_bytes, 3072U);
  EXPECT_EQ(options->limits.max_connections, 4U);
  EXPECT_EQ(options->timeouts.header_read, seconds(5));
  EXPECT_EQ(options->timeouts.body_progress, seconds(6));
  EXPECT_EQ(options->timeouts.idle, seconds(7));
  EXPECT_EQ(options->timeouts.write_stall, seconds(8));
  EXPECT_EQ(options->event_streams.write_stall, seconds(8));
  EXPECT_EQ(options->timeouts.drain, seconds(9));
  EXPECT_EQ(options->api_key, "hunter2");
  EXPECT_EQ(options->tenant, "novels");
  EXPECT_EQ(options->key_prefix, "nib");
  EXPECT_EQ(options->redis.connect_timeout, seconds(10));
  EXPECT_EQ(options->redis.command_timeout, seconds(11));
  EXPECT_EQ(options->redis.health_interval, seconds(12));
  EXPECT_EQ(options->redis.health_timeout, seconds(13));
  EXPECT_EQ(options->redis.backoff_cap, seconds(14));
  EXPECT_EQ(options->redis.max_queued_requests, 15U);
  EXPECT_EQ(options->redis.max_queued_bytes, 16U << 20);
  EXPECT_EQ(options->redis.endpoint.host, "h");
  EXPECT_EQ(options->redis.endpoint.port, 17);
  EXPECT_EQ(options->redis.endpoint.username, "ada");
  EXPECT_EQ(options->redis.endpoint.password, "pw");
  EXPECT_EQ(options->redis.endpoint.database, 18U);
  EXPECT_EQ(options->events.publish.lifetime, seconds(19));
  EXPECT_EQ(options->events.publish.max_length, 20U);
  EXPECT_EQ(options->events.chain.ring_bytes, 128U << 10);
  EXPECT_EQ(options->event_streams.heartbeat, seconds(21));
  EXPECT_EQ(options->event_streams.retry, seconds(22));
  EXPECT_EQ(options->conversations.lifetime, seconds(23));
}

TEST(ServerOptions, OfTheDefaultsAreThePartsOwn) {
  const auto options = options_of({});
  ASSERT_TRUE(options.has_value());
  const server::Options own;
  EXPECT_EQ(options->address, own.address);
  EXPECT_EQ(options->port, own.port);
  EXPECT_EQ(options->limits.header_bytes, own.limits.header_bytes);
  EXPECT_EQ(options->limits.body_bytes, own.limits.body_bytes);
  EXPECT_EQ(options->limits.max_connections, own.limits.max_connections);
  EXPECT_EQ(options->timeouts.header_read, own.timeouts.header_read);
  EXPECT_EQ(options->timeouts.body_progress, own.timeouts.body_progress);
  EXPECT_EQ(options->timeouts.idle, own.timeouts.idle);
  EXPECT_EQ(options->timeouts.write_stall, own.timeouts.write_stall);
  EXPECT_EQ(options->timeouts.drain, own.timeouts.drain);
  EXPECT_EQ(options->redis.connect_timeout, own.redis.connect_timeout);
  EXPECT_EQ(options->redis.command_timeout, own.redis.command_timeout);
  EXPECT_EQ(options->redis.health_interval, own.redis.health_interval);
  EXPECT_EQ(options->redis.health_timeout, own.redis.health_timeout);
  EXPECT_EQ(options->redis.backoff_cap, own.redis.backoff_cap);
  EXPECT_EQ(options->redis.max_queued_requests, own.redis.max_queued_requests);
  EXPECT_EQ(options->redis.max_queued_bytes, own.redis.max_queued_bytes);
  EXPECT_EQ(options->events.publish.max_length, own.events.publish.max_length);
  EXPECT_EQ(options->events.chain.ring_bytes, own.events.chain.ring_bytes);
  EXPECT_EQ(options->event_streams.heartbeat, own.event_streams.heartbeat);
  EXPECT_EQ(options->event_streams.retry, own.event_streams.retry);
  EXPECT_EQ(options->conversations.lifetime, own.conversations.lifetime);
}

TEST(ServerOptions, NameWhereAUrlCameFromThatMakesNoSenseAndKeepItsPassword) {
  const auto options = options_of({"INKWELL_REDIS_URL=redis://:hunter2@h:port"});
  ASSERT_FALSE(options.has_value());
  EXPECT_TRUE(options.error().message().starts_with("INKWELL_REDIS_URL: redis.url: ")) << options.error().message();
  EXPECT_EQ(options.error().to_string().find("hunter2"), std::string::npos);
}

constexpr const char* kSecret = "INKWELL_AUTH_JWT_KEY=a-secret-for-tests-of-at-least-32-bytes";

/// A file that only its owner reads, gone with this.
class OwnFile {
 public:
  OwnFile(const std::string& name, std::string_view text, bool for_all = false)
      : path_(std::filesystem::path(::testing::TempDir()) / name) {
    std::ofstream(path_) << text;
    using std::filesystem::perms;
    const auto others = for_all ? perms::group_read | perms::others_read : perms::none;
    std::filesystem::permissions(path_, perms::owner_read | perms::owner_write | others);
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;
  ~OwnFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(TokenOptions, TakeNoTokensWithoutAKey) {
  const auto options = options_of({"INKWELL_SERVER_PUBLIC_URL=https://hub.example.com/"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->tokens.verifier, nullptr);
  EXPECT_EQ(options->tokens.public_url, "https://hub.example.com");
}

TEST(TokenOptions, AreReadFromTheirSettings) {
  const auto options =
      options_of({kSecret, "INKWELL_AUTH_JWT_ISSUER=https://issuer.example", "INKWELL_AUTH_JWT_COOKIE=token",
                  "INKWELL_AUTH_JWT_ANONYMOUS=true", "INKWELL_AUTH_JWT_PUBLISH_ORIGINS=https://app.example.com"});
  ASSERT_TRUE(options.has_value()) << options.error().to_string();
  ASSERT_NE(options->tokens.verifier, nullptr);
  EXPECT_EQ(options->tokens.verifier->issuers(), std::vector<std::string>{"https://issuer.example"});
  EXPECT_EQ(options->tokens.cookie, "token");
  EXPECT_TRUE(options->tokens.anonymous);
  EXPECT_TRUE(options->tokens.publish_origins.has("https://app.example.com"));
  EXPECT_FALSE(options->tokens.publish_origins.has("https://example.com"));
}

TEST(TokenOptions, NameTheSettingThatIsWrongAndNeverItsSecret) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"INKWELL_AUTH_JWT_KEY=hunter2"}, "INKWELL_AUTH_JWT_KEY: auth.jwt.key: "},
      {{"INKWELL_AUTH_JWT_SUBSCRIBER_KEY=hunter2"}, "INKWELL_AUTH_JWT_SUBSCRIBER_KEY: auth.jwt.subscriber_key: "},
      {{kSecret, "INKWELL_AUTH_JWT_SUBSCRIBER_KEY=hunter2"},
       "INKWELL_AUTH_JWT_SUBSCRIBER_KEY: auth.jwt.subscriber_key: "},
      {{kSecret, "INKWELL_AUTH_JWT_ALGORITHMS=none"}, "INKWELL_AUTH_JWT_ALGORITHMS: auth.jwt.algorithms: "},
      {{kSecret, "INKWELL_AUTH_JWT_PUBLISH_ORIGINS=example.com"},
       "INKWELL_AUTH_JWT_PUBLISH_ORIGINS: auth.jwt.publish_origins: "},
      {{"INKWELL_AUTH_JWT_KEY_SET_FILE=/nonexistent"}, "INKWELL_AUTH_JWT_KEY_SET_FILE: auth.jwt.key_set_file: "},
      {{"INKWELL_SERVER_PUBLIC_URL=https://example.com/hub"}, "INKWELL_SERVER_PUBLIC_URL: server.public_url: "},
      {{"INKWELL_AUTH_JWT_AUDIENCE=x"}, "INKWELL_AUTH_JWT_AUDIENCE: auth.jwt.audience: there is no key"},
      {{"INKWELL_AUTH_JWT_ANONYMOUS=true"}, "INKWELL_AUTH_JWT_ANONYMOUS: auth.jwt.anonymous: there is no key"},
  };
  for (const auto& [environment, begins] : cases) {
    const auto options = options_of(environment);
    ASSERT_FALSE(options.has_value()) << begins;
    EXPECT_TRUE(options.error().message().starts_with(begins)) << options.error().message();
    EXPECT_EQ(options.error().to_string().find("hunter2"), std::string::npos);
  }
}

TEST(TokenOptions, TakeAKeySetFromAFileWhoseSecretsAreTheOwnersOnly) {
  constexpr std::string_view kSet =
      R"({"keys":[{"kty":"oct","kid":"1","k":"YS1zZWNyZXQtdGhhdC1pcy1sb25nLWVub3VnaC1mb3ItaG1hYw"}]})";
  const OwnFile own("inkwell-own-key-set.json", kSet);
  const auto good = options_of({"INKWELL_AUTH_JWT_KEY_SET_FILE=" + own.path()});
  ASSERT_TRUE(good.has_value()) << good.error().to_string();
  EXPECT_NE(good->tokens.verifier, nullptr);
  const OwnFile open("inkwell-open-key-set.json", kSet, true);
  const auto exposed = options_of({"INKWELL_AUTH_JWT_KEY_SET_FILE=" + open.path()});
  ASSERT_FALSE(exposed.has_value());
  EXPECT_NE(exposed.error().message().find("every user of this machine"), std::string::npos);
  const OwnFile empty("inkwell-empty-key-set.json", R"({"keys":[]})");
  EXPECT_FALSE(options_of({"INKWELL_AUTH_JWT_KEY_SET_FILE=" + empty.path()}).has_value());
}

TEST(TokenOptions, TakeAPublicKeyFromAFileThatEverybodyMayRead) {
  constexpr std::string_view kPem =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n";
  const OwnFile open("inkwell-public-key.pem", kPem, true);
  const auto options = options_of({"INKWELL_AUTH_JWT_KEY_FILE=" + open.path()});
  ASSERT_TRUE(options.has_value()) << options.error().to_string();
  EXPECT_NE(options->tokens.verifier, nullptr);
}

}  // namespace
}  // namespace inkwell::cli
