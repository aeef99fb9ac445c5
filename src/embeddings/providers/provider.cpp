#include "embeddings/providers/provider.hpp"

#include <fmt/format.h>

#include "embeddings/value.hpp"

namespace inkwell::embeddings {
namespace {

std::unexpected<Error> bad(const std::string& what) {
  return fail(ErrorKind::upstream, "upstream_bad_answer", "The embeddings upstream answered with " + what + ".");
}

}  // namespace

Result<void> check_answer(const ProviderAnswer& answer, std::size_t inputs, std::uint32_t dimensions) {
  if (answer.vectors.size() != inputs) {
    return bad(fmt::format("{} vectors for {} inputs", answer.vectors.size(), inputs));
  }
  const std::size_t length = answer.vectors.front().size();
  if (length == 0 || length > kMaxDimensions) return bad(fmt::format("a vector of {} dimensions", length));
  if (dimensions != 0 && length != dimensions) {
    return bad(fmt::format("{} dimensions where {} were asked for", length, dimensions));
  }
  for (const auto& vector : answer.vectors) {
    if (vector.size() != length) return bad("vectors of different lengths");
    if (!all_finite(vector)) return bad("a number that is not finite");
  }
  return {};
}

std::size_t token_bound(const Input& input) noexcept {
  if (const auto* tokens = std::get_if<Tokens>(&input)) return tokens->size();
  return std::get<std::string>(input).size() / 3 + 1;
}

}  // namespace inkwell::embeddings
