// What is made of an upstream's answer that is no 200, whichever API it speaks. Pure functions.
#pragma once

#include <chrono>
#include <optional>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"
#include "embeddings/providers/http_client.hpp"

namespace inkwell::embeddings {

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
