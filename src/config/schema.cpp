#include "config/schema.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <type_traits>

namespace inkwell::config {
namespace {

// Writes a value to the member at `Path`; parse() has checked that it fits.
template <auto... Path>
void store(Config& config, const Value& value) {
  auto& field = (config.*....*Path);
  using Field = std::remove_reference_t<decltype(field)>;
  if constexpr (std::is_same_v<Field, Duration>) {
    field = Duration(std::get<std::int64_t>(value));
  } else if constexpr (std::is_same_v<Field, bool>) {
    field = std::get<bool>(value);
  } else if constexpr (std::is_integral_v<Field>) {
    field = static_cast<Field>(std::get<std::int64_t>(value));
  } else {
    field = std::get<Field>(value);
  }
}

constexpr std::int64_t kKiB = 1 << 10;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = 1 << 30;
constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kLongest = 3650 * kDay;
constexpr Bounds kAnyText{0, 4096};
constexpr Bounds kSomeText{1, 256};
constexpr Bounds kTimeout{1, kHour};

/// What few settings have: secrecy, choices, a new value without a restart.
void add_traits(std::vector<Setting>& all) {
  auto at = [&](std::string_view name) -> Setting& { return *std::ranges::find(all, name, &Setting::name); };
  at("auth.api_key").secret = true;
  at("auth.api_key_file").secret_file_of = "auth.api_key";
  for (const std::string_view key : {"auth.jwt.key", "auth.jwt.subscriber_key"}) {
    at(key).secret = true;
    at(key).lines = true;
  }
  at("auth.jwt.key_file").secret_file_of = "auth.jwt.key";
  at("auth.jwt.subscriber_key_file").secret_file_of = "auth.jwt.subscriber_key";
  at("redis.url_file").secret_file_of = "redis.url";
  for (const std::string_view upstream : {"embeddings.upstream.", "embeddings.upstream2.", "embeddings.upstream3."}) {
    const auto of = [&](std::string_view name) -> Setting& { return at(std::string(upstream) + std::string(name)); };
    of("api_key").secret = true;
    of("api_key_file").secret_file_of = of("api_key").name;
    of("api").choices = {"openai", "ollama", "tei"};
    of("format").choices = {"float", "base64", "none"};
  }
  at("embeddings.precision").choices = {"float32", "float16"};
  at("log.level").choices = {"debug", "info", "warn", "error", "off"};
  at("log.level").reloadable = true;
  at("log.format").choices = {"text", "json"};
}

std::vector<Setting> conversation_settings() {
  using C = Config;
  return {
      {"conversations.lifetime",
       Type::duration,
       "30d",
       {kSecond, kLongest},
       "How long a conversation lives after its last use, unless it was made with expires_after.",
       store<&C::conversations, &C::Conversations::lifetime>},
      {"conversations.max_lifetime",
       Type::duration,
       "365d",
       {kSecond, kLongest},
       "The longest lifetime that a conversation may ask for with expires_after.",
       store<&C::conversations, &C::Conversations::max_lifetime>},
      {"conversations.compress_above",
       Type::size,
       "4KiB",
       {0, 1024 * kMiB},
       "Items with more bytes than this are stored compressed; 0 compresses none.",
       store<&C::conversations, &C::Conversations::compress_above>},
      {"conversations.near_cache_bytes",
       Type::size,
       "64MiB",
       {0, 1024 * kGiB},
       "Memory for recent reads of conversations in this process; 0 keeps none.",
       store<&C::conversations, &C::Conversations::near_cache_bytes>},
      {"conversations.events",
       Type::boolean,
       "false",
       {},
       "Whether each append to a conversation is told by an event in the channel conversation:ID.",
       store<&C::conversations, &C::Conversations::events>},
  };
}

std::vector<Setting> event_settings() {
  using C = Config;
  using V = C::Events;
  return {
      {"events.lifetime",
       Type::duration,
       "1d",
       {kSecond, kLongest},
       "How long a channel's history lives after its last event.",
       store<&C::events, &V::lifetime>},
      {"events.max_entries",
       Type::integer,
       "1000",
       {1, 10'000'000},
       "How many events of a channel are kept.",
       store<&C::events, &V::max_entries>},
      {"events.ring_bytes",
       Type::size,
       "256KiB",
       {64 * kKiB, kGiB},
       "Memory for the recent events of one channel that has subscribers.",
       store<&C::events, &V::ring_bytes>},
      {"events.heartbeat",
       Type::duration,
       "15s",
       {100, kHour},
       "How often a silent event stream is sent a comment.",
       store<&C::events, &V::heartbeat>},
      {"events.retry",
       Type::duration,
       "2s",
       {100, kHour},
       "How long an EventSource is told to wait before it reconnects.",
       store<&C::events, &V::retry>},
      {"events.max_stream_lifetime",
       Type::duration,
       "0s",
       {0, kLongest},
       "An event stream open for so long is ended, and its client returns; 0 lets it be.",
       store<&C::events, &V::max_stream_lifetime>},
      {"events.max_streams_per_address",
       Type::integer,
       "0",
       {0, 1'000'000},
       "Event streams one address may have open on this server; 0 sets no limit.",
       store<&C::events, &V::max_streams_per_address>},
  };
}

/// One of the upstreams, which are all alike; `start` is "embeddings.upstream." or so.
template <auto Upstream>
void add_upstream_settings(std::vector<Setting>& all, std::string_view start, std::string_view url_meaning) {
  using C = Config;
  using U = C::Embeddings::Upstream;
  static std::deque<std::string> texts;  // a schema lasts as long as the program
  const auto text = [&](std::string whole) -> std::string_view { return texts.emplace_back(std::move(whole)); };
  const auto named = [&](std::string_view name) { return text(std::string(start) + std::string(name)); };
  all.insert(
      all.end(),
      {
          {named("url"), Type::http_url, "", kAnyText, url_meaning, store<&C::embeddings, Upstream, &U::url>},
          {named("api"),
           Type::choice,
           "openai",
           {},
           "What it speaks: the API of OpenAI, Ollama's own or TEI's own.",
           store<&C::embeddings, Upstream, &U::api>},
          {named("api_key"), Type::text, "", kAnyText, "The bearer token sent to it.",
           store<&C::embeddings, Upstream, &U::api_key>},
          {named("api_key_file"), Type::path, "", kAnyText,
           text("A file that holds " + std::string(named("api_key")) + "."),
           store<&C::embeddings, Upstream, &U::api_key_file>},
          {named("ca_file"), Type::path, "", kAnyText,
           "A PEM file of the authorities trusted for its certificate; empty trusts the system's.",
           store<&C::embeddings, Upstream, &U::ca_file>},
          {named("models"),
           Type::list,
           "",
           {0, 256},
           "The models it is asked for, each `name` or `name=what it is called there`; empty passes on whatever a "
           "client "
           "names.",
           store<&C::embeddings, Upstream, &U::models>},
          {named("batch_size"),
           Type::integer,
           "0",
           {0, 2048},
           "Most inputs in one request to it; 0 takes what its API commonly allows: 256, of Ollama 64, of TEI 32.",
           store<&C::embeddings, Upstream, &U::batch_size>},
          {named("batch_tokens"),
           Type::integer,
           "0",
           {0, 100'000'000},
           "Most tokens in one request to it, by estimate; 0 takes what its API allows: 300000 of OpenAI's.",
           store<&C::embeddings, Upstream, &U::batch_tokens>},
          {named("input_tokens"),
           Type::integer,
           "0",
           {0, 10'000'000},
           "Longest token array that is passed on to it; 0 leaves it to judge.",
           store<&C::embeddings, Upstream, &U::input_tokens>},
          {named("takes_token_arrays"),
           Type::boolean,
           "true",
           {},
           "Whether it takes token arrays; never where its API has none (Ollama).",
           store<&C::embeddings, Upstream, &U::takes_token_arrays>},
          {named("format"),
           Type::choice,
           "float",
           {},
           "The encoding_format asked for; none leaves the field out, for servers that refuse it. All are read.",
           store<&C::embeddings, Upstream, &U::format>},
          {named("timeout"),
           Type::duration,
           "30s",
           {100, kHour},
           "Time it has to answer.",
           store<&C::embeddings, Upstream, &U::timeout>},
      });
}

/// How much of everything one server takes, and for how long it waits.
void add_server_settings(std::vector<Setting>& all) {
  using C = Config;
  using S = C::Server;
  all.insert(
      all.end(),
      {
          {"server.threads",
           Type::integer,
           "0",
           {0, 1024},
           "Worker threads; 0 starts one for each CPU.",
           store<&C::server, &S::threads>},
          {"server.max_connections",
           Type::integer,
           "20000",
           {1, 10'000'000},
           "Open connections, beyond which new ones are refused.",
           store<&C::server, &S::max_connections>},
          {"server.max_header_bytes",
           Type::size,
           "16KiB",
           {kKiB, kMiB},
           "Largest request head, in bytes.",
           store<&C::server, &S::max_header_bytes>},
          {"server.max_body_bytes",
           Type::size,
           "32MiB",
           {kKiB, kGiB},
           "Largest request body, in bytes.",
           store<&C::server, &S::max_body_bytes>},
          {"server.header_timeout", Type::duration, "10s", kTimeout,
           "Time a client has to send a request's head, from its first byte.", store<&C::server, &S::header_timeout>},
          {"server.body_timeout", Type::duration, "30s", kTimeout,
           "How long a client may pause while it sends a request's body.", store<&C::server, &S::body_timeout>},
          {"server.idle_timeout", Type::duration, "75s", kTimeout,
           "How long a connection may wait between two requests before it is closed.",
           store<&C::server, &S::idle_timeout>},
          {"server.write_timeout", Type::duration, "30s", kTimeout,
           "How long a client may take no byte of its answer before it is cut off.",
           store<&C::server, &S::write_timeout>},
          {"server.drain_timeout",
           Type::duration,
           "10s",
           {0, kHour},
           "How long requests in flight may take to end when the server is told to stop.",
           store<&C::server, &S::drain_timeout>},
          {"server.allowed_hosts",
           Type::list,
           "",
           {0, 256},
           "Host names, beside localhost, that a server without an API key answers to.",
           store<&C::server, &S::allowed_hosts>},
          {"server.public_url", Type::http_url, "", kAnyText,
           "Scheme, host and port that clients know the server by; without it, what each request's Host says.",
           store<&C::server, &S::public_url>},
          {"server.cors_origins",
           Type::list,
           "",
           {0, 256},
           "Origins of web pages that may use the server, with cookies; `*` lets in every page, without cookies.",
           store<&C::server, &S::cors_origins>},
      });
}

/// Tokens: whose, and what for.
void add_jwt_settings(std::vector<Setting>& all) {
  using C = Config;
  using A = C::Auth;
  using J = A::Jwt;
  constexpr Bounds kKey{0, 64 * kKiB};
  all.insert(
      all.end(),
      {
          {"auth.jwt.key", Type::text, "", kKey,
           "What tokens (JWT) are verified with: a shared secret of at least 32 bytes, or a public key in PEM "
           "(docs/tokens.md).",
           store<&C::auth, &A::jwt, &J::key>},
          {"auth.jwt.key_file", Type::path, "", kAnyText, "A file that holds auth.jwt.key.",
           store<&C::auth, &A::jwt, &J::key_file>},
          {"auth.jwt.subscriber_key", Type::text, "", kKey,
           "The same, for the tokens of subscribers, where they are not signed with auth.jwt.key.",
           store<&C::auth, &A::jwt, &J::subscriber_key>},
          {"auth.jwt.subscriber_key_file", Type::path, "", kAnyText, "A file that holds auth.jwt.subscriber_key.",
           store<&C::auth, &A::jwt, &J::subscriber_key_file>},
          {"auth.jwt.issuer", Type::text, "", kAnyText,
           "Whose tokens these keys verify, by their `iss`; without it, anybody's.",
           store<&C::auth, &A::jwt, &J::issuer>},
          {"auth.jwt.key_set_file", Type::path, "", kAnyText,
           "A JWK Set, a file of keys that tokens are verified with.", store<&C::auth, &A::jwt, &J::key_set_file>},
          {"auth.jwt.key_set_url", Type::http_url, "", kAnyText,
           "Where a JWK Set is fetched from, every ten minutes and when a token names a key not in it.",
           store<&C::auth, &A::jwt, &J::key_set_url>},
          {"auth.jwt.key_set_issuer", Type::text, "", kAnyText, "Whose tokens the key sets verify, by their `iss`.",
           store<&C::auth, &A::jwt, &J::key_set_issuer>},
          {"auth.jwt.algorithms",
           Type::list,
           "",
           {0, 13},
           "The signature algorithms that are accepted; empty accepts each that a key is fit for.",
           store<&C::auth, &A::jwt, &J::algorithms>},
          {"auth.jwt.audience", Type::text, "", kAnyText, "What every token must name as its `aud`.",
           store<&C::auth, &A::jwt, &J::audience>},
          {"auth.jwt.cookie", Type::name, "__Secure-mercure_access_token", kSomeText,
           "The cookie that may carry a token, beside mercureAuthorization.", store<&C::auth, &A::jwt, &J::cookie>},
          {"auth.jwt.publish_origins",
           Type::list,
           "",
           {0, 256},
           "Origins of web pages that may publish with a cookie.",
           store<&C::auth, &A::jwt, &J::publish_origins>},
          {"auth.jwt.anonymous",
           Type::boolean,
           "false",
           {},
           "Whether who has no token is sent the public updates of Mercure's endpoints.",
           store<&C::auth, &A::jwt, &J::anonymous>},
      });
}

void add_auth_settings(std::vector<Setting>& all) {
  using C = Config;
  all.insert(
      all.end(),
      {
          {"auth.api_key", Type::text, "", kAnyText,
           "The key clients must present as a bearer token; without one, no request needs credentials.",
           store<&C::auth, &C::Auth::api_key>},
          {"auth.api_key_file", Type::path, "", kAnyText, "A file that holds auth.api_key.",
           store<&C::auth, &C::Auth::api_key_file>},
          {"auth.keys_file", Type::path, "", kAnyText,
           "A TOML file of further keys, by their hashes, their tenants and what those may use (docs/tenants.md).",
           store<&C::auth, &C::Auth::keys_file>},
      });
  add_jwt_settings(all);
}

void add_embedding_settings(std::vector<Setting>& all) {
  using C = Config;
  using E = C::Embeddings;
  all.insert(all.end(),
             {
                 {"embeddings.lifetime",
                  Type::duration,
                  "30d",
                  {kSecond, kLongest},
                  "How long an embedding is kept in Redis after its last use.",
                  store<&C::embeddings, &E::lifetime>},
                 {"embeddings.dimensions",
                  Type::integer,
                  "384",
                  {8, 4096},
                  "Length of the built-in embedder's vectors.",
                  store<&C::embeddings, &E::dimensions>},
                 {"embeddings.precision",
                  Type::choice,
                  "float32",
                  {},
                  "How vectors are kept in Redis: exactly, or in half the bytes, rounded to 11 significant bits.",
                  store<&C::embeddings, &E::precision>},
                 {"embeddings.lease",
                  Type::duration,
                  "10s",
                  {0, 10 * kSecond},
                  "How long at most an input is waited for that another process is computing; 0 never waits.",
                  store<&C::embeddings, &E::lease>},
                 {"embeddings.hot.max_bytes",
                  Type::size,
                  "256MiB",
                  {kMiB, 1024 * kGiB},
                  "Memory for the hottest embeddings in this process.",
                  store<&C::embeddings, &E::hot, &E::Hot::max_bytes>},
                 {"embeddings.hot.text_bytes",
                  Type::size,
                  "32MiB",
                  {0, 1024 * kGiB},
                  "Memory for vectors written as text, for answers in the format float; 0 writes each anew.",
                  store<&C::embeddings, &E::hot, &E::Hot::text_bytes>},
                 {"embeddings.hot.ttl",
                  Type::duration,
                  "1h",
                  {kSecond, kLongest},
                  "How long an embedding stays in this process before it is asked for again.",
                  store<&C::embeddings, &E::hot, &E::Hot::ttl>},
                 {"embeddings.hot.warm",
                  Type::duration,
                  "5s",
                  {0, kHour},
                  "How long at most a starting server fills its memory with what was asked for most; 0 doesn't.",
                  store<&C::embeddings, &E::hot, &E::Hot::warm>},
             });
  add_upstream_settings<&E::upstream>(all, "embeddings.upstream.",
                                      "A server that computes embeddings, up to and with its /v1 where it has one; "
                                      "without it, the built-in lexical embedder answers.");
  add_upstream_settings<&E::upstream2>(all, "embeddings.upstream2.",
                                       "Another one, asked for the models of the first too when that one fails.");
  add_upstream_settings<&E::upstream3>(all, "embeddings.upstream3.", "A third one, likewise.");
}

void add_acknowledgement_settings(std::vector<Setting>& all) {
  using C = Config;
  using R = C::Redis;
  all.insert(all.end(),
             {
                 {"redis.wait_replicas",
                  Type::integer,
                  "0",
                  {0, 16},
                  "Replicas that must have a change of a conversation or an event before it is acknowledged (WAIT).",
                  store<&C::redis, &R::wait_replicas>},
                 {"redis.wait_append_only_file",
                  Type::boolean,
                  "false",
                  {},
                  "Acknowledge them only when Redis has flushed them to its append-only file (WAITAOF, Redis 7.2).",
                  store<&C::redis, &R::wait_append_only_file>},
                 {"redis.wait_timeout",
                  Type::duration,
                  "1s",
                  {1, kHour},
                  "How long a change waits for that; then it is answered with an error, though it is applied.",
                  store<&C::redis, &R::wait_timeout>},
             });
}

void add_redis_settings(std::vector<Setting>& all) {
  using C = Config;
  using R = C::Redis;
  all.insert(
      all.end(),
      {
          {"redis.url", Type::redis_url, "", kAnyText,
           "Your Redis or Valkey: redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path, "
           "redis-sentinel://host,.../master or redis-cluster://host,...; without it, Inkwell starts its own.",
           store<&C::redis, &R::url>},
          {"redis.url_file", Type::path, "", kAnyText, "A file that holds redis.url.", store<&C::redis, &R::url_file>},
          {"redis.program", Type::path, "", kAnyText,
           "The server program to embed; by default redis-server, then valkey-server, from PATH.",
           store<&C::redis, &R::program>},
          {"redis.prefix", Type::name, "ink", kSomeText,
           "The first part of every Redis key; change it where installations share a Redis.",
           store<&C::redis, &R::prefix>},
          {"redis.connect_timeout", Type::duration, "5s", kTimeout, "Time to connect and to log in.",
           store<&C::redis, &R::connect_timeout>},
          {"redis.command_timeout", Type::duration, "5s", kTimeout, "Time a command has to be answered.",
           store<&C::redis, &R::command_timeout>},
          {"redis.health_interval",
           Type::duration,
           "5s",
           {10, kHour},
           "A silent connection is probed after this long.",
           store<&C::redis, &R::health_interval>},
          {"redis.health_timeout",
           Type::duration,
           "5s",
           {10, kHour},
           "A probed connection is given up when nothing comes for this long.",
           store<&C::redis, &R::health_timeout>},
          {"redis.backoff_cap",
           Type::duration,
           "2s",
           {1, kHour},
           "The longest wait between two attempts to connect; no wait is longer than a twentieth of the outage (or "
           "40ms).",
           store<&C::redis, &R::backoff_cap>},
          {"redis.max_queued_requests",
           Type::integer,
           "65536",
           {1, 10'000'000},
           "Commands of one worker that may wait for an answer; more are refused as overload.",
           store<&C::redis, &R::max_queued_requests>},
          {"redis.max_queued_bytes",
           Type::size,
           "256MiB",
           {kMiB, 64 * kGiB},
           "Bytes of commands of one worker that may wait to be sent; more are refused as overload.",
           store<&C::redis, &R::max_queued_bytes>},
      });
}

std::vector<Setting> make_schema() {
  using C = Config;
  std::vector<Setting> all = {
      {"data_dir", Type::path, "", kAnyText,
       "Where the embedded Redis keeps its data; by default $XDG_DATA_HOME/inkwell or ~/.local/share/inkwell.",
       store<&C::data_dir>},
      {"tenant", Type::name, "default", kSomeText, "Whose keys are used: the second part of every Redis key.",
       store<&C::tenant>},

      {"listen.host", Type::text, "127.0.0.1", kSomeText,
       "The address to listen on. Beyond loopback, authentication must be configured.",
       store<&C::listen, &C::Listen::host>},
      {"listen.port",
       Type::integer,
       "4659",
       {0, 65535},
       "The port to listen on; 0 takes any free one.",
       store<&C::listen, &C::Listen::port>},
  };
  add_server_settings(all);
  add_auth_settings(all);
  add_redis_settings(all);
  add_acknowledgement_settings(all);
  add_embedding_settings(all);
  all.insert(
      all.end(),
      {{"log.level", Type::choice, "info", {}, "How much is logged.", store<&C::log, &C::Log::level>},
       {"log.format", Type::choice, "text", {}, "How a line of the log looks.", store<&C::log, &C::Log::format>}});
  const auto is_embeddings = [](const Setting& setting) { return setting.name.starts_with("embeddings."); };
  for (const auto& section : {conversation_settings(), event_settings()})
    all.insert(std::ranges::find_if(all, is_embeddings), section.begin(), section.end());
  add_traits(all);
  return all;
}

std::string spelled(std::string_view name, std::string_view start, char separator, bool upper) {
  std::string text(start);
  for (const char c : name) {
    const bool breaks = c == '.' || (separator == '-' && c == '_');
    text += breaks ? separator : upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return text;
}

}  // namespace

std::span<const Setting> schema() {
  static const std::vector<Setting> all = make_schema();
  return all;
}

const Setting* find(std::string_view name) {
  const auto all = schema();
  const auto found = std::ranges::find(all, name, &Setting::name);
  return found == all.end() ? nullptr : &*found;
}

std::string environment_name(std::string_view name) { return spelled(name, "INKWELL_", '_', true); }
std::string flag_name(std::string_view name) { return spelled(name, "--", '-', false); }

Config defaults() {
  Config config;
  for (const Setting& setting : schema()) {
    const auto value = parse(setting, setting.fallback);
    if (!value) throw std::logic_error("the default of " + std::string(setting.name) + " is not valid");
    setting.store(config, *value);
  }
  return config;
}

}  // namespace inkwell::config
