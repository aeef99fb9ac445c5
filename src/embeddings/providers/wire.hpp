// Wire: an upstream's API as its client sees it - the path, the body asked with, the answer read - and what that API
// can. A row an API; pure functions. What fails is in refusal.hpp, the same for all.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

#include "embeddings/input.hpp"
#include "embeddings/options.hpp"
#include "embeddings/providers/http_client.hpp"
#include "embeddings/providers/provider.hpp"

namespace inkwell::embeddings {

struct Wire {
  std::string_view path;     ///< behind the upstream's URL
  std::size_t batch_size;    ///< what servers of this API take unless they are told otherwise
  std::size_t batch_tokens;  ///< the same
  bool takes_token_arrays;

  /// The body of the POST. `inputs` are all texts or all token arrays, those only where they are taken.
  std::string (*request)(const ModelChoice& choice, VectorFormat format, std::span<const Input* const> inputs);
  /// Reads a 200. Anything but exactly one vector an input is ErrorKind::upstream, code "upstream_bad_answer"; see also
  /// check_answer.
  Result<ProviderAnswer> (*read)(const HttpAnswer& answer, std::size_t inputs);
};

const Wire& wire_of(UpstreamApi api) noexcept;

}  // namespace inkwell::embeddings
