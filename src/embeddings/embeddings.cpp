#include "embeddings/embeddings.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/random.hpp"
#include "embeddings/providers/fallback_provider.hpp"
#include "embeddings/providers/lexical_provider.hpp"

namespace inkwell::embeddings {
namespace {

namespace asio = boost::asio;

// How often a caller starts anew because whoever fetched for it was cancelled.
constexpr int kMaxRounds = 3;

/// Leaves the flights when the waiting coroutine ends, however it ends.
class Leaver {
 public:
  explicit Leaver(std::shared_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  Leaver(const Leaver&) = delete;
  Leaver& operator=(const Leaver&) = delete;
  ~Leaver() { waiting_->leave(); }

 private:
  std::shared_ptr<Waiting> waiting_;
};

/// Flights of callers that don't want what is cached are apart from those of callers that do, and those of callers that
/// want to leave no trace from all others.
Digest256 flight_of(const Digest256& key, CacheControl::Mode mode, std::uint64_t number) {
  Digest256 flight = key;
  if (mode == CacheControl::Mode::use) return flight;
  flight.bytes[0] ^= std::byte{0x5a};
  flight.bytes[1] ^= std::byte{0xa5};
  if (mode == CacheControl::Mode::refresh) return flight;
  for (std::size_t i = 0; i < sizeof number; ++i) flight.bytes[2 + i] ^= static_cast<std::byte>(number >> (8 * i));
  return flight;
}

}  // namespace

std::vector<std::unique_ptr<Provider>> make_providers(asio::any_io_executor executor, const Options& options) {
  std::vector<std::unique_ptr<Provider>> providers;
  providers.push_back(std::make_unique<LexicalProvider>(options.lexical_dimensions));
  if (!options.upstreams.empty()) {
    providers.push_back(std::make_unique<FallbackProvider>(executor, options.upstreams));
  }
  return providers;
}

Embeddings::Embeddings(asio::any_io_executor executor, keyspace::Store& store, Shared& shared, Options options,
                       std::vector<std::unique_ptr<Provider>> providers)
    : executor_(executor),
      shared_(shared),
      options_(std::move(options)),
      providers_(std::move(providers)),
      seed_(random_seed()),
      gate_(executor),
      redis_(store, shared.hot, options_, gate_, stats_),
      hot_set_(store, redis_, shared.hot, options_, stats_) {}

Embeddings::~Embeddings() = default;

asio::awaitable<void> Embeddings::close() {
  co_await gate_.close();
  lanes_.clear();  // abandons what waits there
  co_await redis_.give_all_back();
  co_await hot_set_.write();
}

void Embeddings::warm() { gate_.spawn("embeddings: warm", hot_set_.warm(models())); }

// One use in so many is enough to tell what is hot.
void Embeddings::note_use(const Job& job) {
  constexpr std::uint64_t kSample = 4;
  if (job.control.mode == CacheControl::Mode::bypass) return;
  bool due = false;
  for (std::size_t i = stats_.calls % kSample; i < job.needs.size(); i += kSample) {
    due = hot_set_.note(job.choice, job.needs[i].digest) || due;
  }
  if (due) gate_.spawn("embeddings: hot set", write_hot_set());
}

asio::awaitable<void> Embeddings::write_hot_set() {
  asio::steady_timer timer(executor_, options_.hot_set_interval);
  co_await timer.async_wait(asio::use_awaitable);
  co_await hot_set_.write();
}

std::vector<std::string> Embeddings::models() const {
  std::vector<std::string> all;
  for (const auto& provider : providers_) {
    auto some = provider->models();
    std::ranges::move(some, std::back_inserter(all));
  }
  return all;
}

Provider* Embeddings::provider_of(std::string_view model) const noexcept {
  for (const auto& provider : providers_) {
    if (provider->serves(model)) return provider.get();
  }
  return nullptr;
}

asio::awaitable<Result<Answer>> Embeddings::embed(ModelChoice choice, std::vector<Input> inputs, CacheControl control) {
  ++stats_.calls;
  stats_.inputs += inputs.size();
  ++stats_.failed_calls;  // taken back when it has worked: an exception or a cancellation is a failure, too
  Provider* const provider = provider_of(choice.model);
  if (!provider) {
    auto remedy = fmt::format("Available: {}.", fmt::join(models(), ", "));
    co_return std::unexpected<Error>(Error(ErrorKind::not_found, "model_not_found",
                                           fmt::format("The model '{}' does not exist here.", choice.model),
                                           std::move(remedy))
                                         .with_param("model"));
  }
  auto accepted = provider->accept(std::move(choice), inputs);
  if (!accepted) co_return std::unexpected(std::move(accepted.error()));
  const auto job = make_job(*provider, std::move(*accepted), std::move(inputs), control);
  if (control.mode == CacheControl::Mode::use) take_hot(*job);
  auto fetched = co_await take_flights(job);
  if (!fetched) co_return std::unexpected(std::move(fetched.error()));
  --stats_.failed_calls;
  note_use(*job);
  co_return assemble(*job);
}

std::shared_ptr<Job> Embeddings::make_job(Provider& provider, ModelChoice choice, std::vector<Input> inputs,
                                          CacheControl control) {
  auto job = std::make_shared<Job>();
  job->provider = &provider;
  job->choice = std::move(choice);
  if (job->choice.tenant == redis_.tenant()) job->choice.tenant.clear();  // one name for one place
  job->control = control;
  job->inputs = std::move(inputs);
  job->need_of.reserve(job->inputs.size());
  const Digest256 choice_digest = digest_.choice(job->choice);
  const std::uint64_t number = seed_ + stats_.calls;
  std::unordered_map<Digest256, std::size_t, DigestHash> seen;
  for (std::size_t i = 0; i < job->inputs.size(); ++i) {
    const Digest256 digest = digest_(job->inputs[i]);
    const auto [place, is_new] = seen.try_emplace(digest, job->needs.size());
    if (is_new) {
      Need& need = job->needs.emplace_back();
      need.digest = digest;
      need.key = hot_key(digest, choice_digest);
      need.flight = flight_of(need.key, control.mode, number);
      need.input = i;
    }
    job->need_of.push_back(place->second);
  }
  return job;
}

void Embeddings::take_hot(Job& job) {
  const auto now = Clock::now();
  for (Need& need : job.needs) need.vector = shared_.hot.get(need.key, now);
}

asio::awaitable<Result<void>> Embeddings::take_flights(std::shared_ptr<Job> job) {
  const auto deadline = Clock::now() + options_.deadline;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < job->needs.size(); ++i) {
      if (!job->needs[i].vector) missing.push_back(i);
    }
    if (missing.empty()) co_return Result<void>();
    const auto waiting = std::make_shared<Waiting>(executor_, shared_.flights, missing.size());
    const Leaver leaver(waiting);
    auto leds = join_flights(job, missing, waiting);
    if (!leds) co_return std::unexpected(std::move(leds.error()));
    if (!leds->empty()) gate_.spawn("embeddings: fetch", fetch(std::move(*leds)));
    const bool landed = co_await waiting->wait(deadline);
    for (std::size_t i = 0; i < missing.size(); ++i) {
      const Outcome& outcome = waiting->outcome(i);
      if (!landed && outcome.state == Outcome::State::pending) continue;
      if (outcome.state == Outcome::State::error) co_return std::unexpected(*outcome.error);
      if (outcome.state != Outcome::State::value) continue;
      Need& need = job->needs[missing[i]];
      need.vector = outcome.vector;
      need.source = outcome.source;
      need.tokens = need.led ? outcome.tokens : 0;
    }
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (!landed && cancellation.cancelled() != asio::cancellation_type::none) {
      co_return fail(ErrorKind::cancelled, "cancelled", "The request was cancelled.");
    }
    if (!landed) {
      co_return fail(ErrorKind::deadline_exceeded, "embedding_deadline_exceeded",
                     "The embeddings did not come within the time allowed.", "Try again: what did come is kept.");
    }
  }
  co_return fail(ErrorKind::unavailable, "embedding_abandoned",
                 "The embeddings were abandoned: the server is stopping.", "Try again.");
}

