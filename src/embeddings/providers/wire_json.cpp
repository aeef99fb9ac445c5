#include "embeddings/providers/wire_json.hpp"

#include <bit>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <fmt/format.h>
#include <span>

#include "base/base64.hpp"

namespace inkwell::embeddings {
namespace {

using simdjson::ondemand::json_type;

std::optional<std::vector<float>> floats_of_base64(std::string_view text) {
  const auto size = decoded_base64_length(text);
  if (!size || *size == 0 || *size % sizeof(float) != 0) return std::nullopt;
  std::vector<float> floats(*size / sizeof(float));
  if (!decode_base64(text, std::as_writable_bytes(std::span(floats)))) return std::nullopt;
  if constexpr (std::endian::native == std::endian::big) {
    for (float& x : floats) x = std::bit_cast<float>(__builtin_bswap32(std::bit_cast<std::uint32_t>(x)));
  }
  return floats;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

void append_json_input(std::string& out, const Input& input) {
  if (const auto* text = std::get_if<std::string>(&input)) {
    append_json_string(out, *text);
    return;
  }
  fmt::format_to(std::back_inserter(out), "[{}]", fmt::join(std::get<Tokens>(input), ","));
}

void append_json_inputs(std::string& out, std::span<const Input* const> inputs) {
  out += '[';
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i != 0) out += ',';
    append_json_input(out, *inputs[i]);
  }
  out += ']';
}

std::unexpected<Error> bad_answer(const std::string& what) {
  return fail(ErrorKind::upstream, "upstream_bad_answer", "The embeddings upstream answered with " + what + ".");
}

std::optional<std::vector<float>> read_vector(simdjson::ondemand::value value) {
  if (value.type() == json_type::string) return floats_of_base64(value.get_string());
  if (value.type() != json_type::array) return std::nullopt;
  std::vector<float> floats;
  for (simdjson::ondemand::value number : value.get_array()) floats.push_back(static_cast<float>(number.get_double()));
  return floats;
}

}  // namespace inkwell::embeddings
