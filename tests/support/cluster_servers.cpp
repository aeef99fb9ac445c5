#include "support/cluster_servers.hpp"

#include <fmt/format.h>
#include <sstream>
#include <stdexcept>

#include "support/wait_until.hpp"

namespace inkwell::test {
namespace {

constexpr unsigned kSlots = 16384;
/// A replica gives an order to take over up after five seconds (CLUSTER_MF_TIMEOUT), without a word.
constexpr std::chrono::seconds kManualFailoverTimeout{6};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> node_arguments(std::uint16_t bus_port) {
  return {"--cluster-enabled",
          "yes",
          "--cluster-port",
          std::to_string(bus_port),
          "--cluster-node-timeout",
          "1000",
          "--cluster-replica-validity-factor",
          "0",
          "--repl-diskless-sync-delay",
          "0",
          "--cluster-config-file",
          "nodes.conf"};
}

}  // namespace

ClusterServers::ClusterServers(unsigned masters, bool replicas) {
  const unsigned count = replicas ? 2 * masters : masters;
  for (unsigned i = 0; i < count; ++i) {
    bus_ports_.push_back(free_port());
    nodes_.push_back(std::make_unique<RedisServer>(node_arguments(bus_ports_.back())));
    node(i).cli({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (unsigned i = 0; i < masters; ++i) {
    node(i).cli({"CLUSTER", "ADDSLOTSRANGE", std::to_string(kSlots * i / masters),
                 std::to_string(kSlots * (i + 1) / masters - 1)});
  }
  for (unsigned i = 1; i < count; ++i) {
    node(0).cli({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(i).port()), std::to_string(bus_ports_[i])});
  }
  for (unsigned i = 0; i < count; ++i) {
    wait_until("all nodes know each other", [&] {
      const auto info = node(i).cli({"CLUSTER", "INFO"});
      return has(info, fmt::format("cluster_known_nodes:{}\r", count)) && has(info, "cluster_slots_assigned:16384");
    });
  }
  for (unsigned i = masters; i < count; ++i) {
    wait_until("a replica accepts its master",
               [&] { return node(i).cli({"CLUSTER", "REPLICATE", id_of(i - masters)}) == "OK"; });
  }
  for (unsigned i = 0; i < count; ++i) {
    wait_until("the cluster serves", [&] {
      return has(node(i).cli({"CLUSTER", "INFO"}), "cluster_state:ok") &&
             (i < masters || has(node(i).cli({"INFO", "replication"}), "master_link_status:up"));
    });
  }
  // Every node must have heard who replicates whom before a failover can be asked for.
  wait_until("the replicas are known", [&] {
    std::size_t replicas_known = 0;
    std::istringstream lines(node(0).cli({"CLUSTER", "NODES"}));
    for (std::string line; std::getline(lines, line);) replicas_known += has(line, "slave") ? 1 : 0;
    return replicas_known == count - masters;
  });
}

std::string ClusterServers::id_of(std::size_t index) const { return nodes_.at(index)->cli({"CLUSTER", "MYID"}); }

redis::Endpoint ClusterServers::endpoint() const {
  redis::Endpoint endpoint;
  endpoint.topology = redis::Topology::cluster;
  for (const auto& node : nodes_) endpoint.seeds.push_back({"127.0.0.1", node->port()});
  return endpoint;
}

std::size_t ClusterServers::master_of(std::uint16_t slot) const {
  for (const auto& asked : nodes_) {
    if (asked->pid() <= 0 || asked->paused()) continue;
    // "first last [host port id] ..." a line each, flattened by redis-cli: the master's port follows the range.
    std::istringstream lines(asked->cli({"CLUSTER", "NODES"}));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string id, address, flags, word;
      words >> id >> address >> flags;
      if (!has(flags, "master") || has(flags, "fail")) continue;
      for (int skip = 0; skip < 5; ++skip) words >> word;
      while (words >> word) {
        if (word.starts_with('[')) continue;
        const auto dash = word.find('-');
        const auto first = std::stoul(word);
        const auto last = dash == std::string::npos ? first : std::stoul(word.substr(dash + 1));
        if (slot < first || slot > last) continue;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
          if (address.starts_with(fmt::format("127.0.0.1:{}@", nodes_[i]->port()))) return i;
        }
      }
    }
  }
  throw std::runtime_error(fmt::format("nobody serves slot {}", slot));
}

void ClusterServers::begin_to_move_slot(std::uint16_t slot, std::size_t to) {
  const auto from = master_of(slot);
  node(to).cli({"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", id_of(from)});
  node(from).cli({"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", id_of(to)});
}

void ClusterServers::finish_moving_slot(std::uint16_t slot, std::size_t to) {
  const auto from = master_of(slot);
  for (;;) {
    const auto keys = node(from).cli({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "10"});
    if (keys.empty()) break;
    std::istringstream lines(keys);
    for (std::string key; std::getline(lines, key);)
      node(from).cli({"MIGRATE", "127.0.0.1", std::to_string(node(to).port()), key, "0", "5000"});
  }
  for (const auto index : {to, from}) node(index).cli({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id_of(to)});
  wait_until("the slot's new master is known", [&] { return master_of(slot) == to; });
}

void ClusterServers::move_slot(std::uint16_t slot, std::size_t to) {
  begin_to_move_slot(slot, to);
  finish_moving_slot(slot, to);
}

void ClusterServers::fail_over(std::size_t index) {
  RedisServer& replica = node(index + nodes_.size() / 2);
  order_until(
      "the replica is the master", kManualFailoverTimeout, [&] { replica.cli({"CLUSTER", "FAILOVER"}); },
      [&] { return has(replica.cli({"ROLE"}), "master"); });
}

void ClusterServers::fail_over_slot(std::uint16_t slot) {
  const auto master = master_of(slot);
  const auto order = [&] {
    for (const auto& candidate : nodes_) {
      const auto role = candidate->cli({"ROLE"});
      if (role.starts_with("slave") && has(role, fmt::format("\n{}\n", node(master).port()))) {
        candidate->cli({"CLUSTER", "FAILOVER"});
        return;
      }
    }
  };
  order_until("somebody else serves the slot after an order", kManualFailoverTimeout, order,
              [&] { return is_served_by_another(slot, master); });
}

void ClusterServers::make_whole() {
  for (const auto& each : nodes_) {
    wait_until("every replica is in sync, every master has one", [&] {
      const auto info = each->cli({"INFO", "replication"});
      const bool synced = has(info, "master_link_status:up") || has(info, "state=online");
      return synced && has(each->cli({"CLUSTER", "INFO"}), "cluster_state:ok");
    });
  }
}

bool ClusterServers::is_served_by_another(std::uint16_t slot, std::size_t before) const {
  try {
    return master_of(slot) != before;
  } catch (const std::runtime_error&) {
    return false;  // nobody does for the moment
  }
}

void ClusterServers::wait_for_another_master(std::uint16_t slot, std::size_t before) const {
  wait_until("somebody else serves the slot", [&] { return is_served_by_another(slot, before); });
}

std::string ClusterServers::get(const std::string& key) const {
  for (const auto& node : nodes_) {
    if (node->pid() <= 0) continue;
    const auto value = node->cli({"GET", key});
    if (!value.starts_with("MOVED")) return value;
  }
  return {};
}

}  // namespace inkwell::test
