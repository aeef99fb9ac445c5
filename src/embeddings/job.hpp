// What one call of Embeddings::embed() asks for, taken apart: its distinct inputs, and where each is wanted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "embeddings/flight.hpp"
#include "embeddings/input.hpp"
#include "embeddings/key.hpp"
#include "embeddings/redis_tier.hpp"

namespace inkwell::embeddings {

class Provider;

/// What a call may ask of the cache.
struct CacheControl {
  enum class Mode : std::uint8_t {
    use,      ///< answer from it, and keep what is computed
    refresh,  ///< compute anew, and keep that
    bypass,   ///< compute anew, and leave the cache as it is
  };
  Mode mode = Mode::use;
  /// Lifetime, in both tiers, of what this call makes the provider compute; fixed, at least a second. None: as
  /// configured. A vector that is cached already, or being computed for another call, keeps what it has.
  std::optional<std::chrono::seconds> ttl;
};

/// A distinct input.
struct Need {
  Digest256 digest;  ///< of the input, for Redis
  Digest256 key;     ///< with model and dimensions, for the hot tier
  Digest256 flight;  ///< of its flight: only callers that may share one have the same
  std::size_t input = 0;
  HotCache::Handle vector;
  Source source = Source::hot;
  std::uint64_t tokens = 0;
  bool led = false;
};

struct Job {
  Provider* provider = nullptr;
  ModelChoice choice;
  CacheControl control;
  std::vector<Input> inputs;
  std::vector<Need> needs;           ///< distinct
  std::vector<std::size_t> need_of;  ///< by input
};

/// Counts an input as in flight as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(&count) { ++count; }
  Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Counted& operator=(Counted&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~Counted() {
    if (count_) --*count_;
  }

 private:
  std::size_t* count_;
};

/// A need whose flight this worker leads, on its way through the tiers.
struct Led {
  FlightTable::Lead lead;
  Counted counted;
  std::shared_ptr<const Job> job;
  std::size_t need;
  Place place;
  bool leased = false;  ///< a lease in Redis is held for it

  const Input& input() const { return job->inputs[job->needs[need].input]; }
};

}  // namespace inkwell::embeddings
