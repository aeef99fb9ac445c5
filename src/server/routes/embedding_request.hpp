// The body of POST /v1/embeddings, read and checked as the OpenAI API does. Pure.
#pragma once

#include <vector>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"
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

}  // namespace inkwell::server
