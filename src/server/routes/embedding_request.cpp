#include "server/routes/embedding_request.hpp"

#include <charconv>
#include <fmt/format.h>
#include <limits>

#include "embeddings/value.hpp"

namespace inkwell::server {
namespace {

using embeddings::Input;
using embeddings::Tokens;

constexpr std::size_t kMaxModelBytes = 256;

std::unexpected<Error> bad_input(std::string code, std::string what) {
  return std::unexpected<Error>(
      Error(ErrorKind::invalid_argument, std::move(code), "'$.input' is invalid: " + std::move(what) + ".",
            "It must be a non-empty string, an array of such strings, an array of tokens or an array of token arrays.")
          .with_param("input"));
}

Result<Input> read_text(const json::value& value) {
  const auto* const text = value.if_string();
  if (!text) return bad_input("invalid_type", "an array of strings holds something else");
  if (text->empty()) return bad_input("empty_string", "input cannot be an empty string");
  if (text->size() > kMaxEmbeddingTextBytes) {
    return bad_input("string_above_max_length", fmt::format("a string of {} bytes is too long, at most {} are allowed",
                                                            text->size(), kMaxEmbeddingTextBytes));
  }
  return Input(std::string(*text));
}

Result<Input> read_tokens(const json::value& value) {
  const auto* const array = value.if_array();
  if (!array) return bad_input("invalid_type", "an array of token arrays holds something else");
  if (array->empty()) return bad_input("empty_array", "a token array cannot be empty");
  if (array->size() > kMaxEmbeddingTokens) {
    return bad_input("array_above_max_length",
                     fmt::format("a token array of {} tokens is too long, at most {} are allowed", array->size(),
                                 kMaxEmbeddingTokens));
  }
  Tokens tokens;
  tokens.reserve(array->size());
  for (const auto& token : *array) {
    const auto* const number = token.if_int64();
    if (!number || *number < 0 || *number > std::numeric_limits<std::uint32_t>::max()) {
      return bad_input("invalid_type", "a token must be a non-negative integer");
    }
    tokens.push_back(static_cast<std::uint32_t>(*number));
  }
  return Input(std::move(tokens));
}

template <class Read>
Result<std::vector<Input>> read_each(const json::array& array, Read read) {
  if (array.size() > kMaxEmbeddingInputs) {
    return bad_input("array_above_max_length",
                     fmt::format("array length must be {} or less, not {}", kMaxEmbeddingInputs, array.size()));
  }
  std::vector<Input> inputs;
  inputs.reserve(array.size());
  for (const auto& value : array) {
    auto input = read(value);
    if (!input) return std::unexpected(std::move(input.error()));
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

/// The first element says what kind of array it is.
Result<std::vector<Input>> read_inputs(const json::object& body) {
  const auto* const value = body.if_contains("input");
  if (!value || value->is_null()) return bad_input("missing_required_parameter", "it is missing");
  if (value->is_string()) return read_each(json::array{*value}, read_text);
  const auto* const array = value->if_array();
  if (!array) return bad_input("invalid_type", "it is neither a string nor an array");
  if (array->empty()) return bad_input("empty_array", "input cannot be an empty array");
  if (array->front().is_string()) return read_each(*array, read_text);
  if (array->front().is_array()) return read_each(*array, read_tokens);
  if (!array->front().is_number())
    return bad_input("invalid_type", "an array must hold strings, tokens or token arrays");
  auto tokens = read_tokens(*value);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  std::vector<Input> inputs;
  inputs.push_back(std::move(*tokens));
  return inputs;
}

Result<bool> read_base64(const json::object& body) {
  const auto format = optional_string(body, "encoding_format");
  if (!format) return std::unexpected(format.error());
  if (!*format || **format == "float") return false;
  if (**format == "base64") return true;
  return std::unexpected<Error>(
      Error(ErrorKind::invalid_argument, "invalid_value",
            fmt::format("'{}' is not one of ['float', 'base64'] - 'encoding_format'.", (*format)->substr(0, 64)))
          .with_param("encoding_format"));
}

Result<std::string> read_model(const json::object& body) {
  const auto model = required_string(body, "model");
  if (!model) return std::unexpected(model.error());
  if (model->empty() || model->size() > kMaxModelBytes) {
    return std::unexpected<Error>(Error(ErrorKind::invalid_argument, "invalid_value",
                                        fmt::format("'model' must have 1 to {} bytes.", kMaxModelBytes))
                                      .with_param("model"));
  }
  return std::string(*model);
}

Error bad_header(std::string_view name, std::string_view remedy) {
  return Error(ErrorKind::invalid_argument, "invalid_value",
               fmt::format("The header '{}' has no value it knows.", name), std::string(remedy))
      .with_param(std::string(name));
}

}  // namespace

Result<embeddings::CacheControl> read_cache_control(const HttpRequest& request, std::chrono::seconds longest) {
  using Mode = embeddings::CacheControl::Mode;
  embeddings::CacheControl control;
  if (const auto mode = request.header(kCacheHeader); mode && *mode != "use") {
    if (*mode != "refresh" && *mode != "bypass") {
      return std::unexpected(bad_header(kCacheHeader, "It is one of use, refresh and bypass."));
    }
    control.mode = *mode == "refresh" ? Mode::refresh : Mode::bypass;
  }
  if (const auto ttl = request.header(kCacheTtlHeader)) {
    std::int64_t seconds = 0;
    const char* const end = ttl->data() + ttl->size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): `end` bounds it
    const auto [stopped, ec] = std::from_chars(ttl->data(), end, seconds);
    if (ec != std::errc{} || stopped != end || seconds < 1 || seconds > longest.count()) {
      return std::unexpected(
          bad_header(kCacheTtlHeader, fmt::format("It is a number of seconds from 1 to {}.", longest.count())));
    }
    control.ttl = std::chrono::seconds(seconds);
  }
  return control;
}

Result<EmbeddingRequest> read_embedding_request(const json::object& body) {
  EmbeddingRequest request;
  auto model = read_model(body);
  if (!model) return std::unexpected(std::move(model.error()));
  request.choice.model = std::move(*model);
  const auto dimensions = optional_integer(body, "dimensions", 1, embeddings::kMaxDimensions);
  if (!dimensions) return std::unexpected(dimensions.error());
  request.choice.dimensions = static_cast<std::uint32_t>(dimensions->value_or(0));
  const auto base64 = read_base64(body);
  if (!base64) return std::unexpected(base64.error());
  request.base64 = *base64;
  auto inputs = read_inputs(body);
  if (!inputs) return std::unexpected(std::move(inputs.error()));
  request.inputs = std::move(*inputs);
  return request;
}

}  // namespace inkwell::server
