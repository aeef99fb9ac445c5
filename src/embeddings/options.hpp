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

/// An OpenAI-compatible server: `url` + "/embeddings" is asked.
struct UpstreamOptions {
  std::string url;                            ///< up to and with its /v1, without a slash at the end
  std::string api_key;                        ///< sent as a bearer token; empty: none. Never logged, never in an error.
  std::vector<std::string> models;            ///< which it is asked for; empty: every model that is not built in
  std::size_t batch_size = 256;               ///< most inputs in one request
  std::chrono::milliseconds timeout{30'000};  ///< of one attempt
  unsigned max_attempts = 4;                  ///< the first included
  std::chrono::milliseconds backoff_base{200};
  std::chrono::milliseconds backoff_cap{5'000};
  std::size_t max_connections = 16;           ///< of one worker; requests beyond wait for one
  std::size_t max_answer_bytes = 256u << 20;  ///< a longer answer is an error
};

struct Options {
  HotCache::Options hot;
  std::chrono::milliseconds hot_ttl{3'600'000};          ///< in the hot tier; never beyond the lifetime
  std::chrono::milliseconds lifetime{2'592'000'000};     ///< in Redis, without its jitter; set anew past half of it
  std::uint32_t lexical_dimensions = 384;                ///< of the built-in embedder where a request names none
  std::chrono::milliseconds redis_read_timeout{250};     ///< then the upstream is asked
  std::chrono::milliseconds redis_write_timeout{2'000};  ///< then the write is dropped
  std::chrono::milliseconds deadline{60'000};            ///< of one call of embed(), retries included
  std::size_t max_in_flight = 65'536;                    ///< inputs one worker fetches at once; beyond: overloaded
  std::optional<UpstreamOptions> upstream;
};

}  // namespace inkwell::embeddings
