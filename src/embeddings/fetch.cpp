// Embeddings, behind the flights: Redis, the leases, the batches, the provider.
#include <algorithm>
#include <bit>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "embeddings/batch_queue.hpp"
#include "embeddings/embeddings.hpp"
#include "embeddings/value.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Mode = CacheControl::Mode;

namespace {

// How often an input that another process computes is looked for.
constexpr milliseconds kFirstLook{5};
constexpr milliseconds kLongestLook{100};

std::size_t weight_of(const Input& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return text->size() + 1;
  return std::get<Tokens>(input).size() * 4 + 1;
}

bool about_the_input(const Error& error) {
  return error.kind() == ErrorKind::invalid_argument || error.kind() == ErrorKind::too_large;
}

/// Of the places of `leds`.
std::vector<Place> places_of(const std::vector<Led>& leds) {
  std::vector<Place> places;
  places.reserve(leds.size());
  for (const Led& led : leds) places.push_back(led.place);
  return places;
}

Outcome found_in_redis(HotCache::Handle vector) {
  Outcome outcome;
  outcome.state = Outcome::State::value;
  outcome.source = Source::redis;
  outcome.vector = std::move(vector);
  return outcome;
}

}  // namespace

/// What waits and runs for one model at one length and one kind of input. Lives while anything does.
struct Embeddings::Lane {
  Lane(const Digest256& key_, BatchLimits limits, asio::any_io_executor executor)
      : key(key_), queue(limits), timer(executor) {}
  const Digest256 key;
  BatchQueue<Led> queue;
  std::size_t running = 0;
  bool waking = false;  ///< wake() is about
  asio::steady_timer timer;
};

/// All of one call.
asio::awaitable<void> Embeddings::fetch(Leds leds) {
  const CacheControl control = leds.front().job->control;
  if (control.mode == Mode::use) {
    leds = co_await read_redis(std::move(leds));
    if (!leds.empty() && options_.lease > milliseconds(0)) leds = co_await claim(std::move(leds));
  }
  enqueue(std::move(leds));
}

/// The rest is what is not there.
asio::awaitable<Embeddings::Leds> Embeddings::read_redis(Leds leds) {
  auto found = co_await redis_.read(places_of(leds), leds.front().job->choice.dimensions);
  Leds missing;
  for (std::size_t i = 0; i < leds.size(); ++i) {
    if (found[i]) {
      leds[i].lead.settle(found_in_redis(std::move(found[i])));
    } else {
      missing.push_back(std::move(leds[i]));
    }
  }
  co_return missing;
}

/// The rest is this process's to compute; what another computes is waited for meanwhile.
asio::awaitable<Embeddings::Leds> Embeddings::claim(Leds leds) {
  auto claims = co_await redis_.claim(places_of(leds), leds.front().job->choice.dimensions);
  Leds ours;
  Leds others;
  for (std::size_t i = 0; i < leds.size(); ++i) {
    if (claims[i].vector) {
      leds[i].lead.settle(found_in_redis(std::move(claims[i].vector)));
      continue;
    }
    leds[i].leased = claims[i].held;
    const bool compute = claims[i].held || claims[i].unknown;
    (compute ? ours : others).push_back(std::move(leds[i]));
  }
  if (!others.empty()) {
    stats_.lease_waits += others.size();
    gate_.spawn("embeddings: wait for others", wait_for_others(std::move(others)));
  }
  co_return ours;
}

asio::awaitable<void> Embeddings::wait_for_others(Leds leds) {
  const auto until = Clock::now() + options_.lease;
  const std::uint32_t dimensions = leds.front().job->choice.dimensions;
  asio::steady_timer timer(executor_);
  for (milliseconds look = kFirstLook; !leds.empty(); look = std::min(2 * look, kLongestLook)) {
    timer.expires_after(look);
    co_await timer.async_wait(asio::use_awaitable);
    auto claims = co_await redis_.claim(places_of(leds), dimensions);
    const bool late = Clock::now() >= until;
    Leds ours;
    Leds others;
    for (std::size_t i = 0; i < leds.size(); ++i) {
      if (claims[i].vector) {
        leds[i].lead.settle(found_in_redis(std::move(claims[i].vector)));
        continue;
      }
      leds[i].leased = claims[i].held;
      const bool compute = claims[i].held || claims[i].unknown || late;
      (compute ? ours : others).push_back(std::move(leds[i]));
    }
    enqueue(std::move(ours));
    leds = std::move(others);
  }
}

// ---- Batches ----

std::shared_ptr<Embeddings::Lane> Embeddings::lane_of(const Led& led) {
  Digest256 key = digest_.choice(led.job->choice);
  if (std::holds_alternative<Tokens>(led.input())) key.bytes.back() ^= std::byte{1};  // don't mix with texts
  auto& lane = lanes_[key];
  if (!lane) lane = std::make_shared<Lane>(key, led.job->provider->limits(led.job->choice.model), executor_);
  return lane;
}

/// Of one call, hence of one lane.
void Embeddings::enqueue(Leds leds) {
  if (leds.empty()) return;
  const auto lane = lane_of(leds.front());
  const auto now = Clock::now();
  for (Led& led : leds) {
    const std::size_t tokens = token_bound(led.input());
    lane->queue.add(std::move(led), tokens, now);
  }
  if (lane->waking) {
    lane->timer.cancel();  // it looks anew
  } else {
    lane->waking = true;
    gate_.spawn("embeddings: wake", wake(lane));
  }
}

void Embeddings::dispatch(const std::shared_ptr<Lane>& lane) {
  while (auto batch = lane->queue.take(lane->running, Clock::now())) {
    ++lane->running;
    gate_.spawn("embeddings: batch", run_batch(lane, std::move(*batch)));
  }
}

