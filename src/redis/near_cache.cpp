// NearCache: entries in an LRU list, found by name (their first key) and by each further key. What a read under way
// would make stale is decided by sequence numbers: every key that somebody is reading has an Interest, which notes when
// it last changed; a ticket knows when it began.
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <list>
#include <unordered_map>

#include <inkwell/redis/client.hpp>
#include <inkwell/redis/decode.hpp>
#include <inkwell/redis/near_cache.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {
namespace {

/// Hash and equality by which a std::string table is searched with a string_view.
struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};

constexpr std::size_t kBookkeeping = 192;  // of an entry: nodes of the list and the table, the shared pointer's block

}  // namespace

class NearStore::Impl final : public InvalidationListener {
 public:
  Impl(std::shared_ptr<Invalidations> source, NearCacheOptions options)
      : options_(options), source_(std::move(source)) {
    source_->add(*this);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { source_->remove(*this); }

  std::shared_ptr<const void> find(std::string_view name, Clock::time_point now);
  bool store(const NearTicket::State& ticket, std::shared_ptr<const void> value, std::size_t bytes,
             std::optional<std::chrono::milliseconds> ttl);
  void clear();
  NearCacheStats stats() const noexcept;
  bool tracks(std::string_view key) const noexcept { return source_->tracks(key); }
  std::uint64_t sequence() const noexcept { return sequence_; }

  /// Somebody reads `key`, until lose_interest().
  void take_interest(const std::string& key) { ++interests_[key].readers; }
  void lose_interest(const std::string& key) noexcept;

  void on_invalidated(std::string_view key) override;
  void on_all_invalidated() override;

 private:
  struct Entry {
    std::vector<std::string> keys;  ///< the first is its name
    std::shared_ptr<const void> value;
    std::size_t bytes = 0;
    Clock::time_point expires;
  };
  using Entries = std::list<Entry>;
  struct Interest {
    std::size_t readers = 0;
    std::uint64_t changed = 0;  ///< the sequence number of its last change
  };

  bool overtaken(const NearTicket::State& ticket) const;
  void drop(Entries::iterator entry);

  const NearCacheOptions options_;
  const std::shared_ptr<Invalidations> source_;
  Entries entries_;  ///< the least recently used last
  std::unordered_map<std::string, Entries::iterator, Hash, std::equal_to<>> by_name_;
  std::unordered_multimap<std::string, Entries::iterator, Hash, std::equal_to<>> by_further_key_;
  std::unordered_map<std::string, Interest, Hash, std::equal_to<>> interests_;
  std::uint64_t sequence_ = 0;  ///< of changes
  std::uint64_t emptied_ = 0;   ///< the sequence number of the last change of everything
  std::size_t bytes_ = 0;
  NearCacheStats counted_;
};

struct NearTicket::State {
  State(std::shared_ptr<NearStore::Impl> store, std::vector<std::string> of, NearStore::Clock::time_point now)
      : impl(std::move(store)), keys(std::move(of)), begun(now), sequence(impl->sequence()) {
    for (const auto& key : keys) impl->take_interest(key);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (const auto& key : keys) impl->lose_interest(key);
  }

  std::shared_ptr<NearStore::Impl> impl;
  std::vector<std::string> keys;
  NearStore::Clock::time_point begun;
  std::uint64_t sequence;
};

// ---- Reading ----

std::shared_ptr<const void> NearStore::Impl::find(std::string_view name, Clock::time_point now) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    ++counted_.misses;
    return nullptr;
  }
  const auto entry = found->second;
  if (entry->expires <= now) {
    ++counted_.expired;
    ++counted_.misses;
    drop(entry);
    return nullptr;
  }
  ++counted_.hits;
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->value;
}

// ---- Storing ----

bool NearStore::Impl::overtaken(const NearTicket::State& ticket) const {
  return emptied_ > ticket.sequence || std::ranges::any_of(ticket.keys, [&](const std::string& key) {
           return interests_.find(key)->second.changed > ticket.sequence;
         });
}

bool NearStore::Impl::store(const NearTicket::State& ticket, std::shared_ptr<const void> value, std::size_t bytes,
                            std::optional<std::chrono::milliseconds> ttl) {
  if (!std::ranges::all_of(ticket.keys, [this](const auto& key) { return tracks(key); })) {
    ++counted_.untracked;
    return false;
  }
  if (overtaken(ticket)) {
    ++counted_.overtaken;
    return false;
  }
  const auto age = ttl ? std::min(*ttl, options_.max_age) : options_.max_age;
  std::size_t size = bytes + kBookkeeping;
  for (const auto& key : ticket.keys) size += 2 * key.size();
  if (age.count() <= 0 || size > options_.max_bytes) return false;
  if (const auto old = by_name_.find(ticket.keys.front()); old != by_name_.end()) drop(old->second);
  while (bytes_ + size > options_.max_bytes) {
    ++counted_.evicted;
    drop(std::prev(entries_.end()));
  }
  entries_.push_front({ticket.keys, std::move(value), size, ticket.begun + age});
  const auto entry = entries_.begin();
  by_name_.emplace(entry->keys.front(), entry);
  for (std::size_t i = 1; i < entry->keys.size(); ++i) by_further_key_.emplace(entry->keys[i], entry);
  bytes_ += size;
  ++counted_.stored;
  return true;
}

