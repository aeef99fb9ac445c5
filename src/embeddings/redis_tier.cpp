#include "embeddings/redis_tier.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxOvertaken = 65'536;  // beyond, everything being read counts as overtaken

std::chrono::sys_time<milliseconds> wall_clock_now() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

/// A read under way: what is invalidated meanwhile is not kept.
class RedisTier::Reading {
 public:
  explicit Reading(RedisTier& tier) : tier_(tier), epoch_(tier.epoch_) { ++tier_.reading_; }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    if (--tier_.reading_ == 0) tier_.overtaken_.clear();
  }
  bool overtaken(const Digest256& key) const { return epoch_ != tier_.epoch_ || tier_.overtaken_.contains(key); }

 private:
  RedisTier& tier_;
  const std::uint64_t epoch_;
};

RedisTier::RedisTier(keyspace::Store& store, HotCache& hot, const Options& options, Gate& gate, Stats& stats)
    : store_(store),
      hot_(hot),
      options_(options),
      gate_(gate),
      stats_(stats),
      invalidations_(store.client().invalidations()),
      holder_(random_hex(12)),
      random_(random_seed()) {
  invalidations_->add(*this);
}

RedisTier::~RedisTier() { invalidations_->remove(*this); }

Place RedisTier::place_of(const ModelChoice& choice, const Digest256& input, const Digest256& hot) const {
  const std::string digits = hex(input);
  const auto of = [&](const keyspace::Keys& keys) -> Place {
    return {keys.embedding(choice.model, choice.dimensions, digits),
            keys.embedding_lease(choice.model, choice.dimensions, digits), hot};
  };
  return choice.tenant.empty() ? of(store_.keys()) : of(store_.keys().of(choice.tenant));
}

bool RedisTier::is_worth_asking() const {
  if (store_.client().connected()) return true;
  const auto link = store_.client().stats();
  return link.connects == 0 && link.connect_failures == 0;
}

// ---- Coherence ----

void RedisTier::on_invalidated(std::string_view key) {
  auto name = store_.keys().parse_embedding(key);
  if (!name) return;
  if (name->tenant == tenant()) name->tenant.clear();
  const auto input = digest_of_hex(name->digest);
  if (!input) return;
  const Digest256 hot = hot_key(*input, digest_.choice({name->model, name->dimensions, name->tenant}));
  if (writing_.contains(hot)) return;
  if (hot_.erase(hot)) ++stats_.invalidated;
  if (reading_ == 0) return;
  if (overtaken_.size() < kMaxOvertaken) {
    overtaken_.insert(hot);
  } else {
    ++epoch_;
  }
}

void RedisTier::on_all_invalidated() {
  ++epoch_;
  ++stats_.flushes;
  hot_.clear();
}

milliseconds RedisTier::longest_in_hot(const keyspace::Key& key) const {
  return invalidations_->tracks(key.str()) ? options_.hot_ttl : std::min(options_.hot_ttl, options_.untracked_ttl);
}

HotCache::Handle RedisTier::keep(const Digest256& key, HotCache::Draft draft, std::optional<milliseconds> ttl) {
  const auto now = Clock::now();
  const auto left = std::min(options_.hot_ttl, ttl.value_or(options_.lifetime));
  return hot_.put(key, std::move(draft), now + left, now);
}

HotCache::Handle RedisTier::wrap(HotCache::Draft draft) {
  return hot_.put(Digest256(), std::move(draft), Clock::time_point::min(), Clock::now());
}

/// Of a vector in the hot tier of whose changes nobody will tell.
void RedisTier::shorten_hot(const Write& write) {
  const auto now = Clock::now();
  const auto left = std::min({options_.untracked_ttl, options_.hot_ttl, write.ttl.value_or(options_.lifetime)});
  if (hot_.contains(write.place.hot, now)) hot_.put(write.place.hot, write.vector.bytes(), now + left, now);
}

// ---- Reads ----

HotCache::Handle RedisTier::take(const Place& place, std::string_view bytes, std::uint32_t dimensions,
                                 const Reading& reading, std::vector<std::pair<keyspace::Key, milliseconds>>& stale) {
  auto value = decode_value(place.hot, bytes, dimensions);
  if (!value) return {};
  if (reading.overtaken(place.hot)) return wrap(std::move(value->vector));
  const auto now = Clock::now();
  auto left = std::chrono::duration_cast<milliseconds>(value->life.ends_at - wall_clock_now());
  if (!value->life.fixed && left < options_.lifetime / 2) {
    // The header only knows the first end; reads since may have moved it. Half of a life is what the new one has at
    // least by the time the next reader finds the header to be past its half again.
    stale.emplace_back(place.key, lifetime_with_jitter());
    left = options_.lifetime / 2;
  }
  left = std::clamp(left, milliseconds(0), longest_in_hot(place.key));
  return hot_.put(place.hot, std::move(value->vector), now + left, now);
}

asio::awaitable<std::vector<HotCache::Handle>> RedisTier::read(std::vector<Place> places, std::uint32_t dimensions) {
  std::vector<HotCache::Handle> found(places.size());
  if (!is_worth_asking()) {
    stats_.redis_reads_failed += places.size();
    co_return found;
  }
  std::vector<keyspace::Key> keys;
  keys.reserve(places.size());
  for (const Place& place : places) keys.push_back(place.key);
  redis::CallOptions call;
  call.timeout = options_.redis_read_timeout;
  const Reading reading(*this);
  const auto replies = co_await store_.get_all(keys, call, /*tracked=*/true);
  std::vector<std::pair<keyspace::Key, milliseconds>> stale;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& reply = replies[i];
    if (!reply) ++stats_.redis_reads_failed;
    if (!reply || reply->view().is_null()) continue;
    found[i] = take(places[i], reply->view().text(), dimensions, reading, stale);
    if (!found[i]) ++stats_.damaged;
  }
  extend_later(std::move(stale));
  co_return found;
}

