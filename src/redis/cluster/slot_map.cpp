#include "redis/cluster/slot_map.hpp"

#include <algorithm>

namespace inkwell::redis::cluster {
namespace {

// "" and "?" mean: not known, or the same as you connected to.
std::string host_or(std::string_view host, const HostPort& asked) {
  return host.empty() || host == "?" ? asked.host : std::string(host);
}

std::string_view text_of(View node, std::string_view field) {
  const auto value = node.find(field);
  return value ? value->text() : std::string_view();
}

/// Where a node of a shard listens; nothing when it cannot be asked.
std::optional<HostPort> address_of(View node, const HostPort& asked, bool tls) {
  const auto port = node.find(tls ? "tls-port" : "port");
  const auto number = port ? port->integer() : std::nullopt;
  if (!number || *number <= 0 || *number > 0xffff) return std::nullopt;
  auto host = text_of(node, "endpoint");
  if (host.empty() || host == "?") host = text_of(node, "ip");
  return HostPort{host_or(host, asked), static_cast<std::uint16_t>(*number)};
}

std::optional<HostPort> master_among(View nodes, const HostPort& asked, bool tls) {
  for (const View node : nodes) {
    if (text_of(node, "role") != "master" || text_of(node, "health") == "fail") continue;
    if (auto at = address_of(node, asked, tls)) return at;
  }
  return std::nullopt;
}

/// Of a node in CLUSTER SLOTS: host, port, ...
std::optional<HostPort> address_of(View node, const HostPort& asked) {
  const auto port = node.size() >= 2 ? node[1].integer().value_or(0) : 0;
  if (port <= 0 || port > 0xffff) return std::nullopt;
  return HostPort{host_or(node[0].text(), asked), static_cast<std::uint16_t>(port)};
}

}  // namespace

std::uint16_t SlotMap::index_of(const HostPort& at) {
  const auto index = static_cast<std::uint16_t>(std::ranges::find(masters_, at) - masters_.begin());
  if (index == masters_.size()) {
    masters_.push_back(at);
    replicas_.emplace_back();
  }
  return index;
}

void SlotMap::add_replica(std::uint16_t master, const HostPort& at) {
  auto& replicas = replicas_[master];
  if (std::ranges::find(replicas, at) == replicas.end()) replicas.push_back(at);
}

const std::vector<HostPort>& SlotMap::replicas_of(std::uint16_t slot) const noexcept {
  static const std::vector<HostPort> none;
  return owners_[slot] == kNobody ? none : replicas_[owners_[slot]];
}

bool SlotMap::has_replica(const HostPort& at) const noexcept {
  return std::ranges::any_of(replicas_,
                             [&](const auto& replicas) { return std::ranges::find(replicas, at) != replicas.end(); });
}

void SlotMap::set_master(std::uint16_t slot, const HostPort& at) { owners_[slot] = index_of(at); }

void SlotMap::assign(std::int64_t first, std::int64_t last, std::uint16_t master) {
  if (first < 0 || last < first || last >= kSlots) return;
  std::fill(owners_.begin() + first, owners_.begin() + last + 1, master);
}

std::optional<SlotMap> SlotMap::from_shards(View answer, const HostPort& asked, bool tls) {
  SlotMap map;
  for (const View shard : answer) {
    const auto slots = shard.find("slots");
    const auto nodes = shard.find("nodes");
    if (!slots || !nodes || slots->size() == 0) continue;
    const auto master = master_among(*nodes, asked, tls);
    if (!master) continue;
    const auto index = map.index_of(*master);
    for (std::size_t i = 0; i + 1 < slots->size(); i += 2)
      map.assign((*slots)[i].integer().value_or(-1), (*slots)[i + 1].integer().value_or(-1), index);
    for (const View node : *nodes) {
      // "loading" is also said of one whose offset has not been heard yet, and this map may be kept for long.
      if (text_of(node, "role") != "replica" || text_of(node, "health") == "fail") continue;
      if (const auto at = address_of(node, asked, tls)) map.add_replica(index, *at);
    }
  }
  if (map.masters_.empty()) return std::nullopt;
  return map;
}

std::optional<SlotMap> SlotMap::from_slots(View answer, const HostPort& asked) {
  SlotMap map;
  for (const View range : answer) {
    if (range.size() < 3) continue;
    const auto master = address_of(range[2], asked);
    if (!master) continue;
    const auto index = map.index_of(*master);
    map.assign(range[0].integer().value_or(-1), range[1].integer().value_or(-1), index);
    for (std::size_t i = 3; i < range.size(); ++i)
      if (const auto at = address_of(range[i], asked)) map.add_replica(index, *at);
  }
  if (map.masters_.empty()) return std::nullopt;
  return map;
}

}  // namespace inkwell::redis::cluster
