// The OpenAI embeddings API: POST /embeddings. Pure.
#pragma once

#include "embeddings/providers/wire.hpp"

namespace inkwell::embeddings {

std::string openai_request(const ModelChoice& choice, VectorFormat format, std::span<const Input* const> inputs);

/// Vectors are placed by `index`, floats or base64 of little-endian float32 alike.
Result<ProviderAnswer> read_openai_answer(const HttpAnswer& answer, std::size_t inputs);

}  // namespace inkwell::embeddings
