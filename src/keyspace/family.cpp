#include "keyspace/family.hpp"

#include <array>
#include <cassert>

namespace inkwell::keyspace {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kThirtyDays = 24h * 30;
constexpr std::chrono::milliseconds kDay = 24h;

constexpr std::array<FamilyRule, 15> kFamilies{{
    {Family::conversation, "conversation", "conv:{ID}", RedisType::hash, kThirtyDays, Refresh::on_read_or_write, 0},
    {Family::conversation_items, "conversation items", "conv:{ID}:items", RedisType::stream, kThirtyDays,
     Refresh::on_read_or_write, 0},
    {Family::conversation_item_ids, "conversation item ids", "conv:{ID}:ids", RedisType::hash, kThirtyDays,
     Refresh::on_read_or_write, 0},
    {Family::conversation_index, "conversation index", "convs:{OWNER}", RedisType::sorted_set, kThirtyDays,
     Refresh::on_write, 0},
    {Family::conversation_idempotency, "conversation idempotency record", "conv:{ID}:idem:KEY", RedisType::string, kDay,
     Refresh::never, 0},
    {Family::conversation_usage, "conversation usage", "usage:{conversations}", RedisType::hash, kThirtyDays,
     Refresh::on_write, 0},
    {Family::conversation_usage_moments, "conversation usage moments", "usage:{conversations}:until",
     RedisType::sorted_set, kThirtyDays, Refresh::on_write, 0},
    {Family::channel_log, "channel log", "chan:{NAME}", RedisType::stream, kDay, Refresh::on_write, 0},
    {Family::channel_live, "channel live", "chan:{NAME}:live", RedisType::pubsub_channel, 0ms, Refresh::not_stored, 0},
    {Family::channel_subscribers, "channel subscribers", "chan:{NAME}:subs", RedisType::hash, 60s, Refresh::on_write,
     0},
    {Family::channel_idempotency, "channel idempotency record", "chan:{NAME}:idem:KEY", RedisType::string, kDay,
     Refresh::never, 0},
    {Family::channel_generation, "channel generation", "chan:{NAME}:gen", RedisType::hash, kDay, Refresh::on_write, 0},
    {Family::embedding, "embedding", "emb:MODEL:DIMS:SHA256", RedisType::string, kThirtyDays, Refresh::past_half_life,
     50},
    {Family::embedding_lease, "embedding lease", "emb:MODEL:DIMS:SHA256:lease", RedisType::string, 10s, Refresh::never,
     0},
    {Family::hot_set, "hot set", "hot:MODEL", RedisType::sorted_set, kDay * 7, Refresh::on_write, 0},
}};

constexpr bool rows_follow_the_enumerators() {
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    if (static_cast<std::size_t>(kFamilies[i].family) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enumerators());

}  // namespace

std::span<const FamilyRule> families() noexcept { return kFamilies; }

const FamilyRule& rule(Family family) noexcept { return kFamilies[static_cast<std::size_t>(family)]; }

}  // namespace inkwell::keyspace
