// Hugging Face Text Embeddings Inference's own API: POST /embed. It serves one model, which it isn't told. Pure.
// https://huggingface.github.io/text-embeddings-inference/
#pragma once

#include "embeddings/providers/wire.hpp"

namespace inkwell::embeddings {

std::string tei_request(const ModelChoice& choice, VectorFormat format, std::span<const Input* const> inputs);
/// Its vectors carry no index: their order is the inputs', and their number must be. It counts tokens in a header.
Result<ProviderAnswer> read_tei_answer(const HttpAnswer& answer, std::size_t inputs);

}  // namespace inkwell::embeddings
