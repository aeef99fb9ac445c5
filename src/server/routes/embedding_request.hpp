// POST /v1/embeddings: the body, read and checked as the OpenAI API does, and what the headers ask of the cache. Pure.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"
#include "embeddings/job.hpp"
#include "server/json.hpp"

namespace inkwell::server {

struct EmbeddingRequest {
  embeddings::ModelChoice choice;
  std::vector<embeddings::Input> inputs;  ///< 1 to 2,048, all texts or all token arrays, none empty
  bool base64 = false;
};

inline constexpr std::size_t kMaxEmbeddingInputs = 2048;
inline constexpr std::size_t kMaxEmbeddingTokens = 8192;          ///< in one token array
inline constexpr std::size_t kMaxEmbeddingTextBytes = 512 << 10;  ///< of one text; models refuse much shorter ones

/// `user` is accepted and ignored, as is any field the API doesn't know.
Result<EmbeddingRequest> read_embedding_request(const json::object& body);

/// `use` (the default), `refresh` or `bypass`: see embeddings::CacheControl.
inline constexpr std::string_view kCacheHeader = "x-inkwell-cache";
/// Seconds: the lifetime of what the request makes the model compute.
inline constexpr std::string_view kCacheTtlHeader = "x-inkwell-cache-ttl";

/// `longest` is the greatest ttl allowed.
Result<embeddings::CacheControl> read_cache_control(const HttpRequest& request, std::chrono::seconds longest);

}  // namespace inkwell::server
