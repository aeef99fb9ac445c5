// What embeddings there are in Redis, by model, and their removal. Walks the keyspace in small steps (SCAN), so it
// takes its time and the server goes on serving; every call is safe to repeat. Lives on its client's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "keyspace/key.hpp"

namespace inkwell::embeddings {

struct ModelUsage {
  std::string tenant;
  std::string model;
  std::uint32_t dimensions = 0;  ///< asked for; 0: the model's own length
  std::uint64_t vectors = 0;
  std::uint64_t bytes = 0;  ///< in the server's memory, as MEMORY USAGE has it
};

/// Of all tenants of the installation whose keys `keys` makes; sorted. `options` are the client's, of which those to a
/// cluster's masters are made.
boost::asio::awaitable<Result<std::vector<ModelUsage>>> survey(redis::Client& client, redis::Options options,
                                                               keyspace::Keys keys);

/// Removes all embeddings of `model` of the tenant of `keys`, of every length, and says how many. Servers that
/// hold some in memory are told by Redis. A vector that is being computed meanwhile may be written after the walk has
/// passed its place.
boost::asio::awaitable<Result<std::uint64_t>> purge(redis::Client& client, redis::Options options, keyspace::Keys keys,
                                                    std::string model);

}  // namespace inkwell::embeddings
