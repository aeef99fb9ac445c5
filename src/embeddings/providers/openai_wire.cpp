#include "embeddings/providers/openai_wire.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "embeddings/providers/wire_json.hpp"

namespace inkwell::embeddings {
namespace {

using simdjson::ondemand::json_type;

Result<void> read_item(simdjson::ondemand::object item, ProviderAnswer& answer, std::vector<bool>& seen) {
  std::optional<std::uint64_t> index;
  std::optional<std::vector<float>> vector;
  for (auto field : item) {
    const std::string_view name = field.unescaped_key();
    simdjson::ondemand::value value = field.value();
    if (name == "index") {
      index = value.get_uint64();
    } else if (name == "embedding") {
      vector = read_vector(value);
    }
  }
  if (!index || !vector) return bad_answer("an item without a readable index or embedding");
  if (*index >= seen.size()) return bad_answer(fmt::format("index {} for {} inputs", *index, seen.size()));
  if (seen[*index]) return bad_answer(fmt::format("index {} twice", *index));
  seen[*index] = true;
  answer.vectors[*index] = std::move(*vector);
  return {};
}

Result<ProviderAnswer> read_document(simdjson::ondemand::object document, std::size_t inputs) {
  ProviderAnswer answer;
  answer.vectors.resize(inputs);
  std::vector<bool> seen(inputs);
  for (auto field : document) {
    const std::string_view name = field.unescaped_key();
    simdjson::ondemand::value value = field.value();
    if (name == "data") {
      for (simdjson::ondemand::object item : value.get_array()) {
        auto good = read_item(item, answer, seen);
        if (!good) return std::unexpected(std::move(good.error()));
      }
    } else if (name == "usage" && value.type() == json_type::object) {
      std::uint64_t tokens = 0;
      if (value["prompt_tokens"].get(tokens) == simdjson::SUCCESS) answer.tokens = tokens;
    }
  }
  const auto missing = std::ranges::find(seen, false);
  if (missing != seen.end()) return bad_answer(fmt::format("no embedding of input {}", missing - seen.begin()));
  return answer;
}

}  // namespace

std::string openai_request(const ModelChoice& choice, VectorFormat format, std::span<const Input* const> inputs) {
  std::string body = R"({"model":)";
  append_json_string(body, choice.model);
  body += R"(,"input":)";
  append_json_inputs(body, inputs);
  if (format == VectorFormat::floats) body += R"(,"encoding_format":"float")";
  if (format == VectorFormat::base64) body += R"(,"encoding_format":"base64")";
  if (choice.dimensions != 0) fmt::format_to(std::back_inserter(body), R"(,"dimensions":{})", choice.dimensions);
  body += '}';
  return body;
}

Result<ProviderAnswer> read_openai_answer(const HttpAnswer& answer, std::size_t inputs) {
  return reading(answer.body, [inputs](simdjson::ondemand::document& document) {
    return read_document(document.get_object(), inputs);
  });
}

}  // namespace inkwell::embeddings