/// Sends batches as they come due, until nothing waits.
asio::awaitable<void> Embeddings::wake(std::shared_ptr<Lane> lane) {
  // After this turn of the loop: what other callers add in it is in the first batch.
  co_await asio::post(executor_, asio::use_awaitable);
  for (;;) {
    dispatch(lane);
    if (lane->queue.empty()) break;
    // A call that ends wakes this up, too; a due time that has passed means that all calls allowed are running.
    const auto due = lane->queue.due();
    lane->timer.expires_at(due > Clock::now() ? due : Clock::time_point::max());
    co_await lane->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) break;
  }
  lane->waking = false;
  if (lane->running == 0) lanes_.erase(lane->key);
}

asio::awaitable<void> Embeddings::run_batch(std::shared_ptr<Lane> lane, Leds leds) {
  struct Running {
    Embeddings& self;
    std::shared_ptr<Lane> lane;
    Running(Embeddings& embeddings, std::shared_ptr<Lane> l) : self(embeddings), lane(std::move(l)) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { end(); }
    void end() {
      if (!lane) return;
      --lane->running;
      if (lane->waking) {
        lane->timer.cancel();
      } else if (lane->running == 0) {
        self.lanes_.erase(lane->key);
      }
      lane.reset();
    }
  } running(*this, lane);
  const bool shared = std::ranges::any_of(leds, [&](const Led& led) { return led.job != leds.front().job; });
  if (shared) ++stats_.coalesced;

  // One input at fault among n is found by asking for halves, 2 log2 n times.
  auto splits_left = 2 * static_cast<int>(std::bit_width(leds.size()));
  std::vector<Leds> parts;
  parts.push_back(std::move(leds));
  while (!parts.empty()) {
    Leds part = std::move(parts.back());
    parts.pop_back();
    auto answer = co_await call_provider(part);
    if (!answer && about_the_input(answer.error()) && part.size() > 1 && splits_left > 0) {
      splits_left -= 2;
      ++stats_.split;
      const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
      parts.emplace_back(std::make_move_iterator(middle), std::make_move_iterator(part.end()));
      parts.emplace_back(std::make_move_iterator(part.begin()), std::make_move_iterator(middle));
      continue;
    }
    if (parts.empty()) running.end();
    if (!answer) {
      settle_failed(std::move(part), std::move(answer.error()));
      continue;
    }
    auto writes = settle_computed(part, std::move(*answer));
    // Only after the write do the leads go: until the values can be found in Redis, the flights themselves answer.
    if (!writes.empty()) co_await redis_.write(std::move(writes));
  }
}

asio::awaitable<Result<ProviderAnswer>> Embeddings::call_provider(const Leds& leds) {
  const Job& job = *leds.front().job;
  std::vector<const Input*> inputs;
  inputs.reserve(leds.size());
  for (const Led& led : leds) inputs.push_back(&led.input());
  ++stats_.provider_calls;
  auto answer = co_await job.provider->embed(job.choice, std::move(inputs), Clock::now() + options_.deadline);
  if (answer) {
    auto good = check_answer(*answer, leds.size(), job.choice.dimensions);
    if (!good) answer = std::unexpected(std::move(good.error()));
  }
  if (!answer) ++stats_.provider_failures;
  co_return answer;
}

void Embeddings::settle_failed(Leds leds, Error error) {
  Outcome outcome;
  outcome.state = Outcome::State::error;
  outcome.error = std::make_shared<const Error>(std::move(error));
  std::vector<Place> leased;
  for (Led& led : leds) {
    if (led.leased) leased.push_back(std::move(led.place));
    led.lead.settle(outcome);
  }
  if (!leased.empty()) gate_.spawn("embeddings: give back", redis_.give_back(std::move(leased)));
}

std::vector<RedisTier::Write> Embeddings::settle_computed(Leds& leds, ProviderAnswer answer) {
  ModelStats& of_model = stats_of(leds.front().job->choice.model);
  stats_.provider_inputs += leds.size();
  stats_.provider_tokens += answer.tokens;
  of_model.provider_inputs += leds.size();
  of_model.provider_tokens += answer.tokens;
  // The provider counts tokens for the batch; each input gets its part by its size, so that the parts add up.
  std::uint64_t weight_left = 0;
  for (const Led& led : leds) weight_left += weight_of(led.input());
  std::uint64_t tokens_left = answer.tokens;
  std::vector<RedisTier::Write> writes;
  for (std::size_t i = 0; i < leds.size(); ++i) {
    Led& led = leds[i];
    const CacheControl& control = led.job->control;
    auto& vector = answer.vectors[i];
    const std::uint64_t weight = weight_of(led.input());
    Outcome outcome;
    outcome.state = Outcome::State::value;
    outcome.source = Source::provider;
    outcome.tokens = tokens_left * weight / weight_left;
    tokens_left -= outcome.tokens;
    weight_left -= weight;
    round_as_written(vector, options_.precision);
    auto draft = HotCache::allocate(vector.size() * sizeof(float));
    std::memcpy(draft.bytes().data(), vector.data(), vector.size() * sizeof(float));
    if (control.mode == Mode::bypass) {
      outcome.vector = redis_.wrap(std::move(draft));
    } else {
      outcome.vector = redis_.keep(led.place.hot, std::move(draft), control.ttl);
      writes.push_back({std::move(led.place), outcome.vector, control.ttl, led.leased});
    }
    led.lead.settle(std::move(outcome));
  }
  return writes;
}

}  // namespace inkwell::embeddings
