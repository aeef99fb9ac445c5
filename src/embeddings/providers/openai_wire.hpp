// The OpenAI embeddings API as its client sees it: requests made, answers read, failures judged. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"
#include "embeddings/providers/http_client.hpp"
#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

/// The body of POST /embeddings, asking for floats. `inputs` are all texts or all token arrays.
std::string embedding_request(const ModelChoice& choice, std::span<const Input* const> inputs);

/// Reads the body of a 200: vectors are placed by `index`, floats or base64 of little-endian float32 alike. Anything
/// but exactly one vector an input is ErrorKind::upstream, code "upstream_bad_answer"; see also check_answer.
Result<ProviderAnswer> read_embedding_answer(std::string_view body, std::size_t inputs);

/// What went wrong, and whether the same request may work later.
struct Refusal {
  Error error;
  bool worth_retrying;
};
/// Of an answer whose status is not 200. The upstream's own message is passed on where it is about the input, never
/// where it is about credentials.
Refusal judge_refusal(const HttpAnswer& answer, const ModelChoice& choice, std::chrono::system_clock::time_point now);

/// How long the upstream asks to wait: retry-after-ms, or Retry-After in seconds or as a date (RFC 9110 section
/// 10.2.3).
std::optional<std::chrono::milliseconds> retry_after_of(const HttpAnswer& answer,
                                                        std::chrono::system_clock::time_point now);

}  // namespace inkwell::embeddings
