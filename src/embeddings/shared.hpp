// What the Embeddings of all workers share. Any thread; outlives all of them.
#pragma once

#include <inkwell/hot_cache.hpp>

#include "embeddings/flight.hpp"

namespace inkwell::embeddings {

struct Shared {
  explicit Shared(const HotCache::Options& options) : hot(options) {}
  HotCache hot;
  FlightTable flights;
};

}  // namespace inkwell::embeddings
