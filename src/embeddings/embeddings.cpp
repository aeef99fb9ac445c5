#include "embeddings/embeddings.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "base/random.hpp"
#include "embeddings/providers/lexical_provider.hpp"
#include "embeddings/providers/openai_provider.hpp"
#include "embeddings/value.hpp"

namespace inkwell::embeddings {
namespace {

namespace asio = boost::asio;

// How often a caller starts anew because whoever fetched for it was cancelled.
constexpr int kMaxRounds = 3;

std::chrono::sys_seconds wall_clock_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::size_t weight_of(const Input& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return text->size() + 1;
  return std::get<Tokens>(input).size() * 4 + 1;
}

/// Counts an input as in flight as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(&count) { ++count; }
  Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (count_) --*count_;
  }

 private:
  std::size_t* count_;
};

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

}  // namespace

struct Embeddings::Need {
  Digest256 digest;  ///< of the input, for Redis
  Digest256 key;     ///< with model and dimensions, for the hot tier and the flights
  std::size_t input = 0;
  HotCache::Handle vector;
  Source source = Source::hot;
  std::uint64_t tokens = 0;
  bool led = false;
};

struct Embeddings::Job {
  Provider* provider = nullptr;
  ModelChoice choice;
  std::vector<Input> inputs;
  std::vector<Need> needs;           // distinct
  std::vector<std::size_t> need_of;  // by input
};

struct Embeddings::Led {
  FlightTable::Lead lead;
  std::size_t need;
  Counted counted;
};

std::vector<std::unique_ptr<Provider>> make_providers(asio::any_io_executor executor, const Options& options) {
  std::vector<std::unique_ptr<Provider>> providers;
  providers.push_back(std::make_unique<LexicalProvider>(options.lexical_dimensions));
  if (options.upstream) providers.push_back(std::make_unique<OpenAiProvider>(executor, *options.upstream));
  return providers;
}

Embeddings::Embeddings(asio::any_io_executor executor, keyspace::Store& store, Shared& shared, Options options,
                       std::vector<std::unique_ptr<Provider>> providers)
    : executor_(executor),
      store_(store),
      shared_(shared),
      options_(std::move(options)),
      providers_(std::move(providers)),
      random_(random_seed()),
      gate_(executor) {}

Embeddings::~Embeddings() = default;

asio::awaitable<void> Embeddings::close() { co_await gate_.close(); }

Stats Embeddings::stats() const noexcept { return stats_; }

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

asio::awaitable<Result<Answer>> Embeddings::embed(ModelChoice choice, std::vector<Input> inputs) {
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
  const auto job = make_job(*provider, std::move(*accepted), std::move(inputs));
  take_hot(*job);
  auto fetched = co_await take_flights(job);
  if (!fetched) co_return std::unexpected(std::move(fetched.error()));
  --stats_.failed_calls;
  co_return assemble(*job);
}

keyspace::Keys Embeddings::keys_for(const ModelChoice& choice) const {
  return choice.tenant.empty() ? store_.keys() : store_.keys().of(choice.tenant);
}

