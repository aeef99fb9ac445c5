// FallbackProvider: several upstreams in order. A request for a model goes to the first that serves it; when that one
// is away, overloaded, failing or given up (its breaker is open), to the next. A refusal of the input itself (400, 413,
// 422, an unknown model) is the answer: another server of the same model would say the same.
//
// What serves one model name must be one model: the vectors end up under one key. The length is checked (an upstream
// whose vectors have another length than those seen before under the name is passed over), the rest is the operator's
// promise. Lives on one executor (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <unordered_map>

#include "embeddings/providers/upstream_provider.hpp"

namespace inkwell::embeddings {

class FallbackProvider : public Provider {
 public:
  /// At least one.
  FallbackProvider(boost::asio::any_io_executor executor, std::vector<UpstreamOptions> upstreams);

  bool serves(std::string_view model) const override;
  std::vector<std::string> models() const override;
  /// As the first that serves the model and accepts it; else what the first said.
  Result<ModelChoice> accept(ModelChoice choice, std::span<const Input> inputs) const override;
  /// Those of the first that serves the model.
  BatchLimits limits(std::string_view model) const override;
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline deadline) override;

 private:
  std::vector<UpstreamProvider*> serving(std::string_view model) const;
  boost::asio::awaitable<Result<ProviderAnswer>> in_parts(UpstreamProvider& upstream, ModelChoice choice,
                                                          std::vector<const Input*> inputs, Deadline deadline,
                                                          std::chrono::milliseconds patience);
  Result<void> check_length(const ModelChoice& choice, const ProviderAnswer& answer);

  std::vector<std::unique_ptr<UpstreamProvider>> upstreams_;
  std::unordered_map<std::string, std::size_t> lengths_;  ///< by model, where none was asked for; at most kMaxLengths
};

}  // namespace inkwell::embeddings
