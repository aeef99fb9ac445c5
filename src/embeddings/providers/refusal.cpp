#include "embeddings/providers/refusal.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <curl/curl.h>
#include <fmt/format.h>

namespace inkwell::embeddings {
namespace {

constexpr std::size_t kMaxMessage = 500;
constexpr std::chrono::hours kMaxRetryAfter{1};             // longer ones count as this
constexpr std::chrono::hours kSensibleRetryAfter{24 * 30};  // beyond it is nonsense

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
  // 424 is what TEI says when its model failed on good input.
  if (answer.status >= 400 && answer.status < 500 && answer.status != 408 && answer.status != 409 &&
      answer.status != 424) {
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
    using Milliseconds = std::chrono::duration<double, std::milli>;
    if (!(milliseconds >= 0) || Milliseconds(milliseconds) > kSensibleRetryAfter) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::min<Milliseconds>(Milliseconds(milliseconds), kMaxRetryAfter));
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
