#include "embeddings/providers/ollama_wire.hpp"

#include <fmt/format.h>

#include "embeddings/providers/wire_json.hpp"

namespace inkwell::embeddings {

std::string ollama_request(const ModelChoice& choice, VectorFormat, std::span<const Input* const> inputs) {
  std::string body = R"({"model":)";
  append_json_string(body, choice.model);
  body += R"(,"truncate":false)";
  if (choice.dimensions != 0) fmt::format_to(std::back_inserter(body), R"(,"dimensions":{})", choice.dimensions);
  body += R"(,"input":)";
  append_json_inputs(body, inputs);
  body += '}';
  return body;
}

Result<ProviderAnswer> read_ollama_answer(const HttpAnswer& http, std::size_t) {
  return reading(http.body, [](simdjson::ondemand::document& document) -> Result<ProviderAnswer> {
    ProviderAnswer answer;
    for (auto field : document.get_object()) {
      const std::string_view name = field.unescaped_key();
      simdjson::ondemand::value value = field.value();
      if (name == "embeddings") {
        for (simdjson::ondemand::value one : value.get_array()) {
          auto vector = read_vector(one);
          if (!vector) return bad_answer("an embedding that is no array of numbers");
          answer.vectors.push_back(std::move(*vector));
        }
      } else if (name == "prompt_eval_count") {
        answer.tokens = value.get_uint64();
      }
    }
    return answer;
  });
}

}  // namespace inkwell::embeddings
