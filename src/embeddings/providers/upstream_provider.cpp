#include "embeddings/providers/upstream_provider.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/random.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::ceil;
using std::chrono::milliseconds;

namespace {

/// Tells the breaker what became of the request it let through, whichever way the coroutine ends.
class Admitted {
 public:
  explicit Admitted(UpstreamBreaker& breaker) : breaker_(breaker) {}
  Admitted(const Admitted&) = delete;
  Admitted& operator=(const Admitted&) = delete;
  ~Admitted() {
    if (!told_) breaker_.abandoned();
  }
  void answered() {
    told_ = true;
    breaker_.answered();
  }
  void failed() {
    told_ = true;
    breaker_.failed(UpstreamBreaker::Clock::now());
  }

 private:
  UpstreamBreaker& breaker_;
  bool told_ = false;
};

// An answer that is not whole is none: it may be about this one request (dimensions that the model hasn't).
bool shows_illness(const Error& error) {
  return error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::deadline_exceeded ||
         error.code() == "upstream_broken" || error.code() == "upstream_failed";
}

Error bad_tokens(std::string message, std::string remedy) {
  return Error(ErrorKind::invalid_argument, "invalid_input", std::move(message), std::move(remedy)).with_param("input");
}

}  // namespace

UpstreamProvider::UpstreamProvider(asio::any_io_executor executor, UpstreamOptions options)
    : options_(std::move(options)),
      wire_(wire_of(options_.api)),
      http_(executor, options_.max_connections),
      breaker_(options_.breaker),
      random_(random_seed()) {
  headers_ = {"Content-Type: application/json", "Accept: application/json"};
  if (!options_.api_key.empty()) headers_.push_back("Authorization: Bearer " + options_.api_key);
}

bool UpstreamProvider::serves(std::string_view model) const {
  return options_.models.empty() ||
         std::ranges::find(options_.models, model, &UpstreamModel::name) != options_.models.end();
}

std::vector<std::string> UpstreamProvider::models() const {
  std::vector<std::string> names;
  names.reserve(options_.models.size());
  for (const auto& model : options_.models) names.push_back(model.name);
  return names;
}

std::string UpstreamProvider::name_at_upstream(std::string_view model) const {
  const auto found = std::ranges::find(options_.models, model, &UpstreamModel::name);
  return found == options_.models.end() || found->at_upstream.empty() ? std::string(model) : found->at_upstream;
}

Result<ModelChoice> UpstreamProvider::accept(ModelChoice choice, std::span<const Input> inputs) const {
  const bool takes_tokens = wire_.takes_token_arrays && options_.takes_token_arrays;
  for (const auto& input : inputs) {
    const auto* const tokens = std::get_if<Tokens>(&input);
    if (!tokens) break;  // texts and token arrays don't mix
    if (!takes_tokens) {
      return std::unexpected(bad_tokens(fmt::format("The model '{}' takes texts, not token arrays.", choice.model),
                                        "Send the text itself."));
    }
    if (options_.input_tokens != 0 && tokens->size() > options_.input_tokens) {
      return std::unexpected(bad_tokens(fmt::format("This model's maximum context length is {} tokens, however you "
                                                    "requested {} tokens.",
                                                    options_.input_tokens, tokens->size()),
                                        "Please reduce the length of the input."));
    }
  }
  return choice;
}

BatchLimits UpstreamProvider::limits(std::string_view) const {
  BatchLimits limits;
  limits.inputs = options_.batch_size != 0 ? options_.batch_size : wire_.batch_size;
  limits.tokens = options_.batch_tokens != 0 ? options_.batch_tokens : wire_.batch_tokens;
  limits.at_once = options_.max_connections;
  return limits;
}

asio::awaitable<Result<ProviderAnswer>> UpstreamProvider::embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                                Deadline deadline) {
  return embed(std::move(choice), std::move(inputs), deadline, milliseconds::max());
}

asio::awaitable<Result<ProviderAnswer>> UpstreamProvider::embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                                Deadline deadline, milliseconds patience) {
  choice.model = name_at_upstream(choice.model);
  const std::string body = wire_.request(choice, options_.format, inputs);
  Backoff backoff(options_.backoff_base, options_.backoff_cap, random_());
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::optional<Error> before;
  for (unsigned attempts = 1;; ++attempts) {
    Attempt answer = co_await attempt(body, choice, inputs.size(), deadline);
    if (answer) co_return std::move(*answer);
    Refusal& refusal = answer.error();
    // What made the breaker open tells more than that it is.
    if (before && refusal.error.code() == "upstream_circuit_open") co_return std::unexpected(std::move(*before));
    if (!refusal.worth_retrying || attempts >= options_.max_attempts) {
      co_return std::unexpected(std::move(refusal.error));
    }
    // What the upstream asks for is a lower bound; the jitter on top keeps many waiters from coming back at once.
    const milliseconds wait = refusal.error.retry_after().value_or(milliseconds(0)) + backoff.next();
    if (wait > patience || Clock::now() + wait >= deadline) co_return std::unexpected(std::move(refusal.error));
    before = std::move(refusal.error);
    timer.expires_after(wait);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

/// One request, unless the upstream is better left alone.
asio::awaitable<UpstreamProvider::Attempt> UpstreamProvider::attempt(const std::string& body, ModelChoice choice,
                                                                     std::size_t inputs, Deadline deadline) {
  const auto now = Clock::now();
  if (now < quiet_until_) {
    Error busy(ErrorKind::overloaded, "upstream_rate_limited", "The embeddings upstream has asked to be left alone.");
    co_return std::unexpected(
        Refusal{std::move(busy).with_retry_after(ceil<milliseconds>(quiet_until_ - now)), /*worth_retrying=*/true});
  }
  if (!breaker_.admits(now)) {
    Error gone(ErrorKind::unavailable, "upstream_circuit_open", "The embeddings upstream keeps failing.");
    co_return std::unexpected(Refusal{std::move(gone).with_retry_after(breaker_.wait(now)), /*worth_retrying=*/false});
  }
  Admitted admitted(breaker_);
  Attempt answer = co_await exchange(body, std::move(choice), inputs, deadline);
  if (answer) {
    admitted.answered();
    co_return answer;
  }
  const Error& error = answer.error().error;
  if (error.kind() == ErrorKind::cancelled) co_return answer;
  if (shows_illness(error)) {
    admitted.failed();
  } else {
    admitted.answered();
  }
  if (error.kind() == ErrorKind::overloaded && error.retry_after()) quiet_until_ = Clock::now() + *error.retry_after();
  co_return answer;
}

asio::awaitable<UpstreamProvider::Attempt> UpstreamProvider::exchange(const std::string& body, ModelChoice choice,
                                                                      std::size_t inputs, Deadline deadline) {
  HttpCall call;
  call.url = options_.url;
  call.url += wire_.path;
  call.headers = headers_;
  call.body = body;
  call.ca_file = options_.ca_file;
  call.timeout = std::clamp(ceil<milliseconds>(deadline - Clock::now()), milliseconds(1), options_.timeout);
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
  auto vectors = wire_.read(*answer, inputs);
  if (!vectors) co_return std::unexpected(Refusal{std::move(vectors.error()), true});
  auto good = check_answer(*vectors, inputs, choice.dimensions);
  if (!good) co_return std::unexpected(Refusal{std::move(good.error()), true});
  co_return std::move(*vectors);
}

}  // namespace inkwell::embeddings
