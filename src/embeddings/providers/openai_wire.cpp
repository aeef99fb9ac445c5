#include "embeddings/providers/openai_wire.hpp"

#include <bit>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <cstring>
#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <simdjson.h>

namespace inkwell::embeddings {
namespace {

using simdjson::ondemand::json_type;

constexpr std::size_t kMaxMessage = 500;
constexpr std::chrono::milliseconds kMaxRetryAfter{3'600'000};

void append_json_string(std::string& out, std::string_view text) {
  out += boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

void append_input(std::string& out, const Input& input) {
  if (const auto* text = std::get_if<std::string>(&input)) {
    append_json_string(out, *text);
    return;
  }
  fmt::format_to(std::back_inserter(out), "[{}]", fmt::join(std::get<Tokens>(input), ","));
}

std::unexpected<Error> bad(const std::string& what) {
  return fail(ErrorKind::upstream, "upstream_bad_answer", "The embeddings upstream answered with " + what + ".");
}

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

// simdjson reports malformed JSON by exceptions from here on; read_embedding_answer catches them all.
std::optional<std::vector<float>> read_vector(simdjson::ondemand::value value) {
  if (value.type() == json_type::string) return floats_of_base64(value.get_string());
  if (value.type() != json_type::array) return std::nullopt;
  std::vector<float> floats;
  for (simdjson::ondemand::value number : value.get_array()) floats.push_back(static_cast<float>(number.get_double()));
  return floats;
}

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
  if (!index || !vector) return bad("an item without a readable index or embedding");
  if (*index >= seen.size()) return bad(fmt::format("index {} for {} inputs", *index, seen.size()));
  if (seen[*index]) return bad(fmt::format("index {} twice", *index));
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
  if (missing != seen.end()) return bad(fmt::format("no embedding of input {}", missing - seen.begin()));
  return answer;
}

/// error.message of an OpenAI-shaped error, or a plain "error" string; shortened.
std::string message_in(std::string_view body) {
  boost::system::error_code ec;
  const auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), ec);
  if (ec || !value.is_object()) return {};
  const auto* error = value.get_object().if_contains("error");
  if (error && error->is_object()) error = error->get_object().if_contains("message");
  if (!error || !error->is_string()) return {};
  return std::string(error->get_string().subview(0, kMaxMessage));
}

Error make_error(ErrorKind kind, std::string code, const HttpAnswer& answer, const std::string& said,
                 std::string remedy = {}) {
  auto message = fmt::format("The embeddings upstream answered {}{}{}", answer.status, said.empty() ? "." : ": ", said);
  return Error(kind, std::move(code), std::move(message), std::move(remedy));
}

}  // namespace

std::string embedding_request(const ModelChoice& choice, std::span<const Input* const> inputs) {
  std::string body = R"({"model":)";
  append_json_string(body, choice.model);
  body += R"(,"input":[)";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i != 0) body += ',';
    append_input(body, *inputs[i]);
  }
  body += R"(],"encoding_format":"float")";
  if (choice.dimensions != 0) fmt::format_to(std::back_inserter(body), R"(,"dimensions":{})", choice.dimensions);
  body += '}';
  return body;
}

Result<ProviderAnswer> read_embedding_answer(std::string_view body, std::size_t inputs) {
  try {
    thread_local simdjson::ondemand::parser parser;
    const simdjson::padded_string padded(body);
    auto document = parser.iterate(padded);
    return read_document(document.get_object(), inputs);
  } catch (const simdjson::simdjson_error& e) {
    return bad(fmt::format("what is no such JSON ({})", e.what()));
  }
}

Refusal judge_refusal(const HttpAnswer& answer, const ModelChoice& choice, std::chrono::system_clock::time_point now) {
  const auto wait = retry_after_of(answer, now);
  switch (answer.status) {
    case 401:
    case 403:
      return {make_error(ErrorKind::upstream, "upstream_unauthorized", answer, {},
                         "Check the upstream's API key in Inkwell's configuration."),
              false};
    case 404:
      return {make_error(ErrorKind::not_found, "model_not_found", answer, message_in(answer.body),
                         fmt::format("Check the model '{}' and the upstream's URL.", choice.model))
                  .with_param("model"),
              false};
    case 413:
      return {make_error(ErrorKind::too_large, "upstream_refused", answer, message_in(answer.body)), false};
    case 429: {
      auto error = make_error(ErrorKind::overloaded, "upstream_rate_limited", answer, message_in(answer.body));
      return {wait ? std::move(error).with_retry_after(*wait) : std::move(error), true};
    }
    default:
      break;
  }
  if (answer.status >= 400 && answer.status < 500 && answer.status != 408 && answer.status != 409) {
    return {make_error(ErrorKind::invalid_argument, "upstream_refused", answer, message_in(answer.body)), false};
  }
  auto error = make_error(ErrorKind::upstream, "upstream_failed", answer, message_in(answer.body));
  return {wait ? std::move(error).with_retry_after(*wait) : std::move(error), answer.status >= 400};
}

std::optional<std::chrono::milliseconds> retry_after_of(const HttpAnswer& answer,
                                                        std::chrono::system_clock::time_point now) {
  const auto number = [](std::string_view text) -> std::optional<double> {
    double value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  };
  const auto within = [](double milliseconds) -> std::optional<std::chrono::milliseconds> {
    if (!(milliseconds >= 0) || milliseconds > static_cast<double>(kMaxRetryAfter.count())) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
  };
  if (const auto ms = number(answer.header("retry-after-ms"))) return within(*ms);
  const std::string text(answer.header("retry-after"));
  if (const auto seconds = number(text)) return within(*seconds * 1000);
  const std::time_t date = text.empty() ? -1 : curl_getdate(text.c_str(), nullptr);
  if (date == -1) return std::nullopt;
  const auto wait = std::chrono::system_clock::from_time_t(date) - now;
  return within(std::max(0.0, std::chrono::duration<double, std::milli>(wait).count()));
}

}  // namespace inkwell::embeddings