Result<Embeddings::Leds> Embeddings::join_flights(const std::shared_ptr<Job>& job,
                                                  const std::vector<std::size_t>& missing,
                                                  const std::shared_ptr<Waiting>& waiting) {
  if (stats_.in_flight + missing.size() > options_.max_in_flight) {
    return std::unexpected<Error>(
        Error(ErrorKind::overloaded, "too_many_embeddings", "Too many embeddings are being fetched already.")
            .with_retry_after(std::chrono::seconds(1)));
  }
  Leds leds;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    Need& need = job->needs[missing[i]];
    auto lead = shared_.flights.join(need.flight, waiting, i);
    need.led = lead.has_value();
    if (!lead) {
      ++stats_.shared_flights;
      continue;
    }
    // Another flight of this input may have landed between the look into the hot tier and the join.
    const auto now = Clock::now();
    if (job->control.mode == CacheControl::Mode::use && shared_.hot.contains(need.key, now)) {
      Outcome outcome;
      outcome.vector = shared_.hot.get(need.key, now);
      outcome.source = Source::hot;
      outcome.state = outcome.vector ? Outcome::State::value : Outcome::State::pending;
      if (outcome.vector) {
        lead->settle(std::move(outcome));
        continue;
      }
    }
    leds.push_back(Led{std::move(*lead), Counted(stats_.in_flight), job, missing[i],
                       redis_.place_of(job->choice, need.digest, need.key)});
  }
  return leds;
}

Answer Embeddings::assemble(const Job& job) {
  Answer answer;
  answer.vectors.reserve(job.inputs.size());
  for (const std::size_t index : job.need_of) {
    const Need& need = job.needs[index];
    answer.vectors.push_back(need.vector);
    ++(need.source == Source::hot ? answer.hot : need.source == Source::redis ? answer.redis : answer.missed);
  }
  for (const Need& need : job.needs) answer.tokens += need.tokens;
  stats_.hot_hits += answer.hot;
  stats_.redis_hits += answer.redis;
  stats_.misses += answer.missed;
  ModelStats& of_model = stats_of(job.choice.model);
  of_model.hot_hits += answer.hot;
  of_model.redis_hits += answer.redis;
  of_model.misses += answer.missed;
  return answer;
}

ModelStats& Embeddings::stats_of(std::string_view model) {
  if (const auto found = stats_.models.find(model); found != stats_.models.end()) return found->second;
  if (stats_.models.size() >= Stats::kMaxModels) model = {};
  return stats_.models[std::string(model)];
}

}  // namespace inkwell::embeddings
