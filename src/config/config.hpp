// Config: every setting of the program, as plain values. Made by load() (load.hpp) from the defaults in the schema
// (schema.hpp), so its members have none of their own; each is described there, under the same name.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace inkwell::config {

using Duration = std::chrono::milliseconds;

struct Config {
  std::string data_dir;
  std::string tenant;

  struct Listen {
    std::string host;
    std::uint16_t port{};
  } listen;

  struct Server {
    std::size_t threads{};
    std::size_t max_connections{};
    std::size_t max_header_bytes{};
    std::size_t max_body_bytes{};
    Duration header_timeout{};
    Duration body_timeout{};
    Duration idle_timeout{};
    Duration write_timeout{};
    Duration drain_timeout{};
    std::vector<std::string> allowed_hosts;
    std::string public_url;
    std::vector<std::string> cors_origins;
  } server;

  struct Auth {
    std::string api_key;  ///< a secret; also when it came from api_key_file
    std::string api_key_file;
    std::string keys_file;
    struct Jwt {
      std::string key;  ///< may be a secret; also when it came from key_file
      std::string key_file;
      std::string subscriber_key;
      std::string subscriber_key_file;
      std::string issuer;
      std::string key_set_file;
      std::string key_set_url;
      std::string key_set_issuer;
      std::string audience;
      std::vector<std::string> algorithms;
      std::string cookie;
      std::vector<std::string> publish_origins;
      bool anonymous{};
    } jwt;
  } auth;

  struct Redis {
    std::string url;  ///< may hold a password; also when it came from url_file
    std::string url_file;
    std::string program;
    std::string prefix;
    Duration connect_timeout{};
    Duration command_timeout{};
    Duration health_interval{};
    Duration health_timeout{};
    Duration backoff_cap{};
    std::size_t max_queued_requests{};
    std::size_t max_queued_bytes{};
    std::size_t wait_replicas{};
    bool wait_append_only_file{};
    Duration wait_timeout{};
  } redis;

  struct Conversations {
    Duration lifetime{};
    Duration max_lifetime{};
    std::size_t compress_above{};
    bool events{};
    std::size_t near_cache_bytes{};
  } conversations;

  struct Events {
    Duration lifetime{};
    std::size_t max_entries{};
    std::size_t ring_bytes{};
    Duration heartbeat{};
    Duration retry{};
    Duration max_stream_lifetime{};
    std::size_t max_streams_per_address{};
  } events;

  struct Embeddings {
    Duration lifetime{};
    std::size_t dimensions{};
    struct Hot {
      std::size_t max_bytes{};
      std::size_t text_bytes{};
      Duration ttl{};
      Duration warm{};
    } hot;
    std::string precision;
    Duration lease{};
    struct Upstream {
      std::string url;
      std::string api;
      std::string api_key;  ///< a secret; also when it came from api_key_file
      std::string api_key_file;
      std::string ca_file;
      std::vector<std::string> models;
      std::size_t batch_size{};
      std::size_t batch_tokens{};
      std::size_t input_tokens{};
      bool takes_token_arrays{};
      std::string format;
      Duration timeout{};
    } upstream, upstream2, upstream3;
  } embeddings;

  struct Log {
    std::string level;
    std::string format;
  } log;
};

}  // namespace inkwell::config
