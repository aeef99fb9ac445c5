// Cluster: the nodes of a Redis Cluster as one server. Each command goes to the master of its key's slot, over one link
// a node; MOVED and ASK are followed, what a node refuses for the moment (TRYAGAIN, CLUSTERDOWN, a failover) is asked
// again within the caller's deadline. What was surely not applied is always asked again; what may have been, only when
// it is idempotent - as on a single server. Nothing runs in the background: the caller who finds the map of slots wrong
// has it read anew, the others wait for that. Lives on one executor (one thread); owned by shared_ptr.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "base/asio.hpp"
#include "base/backoff.hpp"
#include "redis/cluster/slot_map.hpp"
#include "redis/link/link.hpp"

namespace inkwell::redis::cluster {

class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  using Clock = link::Link::Clock;

  Cluster(asio::any_io_executor executor, Options options);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  /// Connects to one of the seeds.
  void start();
  asio::awaitable<Result<Reply>> execute(std::string wire, CallOptions options);
  /// The commands of `wire`, each to its node, pipelined; those of one slot keep their order unless the slot moves.
  asio::awaitable<std::vector<Result<Reply>>> execute_all(std::string wire, std::size_t commands, CallOptions options);
  /// The same for reads whose keys the nodes shall watch (Options::tracking).
  asio::awaitable<std::vector<Result<Reply>>> execute_tracked(std::string wire, std::size_t commands,
                                                              CallOptions options);
  /// Shared by the links to all nodes: the loss of any of them invalidates everything.
  const std::shared_ptr<Invalidations>& invalidations() const noexcept { return invalidations_; }
  /// Ends all that waits (`why`) and closes every link.
  void close(const Error& why);

  /// Reads the map of slots; at once when someone else is reading it already and has done so. Nothing when it is known.
  asio::awaitable<std::optional<Error>> refresh(Clock::time_point deadline);
  /// Null while unknown.
  const HostPort* master_of(std::uint16_t slot) const noexcept { return map_ ? map_->master_of(slot) : nullptr; }
  /// Every master known.
  std::vector<HostPort> masters() const { return map_ ? map_->masters() : std::vector<HostPort>(); }

  bool connected() const noexcept;
  ClientStats stats() const noexcept;
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Options for a link to one node.
  Options options_for(const HostPort& at) const;

 private:
  using LinkPtr = std::shared_ptr<link::Link>;
  struct Asking;
  struct Verdict;

  /// How a command is to be sent.
  struct Manner {
    bool idempotent = false;
    bool tracked = false;  ///< with CLIENT CACHING YES before it
    bool asking = false;   ///< with ASKING before it
    ReadFrom from = ReadFrom::master;
  };
  asio::awaitable<Result<Reply>> send(std::string wire, std::optional<std::uint16_t> slot, Manner manner,
                                      Clock::time_point deadline);
  asio::awaitable<std::vector<Result<Reply>>> send_all(std::string wire, std::size_t commands, Manner manner,
                                                       Clock::time_point deadline);
  bool final(Asking& asking, Manner manner);
  asio::awaitable<void> send_first(std::vector<std::unique_ptr<Asking>>& all, ReadFrom from,
                                   Clock::time_point deadline);
  asio::awaitable<Result<Reply>> send_parts(std::vector<std::string> arguments, bool idempotent,
                                            Clock::time_point deadline);
  asio::awaitable<Result<Reply>> ask(LinkPtr link, std::string wire, Manner manner, Clock::time_point deadline);
  asio::awaitable<std::optional<Error>> read_map(Clock::time_point deadline);
  asio::awaitable<std::optional<Error>> read_map_from(HostPort at, Clock::time_point deadline);
  asio::awaitable<void> wait_for_map(Clock::time_point deadline);
  asio::awaitable<void> pause(Backoff& backoff, Clock::time_point deadline);

  Clock::time_point deadline_of(const CallOptions& options) const;
  Verdict judge(const Error& error, std::optional<std::uint16_t> slot, bool idempotent);
  LinkPtr link_to(const HostPort& at);
  LinkPtr link_for(std::optional<std::uint16_t> slot, ReadFrom from = ReadFrom::master);
  LinkPtr replica_for(std::uint16_t slot);
  void drop_links(std::map<HostPort, LinkPtr>& links, const std::function<bool(const HostPort&)>& wanted);
  std::vector<HostPort> candidates() const;
  void take_up(SlotMap map);

  const asio::any_io_executor executor_;
  const Options options_;
  std::map<HostPort, LinkPtr> links_;
  std::map<HostPort, LinkPtr> replica_links_;  ///< to those that have been asked for reads
  std::size_t next_replica_ = 0;
  std::optional<SlotMap> map_;
  bool reading_ = false;
  std::list<asio::steady_timer*> waiting_;  ///< for the map that is being read
  std::optional<Error> closed_;
  const std::shared_ptr<Invalidations> invalidations_;
  ClientStats gone_;  ///< of links closed since
};

}  // namespace inkwell::redis::cluster
