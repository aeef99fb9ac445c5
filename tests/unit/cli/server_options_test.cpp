#include "cli/server_options.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace inkwell::cli
