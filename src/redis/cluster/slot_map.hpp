// SlotMap: which master serves which slot, as a node of the cluster told. A value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>

#include "redis/cluster/key_slot.hpp"

namespace inkwell::redis::cluster {

class SlotMap {
 public:
  SlotMap() { owners_.fill(kNobody); }
  /// From the answer to CLUSTER SHARDS (Redis 7.0, Valkey). `asked` stands in where a node doesn't know its own
  /// address; `tls` takes the TLS ports. Nothing when the answer is no such thing, or names no master at all.
  static std::optional<SlotMap> from_shards(View answer, const HostPort& asked, bool tls);
  /// From the answer to CLUSTER SLOTS, which every version has; its ports are those of the connection's kind.
  static std::optional<SlotMap> from_slots(View answer, const HostPort& asked);

  /// Null while nobody serves the slot.
  const HostPort* master_of(std::uint16_t slot) const noexcept {
    return owners_[slot] == kNobody ? nullptr : &masters_[owners_[slot]];
  }
  /// Those of the slot's master; empty while there are none, or nobody serves the slot.
  const std::vector<HostPort>& replicas_of(std::uint16_t slot) const noexcept;
  bool has_replica(const HostPort& at) const noexcept;
  void set_master(std::uint16_t slot, const HostPort& at);
  const std::vector<HostPort>& masters() const noexcept { return masters_; }

 private:
  static constexpr std::uint16_t kNobody = 0xffff;
  std::uint16_t index_of(const HostPort& at);
  void add_replica(std::uint16_t master, const HostPort& at);
  void assign(std::int64_t first, std::int64_t last, std::uint16_t master);

  std::array<std::uint16_t, kSlots> owners_;
  std::vector<HostPort> masters_;
  std::vector<std::vector<HostPort>> replicas_;  ///< of each master
};

}  // namespace inkwell::redis::cluster
