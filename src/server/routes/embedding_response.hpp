// The answer of POST /v1/embeddings in the OpenAI shape. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "embeddings/embeddings.hpp"

namespace inkwell::server {

/// Floats in the shortest decimal form that reads back to the same float32, or base64 of them as little-endian bytes.
std::string embedding_response(const embeddings::Answer& answer, std::string_view model, bool base64);

void append_floats(std::string& out, std::span<const float> vector);
void append_base64(std::string& out, std::span<const float> vector);

}  // namespace inkwell::server
