// OpenAiProvider: any server that speaks the OpenAI embeddings API (OpenAI, vLLM, TEI, LiteLLM, LM Studio, Ollama's
// /v1). Retries with exponential backoff and full jitter what may work later: lost connections, time-outs, 408, 409,
// 429, 5xx and answers that are not whole; waits as long as the upstream asks for where it does; gives up early when
// that would be beyond the deadline. Lives on one executor (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <random>

#include "embeddings/options.hpp"
#include "embeddings/providers/http_client.hpp"
#include "embeddings/providers/openai_wire.hpp"
#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

class OpenAiProvider : public Provider {
 public:
  OpenAiProvider(boost::asio::any_io_executor executor, UpstreamOptions options);

  bool serves(std::string_view model) const override;
  std::vector<std::string> models() const override { return options_.models; }
  /// Leaves all to the upstream.
  Result<ModelChoice> accept(ModelChoice choice, std::span<const Input> inputs) const override;
  std::size_t max_batch() const override { return options_.batch_size; }
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline deadline) override;

 private:
  boost::asio::awaitable<std::expected<ProviderAnswer, Refusal>> attempt(std::string body, ModelChoice choice,
                                                                         std::size_t inputs, Deadline deadline);

  const UpstreamOptions options_;
  std::vector<std::string> headers_;
  HttpClient http_;
  std::mt19937_64 random_;
};

}  // namespace inkwell::embeddings
