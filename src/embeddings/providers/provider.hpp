// Provider: something that turns inputs into vectors. One instance a worker, used on that worker's thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
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

/// How inputs are put together into one call of a provider.
struct BatchLimits {
  std::size_t inputs = 256;
  std::size_t tokens = std::numeric_limits<std::size_t>::max();  ///< by token_bound(); a single input may have more
  std::size_t at_once = 16;                                      ///< calls for one model
  std::chrono::microseconds window{2'000};  ///< how long a batch that is not full waits for more, while others run
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
  virtual BatchLimits limits(std::string_view model) const = 0;
  /// `inputs` (1 to limits().inputs, all texts or all token arrays) live until it has answered. Every vector has the
  /// same length, choice.dimensions if that is not 0, and finite elements. Answers by `deadline`, about. An
  /// invalid_argument or too_large may be about one of the inputs alone. Cancelling it abandons the request.
  virtual boost::asio::awaitable<Result<ProviderAnswer>> embed(ModelChoice choice, std::vector<const Input*> inputs,
                                                               Deadline deadline) = 0;
};

/// Whether an answer to `inputs` inputs is whole: a vector each, all of one length (`dimensions`, if that is not 0),
/// all elements finite. Else ErrorKind::upstream, code "upstream_bad_answer".
Result<void> check_answer(const ProviderAnswer& answer, std::size_t inputs, std::uint32_t dimensions);

/// About as many tokens as `input` has at most: exact for a token array; a text is taken to have a token every three
/// bytes, which common vocabularies stay below but for rare scripts and binary junk.
std::size_t token_bound(const Input& input) noexcept;

}  // namespace inkwell::embeddings
