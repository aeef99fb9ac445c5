// What an embedding costs in Redis' memory: within 2 % of the least that Redis can keep its bytes in under such a key.
#include <gtest/gtest.h>

#include "embeddings/value.hpp"
#include "worker_rig.hpp"

namespace inkwell::embeddings {
namespace {

class EmbeddingMemory : public EmbeddingService {
 protected:
  std::int64_t usage(const std::string& key) const { return std::stoll(server.cli({"MEMORY", "USAGE", key})); }
};

TEST_F(EmbeddingMemory, OfAnEntryIsWithinTwoPercentOfThePayloadsMinimum) {
  for (const std::uint32_t dimensions : {384U, 768U, 1024U, 1536U, 3072U}) {
    const std::string text = "text of " + std::to_string(dimensions);
    ASSERT_TRUE(embed(texts(text), dimensions));
    const std::string key = key_of(text, dimensions);
    // The least: the bare floats under a key of the same length, with an expiry as every key has one.
    const std::string bare = "bare:" + std::string(key.size() - 5, std::to_string(dimensions)[0]);
    const auto vector = vector_of(Input(text), dimensions);
    plant(bare, std::string(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)));
    const auto ours = static_cast<double>(usage(key));
    const auto least = static_cast<double>(usage(bare));
    EXPECT_LE(ours, least * 1.02) << dimensions << " dimensions: " << ours << " bytes, bare " << least;
  }
}

}  // namespace
}  // namespace inkwell::embeddings
