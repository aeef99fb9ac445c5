#include "embeddings/providers/openai_provider.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/backoff.hpp"
#include "base/random.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::milliseconds;

OpenAiProvider::OpenAiProvider(asio::any_io_executor executor, UpstreamOptions options)
    : options_(std::move(options)), http_(executor, options_.max_connections), random_(random_seed()) {
  headers_ = {"Content-Type: application/json", "Accept: application/json"};
  if (!options_.api_key.empty()) headers_.push_back("Authorization: Bearer " + options_.api_key);
}

bool OpenAiProvider::serves(std::string_view model) const {
  return options_.models.empty() || std::ranges::find(options_.models, model) != options_.models.end();
}

// Texts and token arrays don't mix in one request, and one call of the API has one kind.
Result<ModelChoice> OpenAiProvider::accept(ModelChoice choice, std::span<const Input>) const { return choice; }

asio::awaitable<Result<ProviderAnswer>> OpenAiProvider::embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                              Deadline deadline) {
  const std::string body = embedding_request(choice, inputs);
  Backoff backoff(options_.backoff_base, options_.backoff_cap, random_());
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (unsigned attempts = 1;; ++attempts) {
    auto answer = co_await attempt(body, choice, inputs.size(), deadline);
    if (answer) co_return std::move(*answer);
    Refusal& refusal = answer.error();
    if (!refusal.worth_retrying || attempts >= options_.max_attempts)
      co_return std::unexpected(std::move(refusal.error));
    // What the upstream asks for is a lower bound; the jitter on top keeps many waiters from coming back at once.
    const milliseconds wait = refusal.error.retry_after().value_or(milliseconds(0)) + backoff.next();
    if (std::chrono::steady_clock::now() + wait >= deadline) co_return std::unexpected(std::move(refusal.error));
    timer.expires_after(wait);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<std::expected<ProviderAnswer, Refusal>> OpenAiProvider::attempt(std::string body, ModelChoice choice,
                                                                                std::size_t inputs, Deadline deadline) {
  using std::chrono::ceil;
  HttpCall call;
  call.url = options_.url + "/embeddings";
  call.headers = headers_;
  call.body = std::move(body);
  call.timeout =
      std::clamp(ceil<milliseconds>(deadline - std::chrono::steady_clock::now()), milliseconds(1), options_.timeout);
  call.max_answer_bytes = options_.max_answer_bytes;
  auto answer = co_await http_.post(std::move(call));
  if (!answer) {
    const bool again =
        answer.error().kind() != ErrorKind::cancelled && answer.error().code() != "upstream_answer_too_large";
    co_return std::unexpected(Refusal{std::move(answer.error()), again});
  }
  if (answer->status != 200) {
    co_return std::unexpected(judge_refusal(*answer, choice, std::chrono::system_clock::now()));
  }
  auto vectors = read_embedding_answer(answer->body, inputs);
  if (!vectors) co_return std::unexpected(Refusal{std::move(vectors.error()), true});
  auto good = check_answer(*vectors, inputs, choice.dimensions);
  if (!good) co_return std::unexpected(Refusal{std::move(good.error()), true});
  co_return std::move(*vectors);
}

}  // namespace inkwell::embeddings