// Behind the caller's back: the commands leave in this turn, the caller waits for nothing.
void RedisTier::extend_later(std::vector<std::pair<keyspace::Key, milliseconds>> stale) {
  if (stale.empty()) return;
  stats_.refreshed += stale.size();
  gate_.spawn("embeddings: extend", extend(std::move(stale)));
}

asio::awaitable<void> RedisTier::extend(std::vector<std::pair<keyspace::Key, milliseconds>> stale) {
  redis::CallOptions call;
  call.timeout = options_.redis_write_timeout;
  co_await store_.extend_all(stale, call);
}

// ---- Leases ----

asio::awaitable<std::vector<RedisTier::Claim>> RedisTier::claim(std::vector<Place> places, std::uint32_t dimensions) {
  std::vector<Claim> claims(places.size());
  if (!is_worth_asking()) {
    for (Claim& claim : claims) claim.unknown = true;
    co_return claims;
  }
  std::vector<std::pair<keyspace::Key, keyspace::Key>> keys;
  keys.reserve(places.size());
  for (const Place& place : places) keys.emplace_back(place.lease, place.key);
  redis::CallOptions call;
  call.timeout = options_.redis_read_timeout;
  const Reading reading(*this);
  const auto answers = co_await store_.claim_all(keys, holder_, call);
  std::vector<std::pair<keyspace::Key, milliseconds>> stale;
  std::vector<Place> not_needed;
  for (std::size_t i = 0; i < places.size(); ++i) {
    Claim& claim = claims[i];
    const auto& value = answers[i].value;
    claim.held = answers[i].held;
    claim.unknown = !value || !*value;
    if (claim.held) held_.insert_or_assign(places[i].hot, places[i].lease);
    if (!claim.unknown && !(*value)->view().is_null()) {
      claim.vector = take(places[i], (*value)->view().text(), dimensions, reading, stale);
      if (claim.vector && claim.held) not_needed.push_back(places[i]);
    }
  }
  if (!not_needed.empty()) gate_.spawn("embeddings: give back", give_back(std::move(not_needed)));
  extend_later(std::move(stale));
  co_return claims;
}

asio::awaitable<void> RedisTier::give_back(std::vector<Place> places) {
  for (const Place& place : places) held_.erase(place.hot);
  if (!is_worth_asking()) co_return;  // they expire
  std::vector<keyspace::Key> leases;
  leases.reserve(places.size());
  for (Place& place : places) leases.push_back(std::move(place.lease));
  redis::CallOptions call;
  call.timeout = options_.redis_write_timeout;
  co_await store_.release_all(leases, holder_, call);
}

asio::awaitable<void> RedisTier::give_all_back() {
  if (held_.empty() || !store_.client().connected()) co_return;
  std::vector<keyspace::Key> leases;
  leases.reserve(held_.size());
  for (auto& [hot, lease] : held_) leases.push_back(std::move(lease));
  held_.clear();
  redis::CallOptions call;
  call.timeout = options_.redis_read_timeout;
  co_await store_.release_all(leases, holder_, call);
}

// ---- Writes ----

milliseconds RedisTier::lifetime_with_jitter() {
  const double jitter = keyspace::rule(keyspace::Family::embedding).jitter_per_mille / 1000.0;
  const double factor = 1.0 + jitter * std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::duration<double, std::milli>(static_cast<double>(options_.lifetime.count()) * factor));
}

keyspace::Store::Entry RedisTier::entry_of(const Write& write) {
  const milliseconds lifetime = write.ttl ? *write.ttl : lifetime_with_jitter();
  const ValueLife life{std::chrono::floor<std::chrono::seconds>(wall_clock_now() + lifetime), write.ttl.has_value()};
  return {write.place.key, encode_value(write.place.hot, write.vector.as<float>(), life, options_.precision), lifetime};
}

asio::awaitable<void> RedisTier::write(std::vector<Write> writes) {
  if (!is_worth_asking()) {
    stats_.redis_writes_dropped += writes.size();
    for (const Write& write : writes) shorten_hot(write);
    co_return;
  }
  std::vector<keyspace::Store::Entry> entries;
  std::vector<Place> leased;
  entries.reserve(writes.size());
  for (const Write& write : writes) {
    entries.push_back(entry_of(write));
    if (write.leased) leased.push_back(write.place);
  }
  struct Own {  // also where the awaiting below is cancelled
    Own(RedisTier& t, const std::vector<Write>& w) : tier(t), all(w), epoch(t.epoch_) {
      for (const Write& write : all) ++tier.writing_[write.place.hot];
    }
    Own(const Own&) = delete;
    Own& operator=(const Own&) = delete;
    ~Own() {
      for (const Write& write : all) {
        const auto found = tier.writing_.find(write.place.hot);
        if (--found->second == 0) tier.writing_.erase(found);
      }
    }
    RedisTier& tier;
    const std::vector<Write>& all;
    const std::uint64_t epoch;
  };
  redis::CallOptions call;
  call.timeout = options_.redis_write_timeout;
  {
    const Own own(*this, writes);
    const auto replies = co_await store_.set_all(std::move(entries), call, /*tracked=*/true);
    for (std::size_t i = 0; i < writes.size(); ++i) {
      const bool written = replies[i].has_value();
      if (!written) ++stats_.redis_writes_dropped;
      const bool told = written && own.epoch == epoch_ && invalidations_->tracks(writes[i].place.key.str());
      if (!told) shorten_hot(writes[i]);
    }
  }
  if (!leased.empty()) co_await give_back(std::move(leased));
}

}  // namespace inkwell::embeddings
