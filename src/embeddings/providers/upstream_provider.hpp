// UpstreamProvider: a server that computes embeddings, over HTTP, in whichever API it speaks (wire.hpp). Retries with
// exponential backoff and full jitter what may work later: lost connections, time-outs, 408, 409, 424, 429, 5xx and
// answers that are not whole; waits as long as the upstream asks for where it does, all callers of it; gives up early
// when that would be beyond the deadline, or while the breaker is open. Lives on one executor (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <random>

#include "embeddings/options.hpp"
#include "embeddings/providers/http_client.hpp"
#include "embeddings/providers/provider.hpp"
#include "embeddings/providers/refusal.hpp"
#include "embeddings/providers/upstream_breaker.hpp"
#include "embeddings/providers/wire.hpp"

namespace inkwell::embeddings {

class UpstreamProvider : public Provider {
 public:
  UpstreamProvider(boost::asio::any_io_executor executor, UpstreamOptions options);

  bool serves(std::string_view model) const override;
  std::vector<std::string> models() const override;
  /// Refuses token arrays where they are not taken, or are longer than allowed; leaves the rest to the upstream.
  Result<ModelChoice> accept(ModelChoice choice, std::span<const Input> inputs) const override;
  BatchLimits limits(std::string_view model) const override;
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline deadline) override;
  /// The same, but never waits longer than `patience` before an attempt: another upstream may be quicker.
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline deadline, std::chrono::milliseconds patience);

  UpstreamBreaker::State breaker() const noexcept { return breaker_.state(); }

 private:
  using Clock = std::chrono::steady_clock;
  using Attempt = std::expected<ProviderAnswer, Refusal>;

  std::string name_at_upstream(std::string_view model) const;
  boost::asio::awaitable<Attempt> attempt(const std::string& body, ModelChoice choice, std::size_t inputs,
                                          Deadline deadline);
  boost::asio::awaitable<Attempt> exchange(const std::string& body, ModelChoice choice, std::size_t inputs,
                                           Deadline deadline);

  const UpstreamOptions options_;
  const Wire& wire_;
  std::vector<std::string> headers_;
  HttpClient http_;
  UpstreamBreaker breaker_;
  Clock::time_point quiet_until_{};  ///< it has asked to be left alone so long
  std::mt19937_64 random_;
};

}  // namespace inkwell::embeddings
