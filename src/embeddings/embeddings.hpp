// Embeddings: vectors of inputs, each computed once. One instance a worker, on that worker's executor (one thread);
// what all workers share, the hot tier and the flights, is in Shared, which outlives them.
//
// The way of one input: key -> hot tier -> flight (single flight in the process) -> Redis, one pipelined read for all
// inputs of the request that got so far -> a lease in Redis (single flight across processes) -> a batch, with inputs of
// other requests -> provider -> both tiers -> the place in the answer it has in the request. The part behind the flight
// runs in tasks of this object's own: a caller that is cancelled, or gone, cancels nobody's work, and what it asked for
// is still cached.
//
// When Redis is slow or gone, reads are skipped (after redis_read_timeout, or at once when the link is down) and writes
// are dropped, both counted. A value in Redis that is damaged or foreign counts as a miss and is overwritten.
//
// A batch that the provider refuses for its input (400, 413, 422) is asked for again in halves until the input at fault
// is alone: what is wrong with one request is not told another that happened to share its batch.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/hot_cache.hpp>

#include "base/gate.hpp"
#include "embeddings/hot_set.hpp"
#include "embeddings/input.hpp"
#include "embeddings/job.hpp"
#include "embeddings/key.hpp"
#include "embeddings/options.hpp"
#include "embeddings/providers/provider.hpp"
#include "embeddings/redis_tier.hpp"
#include "embeddings/shared.hpp"
#include "embeddings/stats.hpp"
#include "keyspace/store.hpp"

namespace inkwell::embeddings {

/// The built-in embedder, and the upstreams where `options` has some.
std::vector<std::unique_ptr<Provider>> make_providers(boost::asio::any_io_executor executor, const Options& options);

/// Vector i (float32) is that of input i.
struct Answer {
  std::vector<HotCache::Handle> vectors;
  std::uint64_t tokens = 0;  ///< counted by the provider for what this call made it compute; hits cost nothing
  std::size_t hot = 0;       ///< inputs found in the hot tier ...
  std::size_t redis = 0;     ///< ... in Redis ...
  std::size_t missed = 0;    ///< ... and computed, for this call or for another at the same time
};

class Embeddings {
 public:
  /// `store` and `shared` outlive it. `providers` are asked in order which of them serves a model.
  Embeddings(boost::asio::any_io_executor executor, keyspace::Store& store, Shared& shared, Options options,
             std::vector<std::unique_ptr<Provider>> providers);
  Embeddings(const Embeddings&) = delete;
  Embeddings& operator=(const Embeddings&) = delete;
  /// close() must have been awaited.
  ~Embeddings();

  /// The vectors of `inputs`, at least one. All or an error; what did work is cached even then. Errors: not_found
  /// (model_not_found), invalid_argument (the provider refuses an input; param says which field), overloaded, upstream,
  /// unavailable, deadline_exceeded. Cancellation (terminal): the caller leaves, the work goes on.
  boost::asio::awaitable<Result<Answer>> embed(ModelChoice choice, std::vector<Input> inputs,
                                               CacheControl control = {});

  /// Fills the hot tier with what was hot before, in the background (Options::warm_limit). Once, by one worker.
  void warm();

  /// Known models, those of the first provider first.
  std::vector<std::string> models() const;
  const Stats& stats() const noexcept { return stats_; }

  /// Abandons what is being fetched (callers on other workers then fetch it themselves) and waits for its end. embed()
  /// must not be called any more.
  boost::asio::awaitable<void> close();

 private:
  struct Lane;
  using Clock = std::chrono::steady_clock;
  using Leds = std::vector<Led>;

  Provider* provider_of(std::string_view model) const noexcept;
  std::shared_ptr<Job> make_job(Provider& provider, ModelChoice choice, std::vector<Input> inputs,
                                CacheControl control);
  void take_hot(Job& job);
  boost::asio::awaitable<Result<void>> take_flights(std::shared_ptr<Job> job);
  Result<Leds> join_flights(const std::shared_ptr<Job>& job, const std::vector<std::size_t>& missing,
                            const std::shared_ptr<Waiting>& waiting);

  // Behind the flights; each takes what it is given on towards the provider.
  boost::asio::awaitable<void> fetch(Leds leds);
  boost::asio::awaitable<Leds> read_redis(Leds leds);
  boost::asio::awaitable<Leds> claim(Leds leds);
  boost::asio::awaitable<void> wait_for_others(Leds leds);
  void enqueue(Leds leds);
  std::shared_ptr<Lane> lane_of(const Led& led);
  void dispatch(const std::shared_ptr<Lane>& lane);
  boost::asio::awaitable<void> wake(std::shared_ptr<Lane> lane);
  boost::asio::awaitable<void> run_batch(std::shared_ptr<Lane> lane, Leds leds);
  boost::asio::awaitable<Result<ProviderAnswer>> call_provider(const Leds& leds);
  void settle_failed(Leds leds, Error error);
  std::vector<RedisTier::Write> settle_computed(Leds& leds, ProviderAnswer answer);

  Answer assemble(const Job& job);
  void note_use(const Job& job);
  boost::asio::awaitable<void> write_hot_set();
  ModelStats& stats_of(std::string_view model);

  boost::asio::any_io_executor executor_;
  Shared& shared_;
  const Options options_;
  std::vector<std::unique_ptr<Provider>> providers_;
  Digester digest_;
  Stats stats_;
  const std::uint64_t seed_;  ///< of the names of flights that nobody shares
  std::unordered_map<Digest256, std::shared_ptr<Lane>, DigestHash> lanes_;  ///< those in use
  Gate gate_;
  RedisTier redis_;
  HotSet hot_set_;
};

}  // namespace inkwell::embeddings
