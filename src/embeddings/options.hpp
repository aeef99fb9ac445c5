// What the embeddings part is made from. Plain values; units in the types.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <inkwell/hot_cache.hpp>

namespace inkwell::embeddings {

/// What an upstream speaks; what each of them can is in providers/wire.cpp.
enum class UpstreamApi : std::uint8_t {
  openai,  ///< POST url/embeddings: OpenAI, vLLM, LiteLLM, LM Studio, Ollama's and TEI's /v1
  ollama,  ///< POST url/api/embed
  tei,     ///< POST url/embed: Hugging Face Text Embeddings Inference
};

/// How an upstream is asked to write vectors (encoding_format). What it then sends is read either way.
enum class VectorFormat : std::uint8_t {
  floats,
  base64,       ///< of little-endian float32: a third of the bytes, where the upstream knows it
  unspecified,  ///< the field is left out, for servers that refuse it
};

/// A model as clients name it, and as the upstream does.
struct UpstreamModel {
  std::string name;
  std::string at_upstream;  ///< empty: the same
  bool operator==(const UpstreamModel&) const = default;
};

/// When an upstream is given up for the moment (providers/upstream_breaker.hpp).
struct UpstreamBreakerOptions {
  unsigned failures = 5;                       ///< in a row: lost connections, time-outs, 5xx; 0: never
  std::chrono::milliseconds open_for{1'000};   ///< then one request is let through; doubled each time that it fails ...
  std::chrono::milliseconds open_cap{30'000};  ///< ... up to this
};

struct UpstreamOptions {
  std::string url;      ///< without a slash at the end; up to and with its /v1 for openai
  std::string api_key;  ///< sent as a bearer token; empty: none. Never logged, never in an error.
  UpstreamApi api = UpstreamApi::openai;
  VectorFormat format = VectorFormat::floats;  ///< of openai only
  std::vector<UpstreamModel> models;           ///< which it is asked for; empty: every model that is not built in
  std::size_t batch_size = 0;                  ///< most inputs in one request; 0: what its API commonly allows
  std::size_t batch_tokens = 0;                ///< most tokens in one request, by estimate; 0: what its API allows
  std::size_t input_tokens = 0;                ///< longest token array taken; 0: left to the upstream
  bool takes_token_arrays = true;              ///< as far as its API does
  std::string ca_file;                         ///< PEM, the authorities trusted; empty: the system's
  std::chrono::milliseconds timeout{30'000};   ///< of one attempt
  unsigned max_attempts = 4;                   ///< the first included
  std::chrono::milliseconds backoff_base{200};
  std::chrono::milliseconds backoff_cap{5'000};
  UpstreamBreakerOptions breaker;
  std::size_t max_connections = 16;           ///< of one worker, and its requests at a time for one model
  std::size_t max_answer_bytes = 256u << 20;  ///< a longer answer is an error
};

/// How vectors are written to Redis.
enum class Precision : std::uint8_t {
  float32,  ///< exactly as they were first read
  float16,  ///< half the bytes; rounded when they are first read, so that all answers are the same (value.hpp)
};

struct Options {
  HotCache::Options hot;
  std::size_t text_bytes = 32u << 20;            ///< memory of whoever writes vectors as text, for those written before
  std::chrono::milliseconds hot_ttl{3'600'000};  ///< in the hot tier; never beyond the lifetime
  std::chrono::milliseconds untracked_ttl{60'000};    ///< of what Redis does not tell about when it changes
  std::chrono::milliseconds lifetime{2'592'000'000};  ///< in Redis, without its jitter; set anew past half of it
  Precision precision = Precision::float32;
  std::uint32_t lexical_dimensions = 384;                ///< of the built-in embedder where a request names none
  std::chrono::milliseconds redis_read_timeout{250};     ///< then the upstream is asked
  std::chrono::milliseconds redis_write_timeout{2'000};  ///< then the write is dropped
  /// An input that another process computes is waited for at most so long; 0: processes don't wait for each other.
  std::chrono::milliseconds lease{10'000};
  std::chrono::milliseconds deadline{60'000};          ///< of one call of embed(), retries included
  std::size_t hot_set_size = 10'000;                   ///< hottest inputs of a model that are remembered; 0: none
  std::chrono::milliseconds hot_set_interval{15'000};  ///< between two writes of what was used
  std::chrono::milliseconds warm_limit{5'000};         ///< for filling the hot tier at the start; 0: it isn't
  std::size_t max_in_flight = 65'536;                  ///< inputs one worker fetches at once; beyond: overloaded
  std::vector<UpstreamOptions> upstreams;  ///< of those that serve a model, each is asked when the one before fails
};

}  // namespace inkwell::embeddings
