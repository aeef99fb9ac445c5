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

std::optional<HostPort> master_among(View nodes, const HostPort& asked, bool tls) {
  for (const View node : nodes) {
    if (text_of(node, "role") != "master" || text_of(node, "health") == "fail") continue;
    const auto port = node.find(tls ? "tls-port" : "port");
    const auto number = port ? port->integer() : std::nullopt;
    if (!number || *number <= 0 || *number > 0xffff) continue;
    auto host = text_of(node, "endpoint");
    if (host.empty() || host == "?") host = text_of(node, "ip");
    return HostPort{host_or(host, asked), static_cast<std::uint16_t>(*number)};
  }
  return std::nullopt;
}

}  // namespace

std::uint16_t SlotMap::index_of(const HostPort& at) {
  const auto index = static_cast<std::uint16_t>(std::ranges::find(masters_, at) - masters_.begin());
  if (index == masters_.size()) masters_.push_back(at);
  return index;
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
  }
  if (map.masters_.empty()) return std::nullopt;
  return map;
}

std::optional<SlotMap> SlotMap::from_slots(View answer, const HostPort& asked) {
  SlotMap map;
  for (const View range : answer) {
    if (range.size() < 3 || range[2].size() < 2) continue;
    const auto port = range[2][1].integer().value_or(0);
    if (port <= 0 || port > 0xffff) continue;
    const HostPort master{host_or(range[2][0].text(), asked), static_cast<std::uint16_t>(port)};
    map.assign(range[0].integer().value_or(-1), range[1].integer().value_or(-1), map.index_of(master));
  }
  if (map.masters_.empty()) return std::nullopt;
  return map;
}

}  // namespace inkwell::redis::cluster
