#include "embeddings/providers/wire.hpp"

#include <limits>

#include "embeddings/providers/ollama_wire.hpp"
#include "embeddings/providers/openai_wire.hpp"
#include "embeddings/providers/tei_wire.hpp"

namespace inkwell::embeddings {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// OpenAI documents 2,048 inputs and 300,000 tokens a request; 256 inputs keep an answer to a few megabytes and its
// failure cheap. Ollama computes a request's inputs one after another. TEI's --max-client-batch-size is 32.
constexpr Wire kOpenAi{"/embeddings", 256, 300'000, true, openai_request, read_openai_answer};
constexpr Wire kOllama{"/api/embed", 64, kNoLimit, false, ollama_request, read_ollama_answer};
constexpr Wire kTei{"/embed", 32, kNoLimit, true, tei_request, read_tei_answer};

}  // namespace

const Wire& wire_of(UpstreamApi api) noexcept {
  switch (api) {
    case UpstreamApi::ollama:
      return kOllama;
    case UpstreamApi::tei:
      return kTei;
    case UpstreamApi::openai:
      break;
  }
  return kOpenAi;
}

}  // namespace inkwell::embeddings
