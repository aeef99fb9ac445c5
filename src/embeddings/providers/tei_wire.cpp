#include "embeddings/providers/tei_wire.hpp"

#include <charconv>
#include <fmt/format.h>

#include "embeddings/providers/wire_json.hpp"

namespace inkwell::embeddings {

std::string tei_request(const ModelChoice& choice, VectorFormat, std::span<const Input* const> inputs) {
  std::string body = R"({"truncate":false)";
  if (choice.dimensions != 0) fmt::format_to(std::back_inserter(body), R"(,"dimensions":{})", choice.dimensions);
  body += R"(,"inputs":)";
  append_json_inputs(body, inputs);
  body += '}';
  return body;
}

Result<ProviderAnswer> read_tei_answer(const HttpAnswer& http, std::size_t) {
  return reading(http.body, [&http](simdjson::ondemand::document& document) -> Result<ProviderAnswer> {
    ProviderAnswer answer;
    for (simdjson::ondemand::value one : document.get_array()) {
      auto vector = read_vector(one);
      if (!vector) return bad_answer("an embedding that is no array of numbers");
      answer.vectors.push_back(std::move(*vector));
    }
    const std::string_view tokens = http.header("x-compute-tokens");
    std::from_chars(tokens.data(), tokens.data() + tokens.size(), answer.tokens);
    return answer;
  });
}

}  // namespace inkwell::embeddings
