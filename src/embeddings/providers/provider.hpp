// Provider: something that turns inputs into vectors. One instance a worker, used on that worker's thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"

namespace inkwell::embeddings {

/// Vector i is that of input i: a provider that cannot vouch for that answers with an error.
struct ProviderAnswer {
  std::vector<std::vector<float>> vectors;
  std::uint64_t tokens = 0;  ///< of all inputs together, as the provider counts them
};

class Provider {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  virtual ~Provider() = default;

  /// Whether requests for `model` are this provider's.
  virtual bool serves(std::string_view model) const = 0;
  /// The models it is known to serve, for a list of models; may be fewer than it serves().
  virtual std::vector<std::string> models() const = 0;
  /// Refuses what this provider surely cannot embed, naming the param; else what is really asked for, with its own
  /// length put in where `choice` names none and it is known.
  virtual Result<ModelChoice> accept(ModelChoice choice, std::span<const Input> inputs) const = 0;
  /// Most inputs of one call of embed().
  virtual std::size_t max_batch() const = 0;
  /// `inputs` (1 to max_batch()) live until it has answered. Every vector has the same length, choice.dimensions if
  /// that is not 0, and finite elements. Answers by `deadline`, about. Cancelling it abandons the request.
  virtual boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                               Deadline deadline) = 0;
};

/// Whether an answer to `inputs` inputs is whole: a vector each, all of one length (`dimensions`, if that is not 0),
/// all elements finite. Else ErrorKind::upstream, code "upstream_bad_answer".
Result<void> check_answer(const ProviderAnswer& answer, std::size_t inputs, std::uint32_t dimensions);

}  // namespace inkwell::embeddings