void NearStore::Impl::drop(Entries::iterator entry) {
  by_name_.erase(entry->keys.front());
  for (std::size_t i = 1; i < entry->keys.size(); ++i) {
    auto [from, to] = by_further_key_.equal_range(entry->keys[i]);
    by_further_key_.erase(std::find_if(from, to, [entry](const auto& row) { return row.second == entry; }));
  }
  bytes_ -= entry->bytes;
  entries_.erase(entry);
}

void NearStore::Impl::lose_interest(const std::string& key) noexcept {
  const auto found = interests_.find(key);
  if (--found->second.readers == 0) interests_.erase(found);
}

// ---- Changes ----

void NearStore::Impl::on_invalidated(std::string_view key) {
  ++sequence_;
  if (const auto interest = interests_.find(key); interest != interests_.end()) interest->second.changed = sequence_;
  if (const auto named = by_name_.find(key); named != by_name_.end()) {
    ++counted_.invalidated;
    drop(named->second);
  }
  for (auto row = by_further_key_.find(key); row != by_further_key_.end(); row = by_further_key_.find(key)) {
    ++counted_.invalidated;
    drop(row->second);
  }
}

void NearStore::Impl::on_all_invalidated() {
  ++counted_.flushes;
  clear();
}

void NearStore::Impl::clear() {
  emptied_ = ++sequence_;
  by_name_.clear();
  by_further_key_.clear();
  entries_.clear();
  bytes_ = 0;
}

NearCacheStats NearStore::Impl::stats() const noexcept {
  NearCacheStats stats = counted_;
  stats.entries = entries_.size();
  stats.bytes = bytes_;
  return stats;
}

// ---- What callers see ----

NearTicket::NearTicket(std::unique_ptr<State> state) : state_(std::move(state)) {}
NearTicket::NearTicket(NearTicket&&) noexcept = default;
NearTicket& NearTicket::operator=(NearTicket&&) noexcept = default;
NearTicket::~NearTicket() = default;

NearStore::NearStore(std::shared_ptr<Invalidations> source, NearCacheOptions options)
    : impl_(std::make_shared<Impl>(std::move(source), options)) {}
NearStore::~NearStore() = default;

std::shared_ptr<const void> NearStore::find(std::string_view name, Clock::time_point now) {
  return impl_->find(name, now);
}

NearTicket NearStore::begin(std::string_view name, std::span<const std::string> further_keys, Clock::time_point now) {
  std::vector<std::string> keys;
  keys.reserve(1 + further_keys.size());
  keys.emplace_back(name);
  keys.insert(keys.end(), further_keys.begin(), further_keys.end());
  return NearTicket(std::make_unique<NearTicket::State>(impl_, std::move(keys), now));
}

// By value: a ticket is used up.
bool NearStore::store(NearTicket ticket, std::shared_ptr<const void> value, std::size_t bytes,
                      std::optional<std::chrono::milliseconds> ttl) {
  if (!ticket.state_ || ticket.state_->impl != impl_) return false;
  return impl_->store(*ticket.state_, std::move(value), bytes, ttl);
}

void NearStore::forget(std::string_view key) { impl_->on_invalidated(key); }
void NearStore::clear() { impl_->clear(); }
NearCacheStats NearStore::stats() const noexcept { return impl_->stats(); }

// ---- Strings ----

NearStrings::NearStrings(Client& client, NearCacheOptions options)
    : client_(client), cache_(client.invalidations(), options) {}

asio::awaitable<Result<NearStrings::Value>> NearStrings::get(std::string key) {
  if (auto hit = cache_.find(key)) co_return hit;
  auto ticket = cache_.begin(key);
  Request read("GET", key);
  read.add("PTTL", key);
  auto answers = co_await client_.execute_tracked(std::move(read));
  auto text = decode<std::optional<std::string>>(answers[0]);
  if (!text) co_return std::unexpected(std::move(text.error()));
  const auto ttl = decode<std::int64_t>(answers[1]);
  const auto value = std::make_shared<const std::optional<std::string>>(std::move(*text));
  // -1: never expires; -2: does not exist. Where GET and PTTL disagree, it changed in between and is not kept.
  const bool agree = ttl && (*ttl != -2) == value->has_value();
  const auto expiry =
      agree && *ttl >= 0 ? std::optional(std::chrono::milliseconds(*ttl)) : std::optional<std::chrono::milliseconds>();
  if (agree) cache_.store(std::move(ticket), value, *value ? (*value)->size() : 0, expiry);
  co_return value;
}

}  // namespace inkwell::redis
