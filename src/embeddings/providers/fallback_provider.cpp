#include "embeddings/providers/fallback_provider.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxLengths = 1024;
// Before it is asked again, an upstream that has others behind it is waited for no longer than this.
constexpr milliseconds kPatience{500};

bool another_may_answer(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::unavailable:
    case ErrorKind::overloaded:
    case ErrorKind::upstream:
    case ErrorKind::deadline_exceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace

FallbackProvider::FallbackProvider(asio::any_io_executor executor, std::vector<UpstreamOptions> upstreams) {
  for (auto& options : upstreams)
    upstreams_.push_back(std::make_unique<UpstreamProvider>(executor, std::move(options)));
}

std::vector<UpstreamProvider*> FallbackProvider::serving(std::string_view model) const {
  std::vector<UpstreamProvider*> found;
  for (const auto& upstream : upstreams_) {
    if (upstream->serves(model)) found.push_back(upstream.get());
  }
  return found;
}

bool FallbackProvider::serves(std::string_view model) const {
  return std::ranges::any_of(upstreams_, [model](const auto& upstream) { return upstream->serves(model); });
}

std::vector<std::string> FallbackProvider::models() const {
  std::vector<std::string> all;
  for (const auto& upstream : upstreams_) {
    for (auto& model : upstream->models()) {
      if (std::ranges::find(all, model) == all.end()) all.push_back(std::move(model));
    }
  }
  return all;
}

Result<ModelChoice> FallbackProvider::accept(ModelChoice choice, std::span<const Input> inputs) const {
  std::optional<Error> refusal;
  for (auto* const upstream : serving(choice.model)) {
    auto accepted = upstream->accept(choice, inputs);
    if (accepted) return accepted;
    if (!refusal) refusal = std::move(accepted.error());
  }
  return std::unexpected(std::move(*refusal));
}

BatchLimits FallbackProvider::limits(std::string_view model) const { return serving(model).front()->limits(model); }

asio::awaitable<Result<ProviderAnswer>> FallbackProvider::embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                                Deadline deadline) {
  const auto candidates = serving(choice.model);
  std::optional<Error> failure;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool last = i + 1 == candidates.size();
    // Each gets an equal part of what time is left, so that a stalled one leaves enough to the next.
    const auto now = std::chrono::steady_clock::now();
    const auto until = now + (deadline - now) / static_cast<int>(candidates.size() - i);
    const std::span<const Input> first(inputs.front(), 1);
    auto accepted = candidates[i]->accept(choice, first);
    if (!accepted) {
      if (!failure) failure = std::move(accepted.error());
      continue;
    }
    auto answer = co_await in_parts(*candidates[i], choice, inputs, until, last ? milliseconds::max() : kPatience);
    if (answer) {
      auto same = check_length(choice, *answer);
      if (same) co_return std::move(*answer);
      answer = std::unexpected(std::move(same.error()));
    }
    if (!another_may_answer(answer.error())) co_return std::unexpected(std::move(answer.error()));
    failure = std::move(answer.error());
  }
  co_return std::unexpected(std::move(*failure));
}

/// The batch was made for the first upstream; another may take less at a time.
asio::awaitable<Result<ProviderAnswer>> FallbackProvider::in_parts(UpstreamProvider& upstream, ModelChoice choice,
                                                                   std::vector<const Input*> inputs, Deadline deadline,
                                                                   milliseconds patience) {
  const auto limits = upstream.limits(choice.model);
  ProviderAnswer whole;
  for (std::size_t start = 0; start < inputs.size();) {
    std::vector<const Input*> part;
    std::size_t tokens = 0;
    while (start < inputs.size() && part.size() < limits.inputs) {
      tokens += token_bound(*inputs[start]);
      if (!part.empty() && tokens > limits.tokens) break;
      part.push_back(inputs[start++]);
    }
    auto answer = co_await upstream.embed(choice, std::move(part), deadline, patience);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    std::ranges::move(answer->vectors, std::back_inserter(whole.vectors));
    whole.tokens += answer->tokens;
  }
  co_return whole;
}

Result<void> FallbackProvider::check_length(const ModelChoice& choice, const ProviderAnswer& answer) {
  if (choice.dimensions != 0 || upstreams_.size() == 1) return {};
  const std::size_t length = answer.vectors.front().size();
  if (lengths_.size() >= kMaxLengths && !lengths_.contains(choice.model)) return {};
  const auto known = lengths_.try_emplace(choice.model, length).first->second;
  if (known == length) return {};
  return fail(ErrorKind::upstream, "upstream_bad_answer",
              fmt::format("The embeddings upstream answered with {} dimensions, but '{}' had {} before.", length,
                          choice.model, known),
              "Configure only upstreams of the same model under one name.");
}

}  // namespace inkwell::embeddings
