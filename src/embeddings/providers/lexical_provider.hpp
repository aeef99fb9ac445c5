// The built-in lexical embedder (lexical.hpp) as a provider. Computes on the calling thread, in small batches, letting
// others run in between.
#pragma once

#include "embeddings/providers/lexical.hpp"
#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

class LexicalProvider : public Provider {
 public:
  explicit LexicalProvider(std::uint32_t dimensions) : dimensions_(dimensions) {}

  bool serves(std::string_view model) const override { return model == kLexicalModel; }
  std::vector<std::string> models() const override { return {std::string(kLexicalModel)}; }
  /// Refuses token arrays (it knows no vocabulary), blank texts and texts of more than 8,192 estimated tokens.
  Result<ModelChoice> accept(ModelChoice choice, std::span<const Input> inputs) const override;
  BatchLimits limits(std::string_view) const override {
    BatchLimits limits;
    limits.inputs = 16;
    limits.window = {};
    return limits;
  }
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline deadline) override;

 private:
  std::uint32_t dimensions_;
};

}  // namespace inkwell::embeddings
