// The body of POST /v1/embeddings, arbitrary bytes: what is accepted keeps to the limits that the parts behind rely on.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "embeddings/value.hpp"
#include "server/routes/embedding_request.hpp"

using namespace inkwell;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = server::parse_json({reinterpret_cast<const char*>(data), size});
  if (!value || !value->is_object()) return 0;
  const auto request = server::read_embedding_request(value->get_object());
  if (!request) {
    require(request.error().kind() == ErrorKind::invalid_argument && request.error().param().has_value());
    return 0;
  }
  require(!request->choice.model.empty() && request->choice.dimensions <= embeddings::kMaxDimensions);
  require(!request->inputs.empty() && request->inputs.size() <= server::kMaxEmbeddingInputs);
  for (const auto& input : request->inputs) {
    require(input.index() == request->inputs.front().index());
    if (const auto* text = std::get_if<std::string>(&input)) {
      require(!text->empty() && text->size() <= server::kMaxEmbeddingTextBytes);
    } else {
      const auto& tokens = std::get<embeddings::Tokens>(input);
      require(!tokens.empty() && tokens.size() <= server::kMaxEmbeddingTokens);
    }
  }
  return 0;
}
