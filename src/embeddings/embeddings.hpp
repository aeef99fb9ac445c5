// Embeddings: vectors of inputs, each computed once. One instance a worker, on that worker's executor (one thread);
// what all workers share, the hot tier and the flights, is in Shared, which outlives them.
//
// The way of one input: key -> hot tier -> flight (single flight in the process) -> Redis, one pipelined read for all
// inputs of the request that got so far -> provider, in batches -> both tiers -> the place in the answer it has in the
// request. The part behind the flight runs in tasks of this object's own: a caller that is cancelled, or gone, cancels
// nobody's work, and what it asked for is still cached.
//
// When Redis is slow or gone, reads are skipped (after redis_read_timeout, or at once when the link is down) and writes
// are dropped, both counted. A value in Redis that is damaged or foreign counts as a miss and is overwritten.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/hot_cache.hpp>

#include "base/gate.hpp"
#include "embeddings/input.hpp"
#include "embeddings/key.hpp"
#include "embeddings/options.hpp"
#include "embeddings/providers/provider.hpp"
#include "embeddings/shared.hpp"
#include "embeddings/stats.hpp"
#include "keyspace/store.hpp"

namespace inkwell::embeddings {

/// The built-in embedder, and the upstream where `options` has one.
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
  boost::asio::awaitable<Result<Answer>> embed(ModelChoice choice, std::vector<Input> inputs);

  /// Known models, those of the first provider first.
  std::vector<std::string> models() const;
  Stats stats() const noexcept;

  /// Abandons what is being fetched (callers on other workers then fetch it themselves) and waits for its end. embed()
  /// must not be called any more.
  boost::asio::awaitable<void> close();

 private:
  struct Job;   // what one call of embed() asks for
  struct Need;  // a distinct input of a job
  struct Led;   // a need whose flight this worker leads
  using Clock = std::chrono::steady_clock;

  keyspace::Keys keys_for(const ModelChoice& choice) const;
  Provider* provider_of(std::string_view model) const noexcept;
  std::shared_ptr<Job> make_job(Provider& provider, ModelChoice choice, std::vector<Input> inputs);
  void take_hot(Job& job);
  boost::asio::awaitable<Result<void>> take_flights(std::shared_ptr<Job> job);
  Result<std::vector<Led>> join_flights(const std::shared_ptr<Job>& job, const std::vector<std::size_t>& missing,
                                        const std::shared_ptr<Waiting>& waiting);
  boost::asio::awaitable<void> fetch(std::shared_ptr<Job> job, std::vector<Led> leds);
  bool redis_is_worth_asking() const;
  boost::asio::awaitable<std::vector<Led>> read_redis(std::shared_ptr<Job> job, std::vector<Led> leds);
  bool take_stored(const Job& job, Led& led, std::string_view bytes, std::vector<keyspace::Store::Entry>& stale);
  boost::asio::awaitable<void> compute(std::shared_ptr<Job> job, std::vector<Led> leds);
  void settle_computed(std::vector<Led>& leds, const Job& job, const ProviderAnswer& answer);
  boost::asio::awaitable<void> write_redis(std::vector<keyspace::Store::Entry> entries);
  keyspace::Store::Entry entry_of(const Job& job, const Led& led, std::span<const float> vector);
  HotCache::Handle keep_hot(const Digest256& key, HotCache::Draft draft, std::chrono::sys_seconds written_at);
  Answer assemble(const Job& job);

  boost::asio::any_io_executor executor_;
  keyspace::Store& store_;
  Shared& shared_;
  const Options options_;
  std::vector<std::unique_ptr<Provider>> providers_;
  Digester digest_;
  std::mt19937_64 random_;
  Stats stats_;
  Gate gate_;
};

}  // namespace inkwell::embeddings
