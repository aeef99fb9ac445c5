#include "embeddings/providers/lexical_provider.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace inkwell::embeddings {
namespace {

constexpr std::uint64_t kMaxTokens = 8192;

std::unexpected<Error> refuse(std::string message, std::string remedy, std::string param) {
  return std::unexpected<Error>(
      Error(ErrorKind::invalid_argument, "invalid_input", std::move(message), std::move(remedy))
          .with_param(std::move(param)));
}

Result<void> check(const Input& input) {
  const auto* const text = std::get_if<std::string>(&input);
  if (!text) {
    return refuse(fmt::format("The model '{}' takes texts, not token arrays: it has no vocabulary.", kLexicalModel),
                  "Send the text, or configure an embeddings upstream.", "input");
  }
  if (is_blank(*text)) return refuse("'$.input' is invalid: a blank text has no embedding.", {}, "input");
  if (const auto tokens = estimated_tokens(*text); tokens > kMaxTokens) {
    return refuse(fmt::format("This model's maximum context length is {} tokens, however you requested {} tokens (an "
                              "estimate, by 4 bytes a token).",
                              kMaxTokens, tokens),
                  "Please reduce the length of the input.", "input");
  }
  return {};
}

}  // namespace

Result<ModelChoice> LexicalProvider::accept(ModelChoice choice, std::span<const Input> inputs) const {
  if (choice.dimensions == 0) choice.dimensions = dimensions_;
  if (choice.dimensions > kMaxLexicalDimensions) {
    return refuse(fmt::format("The model '{}' has at most {} dimensions.", kLexicalModel, kMaxLexicalDimensions), {},
                  "dimensions");
  }
  for (const auto& input : inputs) {
    auto good = check(input);
    if (!good) return std::unexpected(std::move(good.error()));
  }
  return choice;
}

boost::asio::awaitable<Result<ProviderAnswer>> LexicalProvider::embed(ModelChoice choice,
                                                                      std::vector<const Input*> inputs, Deadline) {
  ProviderAnswer answer;
  const auto executor = co_await boost::asio::this_coro::executor;
  for (const Input* const input : inputs) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
    const auto& text = std::get<std::string>(*input);  // accept() has refused the rest
    answer.vectors.push_back(lexical_vector(text, choice.dimensions));
    answer.tokens += estimated_tokens(text);
  }
  co_return answer;
}

}  // namespace inkwell::embeddings
