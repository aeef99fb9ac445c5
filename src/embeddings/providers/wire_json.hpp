// The pieces of JSON that the upstreams' APIs share. Writing appends to a string; reading stands on simdjson, whose
// exceptions (simdjson_error: malformed JSON, another type than expected) the callers turn into errors by reading().
#pragma once

#include <optional>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"

namespace inkwell::embeddings {

void append_json_string(std::string& out, std::string_view text);
/// A text as a string, tokens as an array.
void append_json_input(std::string& out, const Input& input);
/// `[a,b,c]`.
void append_json_inputs(std::string& out, std::span<const Input* const> inputs);

/// ErrorKind::upstream, "upstream_bad_answer": "The embeddings upstream answered with `what`."
std::unexpected<Error> bad_answer(const std::string& what);

/// An array of numbers, or base64 of little-endian float32. Nothing when it is neither.
std::optional<std::vector<float>> read_vector(simdjson::ondemand::value value);

/// Parses `body` and hands the document to `read`; malformed JSON, found whenever, is a bad answer.
template <class Read>
auto reading(std::string_view body, Read read) -> decltype(read(std::declval<simdjson::ondemand::document&>())) {
  try {
    thread_local simdjson::ondemand::parser parser;
    const simdjson::padded_string padded(body);
    simdjson::ondemand::document document = parser.iterate(padded);
    return read(document);
  } catch (const simdjson::simdjson_error& e) {
    return bad_answer(std::string("what is no such JSON (") + e.what() + ")");
  }
}

}  // namespace inkwell::embeddings
