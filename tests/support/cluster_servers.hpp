// A real Redis Cluster: masters with a replica each, on kernel-picked ports, which agree within some seconds that a
// node is gone. All are children of the test and end with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <inkwell/redis/options.hpp>

#include "support/redis_server.hpp"

namespace inkwell::test {

class ClusterServers {
 public:
  /// Returns once all slots are served and every replica is in sync. Nodes 0 to masters-1 are the masters, their
  /// replicas follow in the same order.
  explicit ClusterServers(unsigned masters = 3, bool replicas = true);

  redis::Endpoint endpoint() const;
  std::string url() const { return endpoint().to_string(); }
  RedisServer& node(std::size_t index) { return *nodes_.at(index); }
  std::size_t size() const { return nodes_.size(); }

  /// The node that serves a slot now, as the others see it.
  std::size_t master_of(std::uint16_t slot) const;
  /// Moves a slot with all its keys to the master `to`, step by step as redis-cli does.
  void move_slot(std::uint16_t slot, std::size_t to);
  /// The first half of it: from here on the slot's missing keys are asked for at `to` (ASK).
  void begin_to_move_slot(std::uint16_t slot, std::size_t to);
  void finish_moving_slot(std::uint16_t slot, std::size_t to);
  /// The replica of master `index` takes over, in agreement with it.
  void fail_over(std::size_t index);
  /// A replica of whoever serves the slot takes over, in agreement with it.
  void fail_over_slot(std::uint16_t slot);
  /// Returns once every node answers, every replica is in sync and the cluster serves all slots.
  void make_whole();
  /// Returns when somebody other than `before` serves the slot; throws after kServersPatience.
  void wait_for_another_master(std::uint16_t slot, std::size_t before) const;
  /// Its value summed over all masters: what redis-cli finds where the key is.
  std::string get(const std::string& key) const;

 private:
  std::string id_of(std::size_t index) const;
  bool is_served_by_another(std::uint16_t slot, std::size_t before) const;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<std::uint16_t> bus_ports_;
};

}  // namespace inkwell::test
