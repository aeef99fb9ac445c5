#include "cli/server_options.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "cli/setting_error.hpp"
#include "cli/token_options.hpp"
#include "config/access_file.hpp"

namespace inkwell::cli {
namespace {

void set_events(const config::Config& from, server::Options& options) {
  options.events.publish.max_length = from.events.max_entries;
  options.events.publish.lifetime = from.events.lifetime;
  options.events.chain.ring_bytes = from.events.ring_bytes;
  options.generations.lifetime = from.events.lifetime;
  options.event_streams.heartbeat = from.events.heartbeat;
  options.event_streams.retry = from.events.retry;
  options.event_streams.max_lifetime = from.events.max_stream_lifetime;
  options.stream_limits.per_address = from.events.max_streams_per_address;
  options.event_streams.write_stall = from.server.write_timeout;
}

embeddings::UpstreamOptions upstream_options(const config::Config::Embeddings::Upstream& from) {
  using embeddings::UpstreamApi;
  using embeddings::VectorFormat;
  embeddings::UpstreamOptions options;
  options.url = from.url;
  while (options.url.ends_with('/')) options.url.pop_back();
  options.api = from.api == "ollama" ? UpstreamApi::ollama : from.api == "tei" ? UpstreamApi::tei : UpstreamApi::openai;
  options.format = from.format == "base64" ? VectorFormat::base64
                   : from.format == "none" ? VectorFormat::unspecified
                                           : VectorFormat::floats;
  options.api_key = from.api_key;
  options.ca_file = from.ca_file;
  for (const auto& model : from.models) {
    const auto equals = model.find('=');
    options.models.push_back(
        {model.substr(0, equals), equals == std::string::npos ? std::string() : model.substr(equals + 1)});
  }
  options.batch_size = from.batch_size;
  options.batch_tokens = from.batch_tokens;
  options.input_tokens = from.input_tokens;
  options.takes_token_arrays = from.takes_token_arrays;
  options.timeout = from.timeout;
  return options;
}

embeddings::Options embeddings_options(const config::Config::Embeddings& from) {
  embeddings::Options options;
  options.hot.max_bytes = from.hot.max_bytes;
  options.hot_ttl = from.hot.ttl;
  options.warm_limit = from.hot.warm;
  options.text_bytes = from.hot.text_bytes;
  options.lifetime = from.lifetime;
  options.lexical_dimensions = static_cast<std::uint32_t>(from.dimensions);
  options.precision = from.precision == "float16" ? embeddings::Precision::float16 : embeddings::Precision::float32;
  options.lease = from.lease;
  for (const auto* upstream : {&from.upstream, &from.upstream2, &from.upstream3}) {
    if (upstream->url.empty()) continue;
    options.deadline = std::max(options.deadline, 2 * upstream->timeout);
    options.upstreams.push_back(upstream_options(*upstream));
  }
  return options;
}

Result<void> set_access(const config::Loaded& loaded, server::Options& options) {
  const std::string& path = loaded.config.auth.keys_file;
  if (path.empty()) return {};
  auto access = config::read_access_file(path);
  if (!access) return std::unexpected(std::move(access.error()));
  if (access->keys.empty()) {
    return fail(ErrorKind::invalid_argument, "bad_value", fmt::format("auth.keys_file: {} has no keys.", path),
                "`inkwell key new` makes a key and prints its entry.");
  }
  for (auto& key : access->keys) options.api_keys.push_back({.digest = key.sha256, .tenant = std::move(key.tenant)});
  for (auto& from : access->tenants) {
    server::TenantOptions tenant;
    tenant.name = std::move(from.name);
    tenant.requests_per_second = static_cast<std::uint64_t>(from.requests_per_second);
    tenant.burst = static_cast<std::uint64_t>(from.burst);
    tenant.quota.max_conversations = static_cast<std::uint64_t>(from.max_conversations);
    tenant.quota.max_bytes = static_cast<std::uint64_t>(from.max_conversation_bytes);
    tenant.conversation_lifetime = from.conversation_lifetime;
    options.tenants.push_back(std::move(tenant));
  }
  return {};
}

}  // namespace

Result<redis::Options> redis_options(const config::Loaded& loaded) {
  const config::Config::Redis& from = loaded.config.redis;
  redis::Options options;
  options.connect_timeout = from.connect_timeout;
  options.command_timeout = from.command_timeout;
  options.health_interval = from.health_interval;
  options.health_timeout = from.health_timeout;
  options.backoff_cap = from.backoff_cap;
  options.max_queued_requests = from.max_queued_requests;
  options.max_queued_bytes = from.max_queued_bytes;
  if (from.url.empty()) {
    if (from.wait_replicas == 0) return options;
    return fail(ErrorKind::invalid_argument, "bad_value",
                fmt::format("{}: redis.wait_replicas: the private Redis has no replicas",
                            loaded.origin_of("redis.wait_replicas").place),
                "Name a Redis that has them by redis.url, or leave redis.wait_replicas at 0.");
  }
  auto endpoint = redis::parse_url(from.url);
  if (!endpoint) return setting_error(loaded, "redis.url", endpoint.error());
  options.endpoint = std::move(*endpoint);
  return options;
}

Result<server::Options> server_options(const config::Loaded& loaded) {
  const config::Config& from = loaded.config;
  server::Options options;
  options.address = from.listen.host;
  options.port = from.listen.port;
  options.threads = static_cast<unsigned>(from.server.threads);
  options.limits.header_bytes = from.server.max_header_bytes;
  options.limits.body_bytes = from.server.max_body_bytes;
  options.limits.max_connections = from.server.max_connections;
  options.timeouts.header_read = from.server.header_timeout;
  options.timeouts.body_progress = from.server.body_timeout;
  options.timeouts.idle = from.server.idle_timeout;
  options.timeouts.write_stall = from.server.write_timeout;
  options.timeouts.drain = from.server.drain_timeout;
  options.api_key = from.auth.api_key;
  options.allowed_hosts = from.server.allowed_hosts;
  options.tenant = from.tenant;
  options.key_prefix = from.redis.prefix;
  options.conversations.lifetime = from.conversations.lifetime;
  options.conversations.max_lifetime = std::max(from.conversations.lifetime, from.conversations.max_lifetime);
  options.conversations.compress_above = from.conversations.compress_above;
  options.near_cache_bytes = from.conversations.near_cache_bytes;
  options.conversation_events = from.conversations.events;
  if (auto good = set_access(loaded, options); !good) return std::unexpected(std::move(good.error()));
  auto origins = server::OriginList::make(from.server.cors_origins);
  if (!origins) return setting_error(loaded, "server.cors_origins", origins.error());
  options.cors_origins = std::move(*origins);
  auto tokens = token_options(loaded);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  options.tokens = std::move(*tokens);
  set_events(from, options);
  options.embeddings = embeddings_options(from.embeddings);
  auto redis = redis_options(loaded);
  if (!redis) return std::unexpected(redis.error());
  options.redis = std::move(*redis);
  options.acknowledgement.replicas = static_cast<unsigned>(from.redis.wait_replicas);
  options.acknowledgement.append_only_file = from.redis.wait_append_only_file;
  options.acknowledgement.timeout = from.redis.wait_timeout;
  return options;
}

}  // namespace inkwell::cli
