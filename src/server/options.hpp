// What a Server is made from. Plain values; cli fills them from flags, environment and file.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <inkwell/redis/options.hpp>

#include "conversations/options.hpp"
#include "embeddings/options.hpp"
#include "events/generations/options.hpp"
#include "events/options.hpp"
#include "keyspace/acknowledgement.hpp"
#include "server/auth.hpp"
#include "server/sse/options.hpp"
#include "server/sse/stream_limits.hpp"
#include "server/tenants.hpp"

namespace inkwell::telemetry {
class Log;
}

namespace inkwell::server {

struct Limits {
  std::size_t header_bytes = 16u << 10;  ///< of one request, request line included; beyond: 431
  std::size_t body_bytes = 32u << 20;    ///< of one request; a route may allow less; beyond: 413
  std::size_t max_connections = 20'000;  ///< of the whole server, taken-over ones included; beyond: 503 and closed
};

struct Timeouts {
  std::chrono::milliseconds header_read{10'000};    ///< from a request's first byte to its header's end; then 408
  std::chrono::milliseconds body_progress{30'000};  ///< between two pieces of a body; then 408
  std::chrono::milliseconds idle{75'000};           ///< without a request on a kept connection; then it is closed
  std::chrono::milliseconds write_stall{30'000};    ///< while the peer takes no byte of an answer; then it is closed
  std::chrono::milliseconds linger{
      2'000};  ///< reading and dropping what a refused client still sends, so that it sees why
  std::chrono::milliseconds drain{10'000};  ///< from the stop request until what still runs is cancelled
};

struct Options {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address; beyond loopback only with an api_key
  std::uint16_t port = 4659;          ///< 0: any free one
  unsigned threads = 0;               ///< 0: one a core
  Limits limits;
  Timeouts timeouts;
  std::string api_key;  ///< of `tenant`; without it, `api_keys` and `tokens` there is no authentication
  std::vector<ApiKeyOptions> api_keys{};     ///< further keys, and their tenants
  TokenAuthOptions tokens{};                 ///< JWTs, for events
  std::vector<std::string> allowed_hosts{};  ///< names a server without an api_key also answers to; see PageGuard
  OriginList cors_origins{};                 ///< of web pages that may use the server; see Cors
  std::string tenant = "default";            ///< of `api_key`, and of everyone where there is no authentication
  std::vector<TenantOptions> tenants{};      ///< what some of them may use
  std::string key_prefix = "ink";
  redis::Options redis;
  keyspace::Acknowledgement
      acknowledgement;  ///< what conversations and events have survived when they are acknowledged
  conversations::Options conversations;
  std::size_t near_cache_bytes = std::size_t{64} << 20;  ///< for recent reads of conversations; 0: none
  bool conversation_events = false;                      ///< each append is told in the channel "conversation:ID"
  embeddings::Options embeddings;
  events::NodeOptions events;
  events::GenerationOptions generations;
  EventStreamOptions event_streams;
  StreamLimitOptions stream_limits;
  std::shared_ptr<telemetry::Log> log;  ///< null: warnings and errors as text to stderr
};

}  // namespace inkwell::server