std::shared_ptr<Embeddings::Job> Embeddings::make_job(Provider& provider, ModelChoice choice,
                                                      std::vector<Input> inputs) {
  auto job = std::make_shared<Job>();
  job->provider = &provider;
  job->choice = std::move(choice);
  job->inputs = std::move(inputs);
  job->need_of.reserve(job->inputs.size());
  const Digest256 choice_digest = digest_.choice(job->choice);
  std::unordered_map<Digest256, std::size_t, DigestHash> seen;
  for (std::size_t i = 0; i < job->inputs.size(); ++i) {
    const Digest256 digest = digest_(job->inputs[i]);
    const auto [place, is_new] = seen.try_emplace(digest, job->needs.size());
    if (is_new) {
      Need& need = job->needs.emplace_back();
      need.digest = digest;
      need.key = hot_key(digest, choice_digest);
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
    if (!leds->empty()) gate_.spawn("embeddings: fetch", fetch(job, std::move(*leds)));
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

Result<std::vector<Embeddings::Led>> Embeddings::join_flights(const std::shared_ptr<Job>& job,
                                                              const std::vector<std::size_t>& missing,
                                                              const std::shared_ptr<Waiting>& waiting) {
  if (stats_.in_flight + missing.size() > options_.max_in_flight) {
    return std::unexpected<Error>(
        Error(ErrorKind::overloaded, "too_many_embeddings", "Too many embeddings are being fetched already.")
            .with_retry_after(std::chrono::seconds(1)));
  }
  std::vector<Led> leds;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    Need& need = job->needs[missing[i]];
    auto lead = shared_.flights.join(need.key, waiting, i);
    need.led = lead.has_value();
    if (!lead) {
      ++stats_.shared_flights;
      continue;
    }
    // Another flight of this input may have landed between the look into the hot tier and the join.
    const auto now = Clock::now();
    if (shared_.hot.contains(need.key, now)) {
      Outcome outcome;
      outcome.vector = shared_.hot.get(need.key, now);
      outcome.source = Source::hot;
      outcome.state = outcome.vector ? Outcome::State::value : Outcome::State::pending;
      if (outcome.vector) {
        lead->settle(std::move(outcome));
        continue;
      }
    }
    leds.push_back(Led{std::move(*lead), missing[i], Counted(stats_.in_flight)});
  }
  return leds;
}

asio::awaitable<void> Embeddings::fetch(std::shared_ptr<Job> job, std::vector<Led> leds) {
  auto missing = co_await read_redis(job, std::move(leds));
  const std::size_t batch = job->provider->max_batch();
  for (std::size_t start = 0; start < missing.size(); start += batch) {
    std::vector<Led> some;
    const std::size_t end = std::min(start + batch, missing.size());
    for (std::size_t i = start; i < end; ++i) some.push_back(std::move(missing[i]));
    gate_.spawn("embeddings: compute", compute(job, std::move(some)));
  }
}

// Not while the link is down; but while it is being made for the first time, which takes a moment after the start.
bool Embeddings::redis_is_worth_asking() const {
  if (store_.client().connected()) return true;
  const auto link = store_.client().stats();
  return link.connects == 0 && link.connect_failures == 0;
}

asio::awaitable<std::vector<Embeddings::Led>> Embeddings::read_redis(std::shared_ptr<Job> job, std::vector<Led> leds) {
  if (!redis_is_worth_asking()) {
    stats_.redis_reads_failed += leds.size();
    co_return std::move(leds);
  }
  const auto keys_of_tenant = keys_for(job->choice);
  std::vector<keyspace::Key> keys;
  keys.reserve(leds.size());
  for (const Led& led : leds) {
    keys.push_back(
        keys_of_tenant.embedding(job->choice.model, job->choice.dimensions, hex(job->needs[led.need].digest)));
  }
  redis::CallOptions call;
  call.timeout = options_.redis_read_timeout;
  const auto replies = co_await store_.get_all(keys, call);
  std::vector<Led> missing;
  std::vector<keyspace::Store::Entry> stale;
  for (std::size_t i = 0; i < leds.size(); ++i) {
    const auto& reply = replies[i];
    if (!reply) ++stats_.redis_reads_failed;
    const bool found = reply && !reply->view().is_null();
    if (!found || !take_stored(*job, leds[i], reply->view().text(), stale)) missing.push_back(std::move(leds[i]));
  }
  if (!stale.empty()) {
    stats_.refreshed += stale.size();
    gate_.spawn("embeddings: refresh", write_redis(std::move(stale)));
  }
  co_return missing;
}

bool Embeddings::take_stored(const Job& job, Led& led, std::string_view bytes,
                             std::vector<keyspace::Store::Entry>& stale) {
  const auto& key = job.needs[led.need].key;
  auto value = decode_value(key, bytes, job.choice.dimensions);
  if (!value) {
    ++stats_.damaged;
    return false;
  }
  Outcome outcome;
  outcome.state = Outcome::State::value;
  outcome.source = Source::redis;
  outcome.vector = keep_hot(key, std::move(value->vector), value->written_at);
  if (wall_clock_now() - value->written_at > options_.lifetime / 2) {
    stale.push_back(entry_of(job, led, outcome.vector.as<float>()));
  }
  led.lead.settle(std::move(outcome));
  return true;
}

asio::awaitable<void> Embeddings::compute(std::shared_ptr<Job> job, std::vector<Led> leds) {
  std::vector<const Input*> inputs;
  inputs.reserve(leds.size());
  for (const Led& led : leds) inputs.push_back(&job->inputs[job->needs[led.need].input]);
  const auto deadline = Clock::now() + options_.deadline;
  ++stats_.provider_calls;
  auto answer = co_await job->provider->embed(job->choice, std::move(inputs), deadline);
  if (answer) {
    auto good = check_answer(*answer, leds.size(), job->choice.dimensions);
    if (!good) answer = std::unexpected(std::move(good.error()));
  }
  if (!answer) {
    ++stats_.provider_failures;
    Outcome outcome;
    outcome.state = Outcome::State::error;
    outcome.error = std::make_shared<const Error>(std::move(answer.error()));
    for (Led& led : leds) led.lead.settle(outcome);
    co_return;
  }
  settle_computed(leds, *job, *answer);
  std::vector<keyspace::Store::Entry> entries;
  entries.reserve(leds.size());
  for (std::size_t i = 0; i < leds.size(); ++i) entries.push_back(entry_of(*job, leds[i], answer->vectors[i]));
  co_await write_redis(std::move(entries));
  // Only now do the leads go: until the values can be found in Redis, the flights themselves answer.
}

void Embeddings::settle_computed(std::vector<Led>& leds, const Job& job, const ProviderAnswer& answer) {
  stats_.provider_inputs += leds.size();
  stats_.provider_tokens += answer.tokens;
  // The provider counts tokens for the batch; each input gets its part by its size, so that the parts add up.
  std::uint64_t weight_left = 0;
  for (const Led& led : leds) weight_left += weight_of(job.inputs[job.needs[led.need].input]);
  std::uint64_t tokens_left = answer.tokens;
  const auto now = wall_clock_now();
  for (std::size_t i = 0; i < leds.size(); ++i) {
    const Need& need = job.needs[leds[i].need];
    const auto& vector = answer.vectors[i];
    const std::uint64_t weight = weight_of(job.inputs[need.input]);
    Outcome outcome;
    outcome.state = Outcome::State::value;
    outcome.source = Source::provider;
    outcome.tokens = tokens_left * weight / weight_left;
    tokens_left -= outcome.tokens;
    weight_left -= weight;
    auto draft = HotCache::allocate(vector.size() * sizeof(float));
    std::memcpy(draft.bytes().data(), vector.data(), vector.size() * sizeof(float));
    outcome.vector = keep_hot(need.key, std::move(draft), now);
    leds[i].lead.settle(std::move(outcome));
  }
}

asio::awaitable<void> Embeddings::write_redis(std::vector<keyspace::Store::Entry> entries) {
  const std::size_t count = entries.size();
  if (!redis_is_worth_asking()) {
    stats_.redis_writes_dropped += count;
    co_return;
  }
  redis::CallOptions call;
  call.timeout = options_.redis_write_timeout;
  const auto replies = co_await store_.set_all(std::move(entries), call);
  for (const auto& reply : replies) {
    if (!reply) ++stats_.redis_writes_dropped;
  }
}

keyspace::Store::Entry Embeddings::entry_of(const Job& job, const Led& led, std::span<const float> vector) {
  const Need& need = job.needs[led.need];
  const double jitter = keyspace::rule(keyspace::Family::embedding).jitter_per_mille / 1000.0;
  const double factor = 1.0 + jitter * std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  const std::chrono::duration<double, std::milli> lifetime(static_cast<double>(options_.lifetime.count()) * factor);
  return {keys_for(job.choice).embedding(job.choice.model, job.choice.dimensions, hex(need.digest)),
          encode_value(need.key, vector, wall_clock_now()),
          std::chrono::duration_cast<std::chrono::milliseconds>(lifetime)};
}

HotCache::Handle Embeddings::keep_hot(const Digest256& key, HotCache::Draft draft,
                                      std::chrono::sys_seconds written_at) {
  using std::chrono::milliseconds;
  const milliseconds age = std::chrono::duration_cast<milliseconds>(wall_clock_now() - written_at);
  const milliseconds left = std::clamp(options_.lifetime - age, milliseconds(0), options_.hot_ttl);
  const auto now = Clock::now();
  return shared_.hot.put(key, std::move(draft), now + left, now);
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
  return answer;
}

}  // namespace inkwell::embeddings
