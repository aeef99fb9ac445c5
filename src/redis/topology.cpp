#include "redis/topology.hpp"

#include "redis/sentinel/sentinel_watch.hpp"

namespace inkwell::redis {
namespace {

/// For what keeps one connection to one server, which a cluster is not: it must not end up at whatever listens at the
/// endpoint's host and port, which a cluster's endpoint leaves at their defaults.
class Nowhere final : public link::Directory {
 public:
  explicit Nowhere(std::string cluster) : cluster_(std::move(cluster)) {}
  void find(std::function<void(const HostPort&)>) override {}
  Error why_not() const override {
    return {ErrorKind::unavailable, "redis_not_on_cluster",
            "Pooled connections are not served on the cluster " + cluster_ + ".",
            "Use a single server or Sentinels where they are needed."};
  }
  void on_move(std::function<void(const HostPort&)>) override {}
  void close() override {}

 private:
  const std::string cluster_;
};

}  // namespace

std::unique_ptr<link::Directory> directory_for(const asio::any_io_executor& executor, const Options& options) {
  switch (options.endpoint.topology) {
    case Topology::sentinel:
      return std::make_unique<sentinel::SentinelWatch>(executor, options);
    case Topology::cluster:
      return std::make_unique<Nowhere>(options.endpoint.to_string());
    case Topology::standalone:
      break;
  }
  return nullptr;
}

}  // namespace inkwell::redis
