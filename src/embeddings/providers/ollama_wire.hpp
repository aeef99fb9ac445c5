// Ollama's own API: POST /api/embed. Texts only; an input that is too long is an error, never cut off. Pure.
// https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings
#pragma once

#include "embeddings/providers/wire.hpp"

namespace inkwell::embeddings {

std::string ollama_request(const ModelChoice& choice, VectorFormat format, std::span<const Input* const> inputs);
/// Its vectors carry no index: their order is the inputs', and their number must be.
Result<ProviderAnswer> read_ollama_answer(const HttpAnswer& answer, std::size_t inputs);

}  // namespace inkwell::embeddings
