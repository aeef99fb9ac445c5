#include "redis/topology.hpp"

#include <stdexcept>

#include "redis/sentinel/sentinel_watch.hpp"

namespace inkwell::redis {
std::unique_ptr<link::Directory> directory_for(const asio::any_io_executor& executor, const Options& options) {
  switch (options.endpoint.topology) {
    case Topology::sentinel:
      return std::make_unique<sentinel::SentinelWatch>(executor, options);
    case Topology::cluster:
      throw std::logic_error("redis: a link is to one node of the cluster, never to " + options.endpoint.to_string());
    case Topology::standalone:
      break;
  }
  return nullptr;
}

}  // namespace inkwell::redis
