#include "embeddings/providers/wire_json.hpp"

#include <bit>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

namespace inkwell::embeddings {
namespace {

using simdjson::ondemand::json_type;

std::optional<std::vector<float>> floats_of_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const int written =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (written < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const std::size_t size = static_cast<std::size_t>(written) - padding;
  if (size % sizeof(float) != 0) return std::nullopt;
  std::vector<float> floats(size / sizeof(float));
  for (std::size_t i = 0; i < floats.size(); ++i) {
    std::uint32_t bits = 0;
    for (std::size_t b = 0; b < 4; ++b) bits |= std::uint32_t{bytes[i * 4 + b]} << (8 * b);
    floats[i] = std::bit_cast<float>(bits);
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
