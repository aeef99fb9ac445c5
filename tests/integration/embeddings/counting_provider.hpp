// A provider for tests: computes a vector from each input, so that a test knows what every answer must be; counts,
// stalls and fails on command.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <optional>

#include "embeddings/key.hpp"
#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

inline constexpr std::uint32_t kTestDimensions = 8;

/// The one vector that is right for `input`.
inline std::vector<float> vector_of(const Input& input, std::uint32_t dimensions = 0) {
  Digester digest;
  const auto bytes = digest(input).bytes;
  std::vector<float> vector(dimensions != 0 ? dimensions : kTestDimensions);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    vector[i] = static_cast<float>(std::to_integer<int>(bytes[i % 32]) - 128) / 64.0F + static_cast<float>(i);
  }
  return vector;
}

/// The same for a ScriptedUpstream.
inline std::vector<float> vector_of_json(const boost::json::value& value, std::uint32_t dimensions) {
  if (value.is_string()) return vector_of(std::string(value.get_string()), dimensions);
  Tokens tokens;
  for (const auto& token : value.as_array()) tokens.push_back(token.to_number<std::uint32_t>());
  return vector_of(tokens, dimensions);
}

/// What the test looks at and changes; outlives the provider.
struct ProviderScript {
  std::size_t max_batch = 4;
  std::chrono::microseconds window{2000};
  std::size_t at_once = 16;
  std::chrono::milliseconds delay{0};
  bool stalled = false;  ///< embed() doesn't answer as long as it is set
  std::function<std::optional<Error>(const std::vector<const Input*>&)> failure;
  std::size_t calls = 0;
  std::size_t cancelled = 0;
  std::map<std::string, int> computed;  ///< how often each text was
};

class CountingProvider : public Provider {
 public:
  explicit CountingProvider(ProviderScript& script) : script_(script) {}
  bool serves(std::string_view model) const override { return model == "test-model"; }
  std::vector<std::string> models() const override { return {"test-model"}; }
  Result<ModelChoice> accept(ModelChoice choice, std::span<const Input>) const override { return choice; }
  BatchLimits limits(std::string_view) const override {
    BatchLimits limits;
    limits.inputs = script_.max_batch;
    limits.window = script_.window;
    limits.at_once = script_.at_once;
    return limits;
  }
  boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                       Deadline) override {
    ++script_.calls;
    EXPECT_LE(inputs.size(), script_.max_batch);
    struct Ended {
      ProviderScript& script;
      bool answered = false;
      ~Ended() { script.cancelled += !answered; }
    } ended{script_};
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    do {
      timer.expires_after(script_.stalled ? std::chrono::milliseconds(2) : script_.delay);
      co_await timer.async_wait(boost::asio::use_awaitable);
    } while (script_.stalled);
    ended.answered = true;
    if (script_.failure) {
      auto error = script_.failure(inputs);
      if (error) co_return std::unexpected(std::move(*error));
    }
    ProviderAnswer answer;
    for (const Input* const input : inputs) {
      if (const auto* text = std::get_if<std::string>(input)) ++script_.computed[*text];
      answer.vectors.push_back(vector_of(*input, choice.dimensions));
    }
    answer.tokens = inputs.size() * 10;
    co_return answer;
  }

 private:
  ProviderScript& script_;
};

}  // namespace inkwell::embeddings
