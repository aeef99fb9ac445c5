#include "redis/topology.hpp"

#include "redis/sentinel/sentinel_watch.hpp"

namespace inkwell::redis {

std::unique_ptr<link::Directory> directory_for(const asio::any_io_executor& executor, const Options& options) {
  if (options.endpoint.topology != Topology::sentinel) return nullptr;
  return std::make_unique<sentinel::SentinelWatch>(executor, options);
}

}  // namespace inkwell::redis
