#include "embeddings/flight.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inkwell::embeddings {

namespace asio = boost::asio;

// Guarded by the mutex of its shard.
struct FlightTable::Flight {
  struct Seat {
    std::shared_ptr<Waiting> waiting;
    std::size_t index;
  };
  explicit Flight(const Digest256& key_) : key(key_) {}
  const Digest256 key;
  std::vector<Seat> seats;
  Outcome outcome;
};

Waiting::Waiting(asio::any_io_executor executor, FlightTable& table, std::size_t flights)
    : executor_(executor),
      table_(table),
      pending_(flights),
      outcomes_(flights),
      keys_(flights),
      landed_(flights == 0) {}

asio::awaitable<bool> Waiting::wait(Clock::time_point deadline) {
  asio::steady_timer timer(executor_, deadline);
  struct Lent {  // also where the awaiting below throws
    explicit Lent(Waiting& owner, asio::steady_timer& timer) : waiting(owner) { waiting.timer_ = &timer; }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    ~Lent() { waiting.timer_ = nullptr; }
    Waiting& waiting;
  } const lent(*this, timer);
  while (!landed_) {
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (!error || state.cancelled() != asio::cancellation_type::none) break;
  }
  co_return landed_;
}

void Waiting::leave() noexcept {
  if (landed_) return;
  for (const auto& key : keys_) table_.leave(key, this);
}

// Under the shard's lock, so that leave() can be sure that nobody posts after it. That all have landed is told by way
// of the executor alone: were pending_ enough, the waiter and its loop could be gone before the post.
void Waiting::settle(std::size_t index, const Outcome& outcome) {
  outcomes_[index] = outcome;
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  asio::post(executor_, [self = shared_from_this()] {
    self->landed_ = true;
    if (self->timer_ != nullptr) self->timer_->cancel();
  });
}

FlightTable::Lead::Lead(FlightTable& table, std::shared_ptr<Flight> flight)
    : table_(&table), flight_(std::move(flight)) {}
FlightTable::Lead::Lead(Lead&& other) noexcept : table_(other.table_), flight_(std::move(other.flight_)) {}

FlightTable::Lead::~Lead() {
  if (flight_) table_->remove(*flight_);
}

const Digest256& FlightTable::Lead::key() const noexcept { return flight_->key; }
void FlightTable::Lead::settle(Outcome outcome) { table_->settle(*flight_, std::move(outcome)); }

FlightTable::Shard& FlightTable::shard_of(const Digest256& key) noexcept {
  return shards_[std::to_integer<std::size_t>(key.bytes.back()) % kShards];
}

std::optional<FlightTable::Lead> FlightTable::join(const Digest256& key, const std::shared_ptr<Waiting>& waiting,
                                                   std::size_t index) {
  waiting->keys_[index] = key;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  auto& flight = shard.flights[key];
  if (flight && flight->outcome.state != Outcome::State::pending) {
    waiting->settle(index, flight->outcome);
    return std::nullopt;
  }
  const bool first = !flight;
  if (first) flight = std::make_shared<Flight>(key);
  flight->seats.push_back({waiting, index});
  if (!first) return std::nullopt;
  return Lead(*this, flight);
}

void FlightTable::settle(Flight& flight, Outcome outcome) {
  std::vector<Flight::Seat> seats;  // let go of after the lock: the last reference may be one of these
  const std::lock_guard lock(shard_of(flight.key).mutex);
  flight.outcome = std::move(outcome);
  seats.swap(flight.seats);
  for (const auto& seat : seats) seat.waiting->settle(seat.index, flight.outcome);
}

void FlightTable::remove(Flight& flight) {
  std::vector<Flight::Seat> seats;
  Shard& shard = shard_of(flight.key);
  const std::lock_guard lock(shard.mutex);
  shard.flights.erase(flight.key);
  seats.swap(flight.seats);
  flight.outcome.state = Outcome::State::abandoned;
  for (const auto& seat : seats) seat.waiting->settle(seat.index, flight.outcome);
}

void FlightTable::leave(const Digest256& key, const Waiting* waiting) noexcept {
  std::shared_ptr<Waiting> last;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.flights.find(key);
  if (found == shard.flights.end()) return;
  auto& seats = found->second->seats;
  const auto seat = std::ranges::find(seats, waiting, [](const auto& s) { return s.waiting.get(); });
  if (seat == seats.end()) return;
  last = std::move(seat->waiting);
  *seat = std::move(seats.back());
  seats.pop_back();
}

std::size_t FlightTable::size() const {
  std::size_t size = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.flights.size();
  }
  return size;
}

}  // namespace inkwell::embeddings
