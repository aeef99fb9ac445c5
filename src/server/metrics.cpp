#include "server/metrics.hpp"

#include "server/http_stats.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using telemetry::Exposition;

double number(std::uint64_t value) { return static_cast<double>(value); }

template <class Read>
double sum(const Shared& shared, Read read) {
  std::uint64_t total = 0;
  for (const auto& worker : shared.workers) total += read(*worker);
  return number(total);
}

/// Series that never counted are left out: most routes know few of the statuses.
void expose_route(Exposition& out, const Shared& shared, std::size_t index, const std::string& method,
                  const std::string& path) {
  for (std::size_t i = 0; i < kCountedStatuses.size(); ++i) {
    const double count =
        sum(shared, [&](Worker& worker) { return worker.http_stats().route(index).by_status[i].value(); });
    if (count == 0) continue;
    const auto status = kCountedStatuses[i] == 0 ? std::string("other") : std::to_string(kCountedStatuses[i]);
    out.counter("inkwell_http_requests_total", "Requests answered, by route template; HEAD counts as its GET.", count,
                {{"method", method}, {"route", path}, {"status", status}});
  }
}

void expose_duration(Exposition& out, const Shared& shared, std::size_t index, const std::string& method,
                     const std::string& path) {
  telemetry::Histogram::Snapshot total;
  for (const auto& worker : shared.workers) worker->http_stats().route(index).duration.add_to(total);
  if (total.count == 0) return;
  out.histogram("inkwell_http_request_duration_seconds", "From a request's header to the last byte of its answer.",
                total, {{"method", method}, {"route", path}});
}

template <class Expose>
void each_route(const Shared& shared, Expose expose) {
  for (const Route& route : shared.router.routes()) {
    const auto method = method_name(route.method);
    expose(route.index, std::string(method.data(), method.size()), route.path);
  }
  expose(shared.router.routes().size(), std::string("any"), std::string("unmatched"));
}

void expose_http(Exposition& out, const Shared& shared) {
  each_route(shared, [&](std::size_t index, const std::string& method, const std::string& path) {
    expose_route(out, shared, index, method, path);
  });
  each_route(shared, [&](std::size_t index, const std::string& method, const std::string& path) {
    expose_duration(out, shared, index, method, path);
  });
  const auto total = [&](const char* name, const char* help, telemetry::Counter HttpStats::* counter) {
    out.counter(name, help, sum(shared, [&](Worker& worker) { return (worker.http_stats().*counter).value(); }));
  };
  const auto ended = sum(shared, [](Worker& worker) { return worker.http_stats().ended.value(); });
  const auto begun = sum(shared, [](Worker& worker) { return worker.http_stats().begun.value(); });
  out.gauge("inkwell_http_requests_in_flight", "Requests read and not yet answered, event streams not included.",
            begun - ended);
  out.gauge("inkwell_http_connections", "Connections open now, streams included.",
            number(shared.connections.load(std::memory_order_relaxed)));
  total("inkwell_http_connections_accepted_total", "Connections accepted.", &HttpStats::accepted);
  total("inkwell_http_connections_refused_total", "Connections over the limit.", &HttpStats::refused);
  total("inkwell_http_connections_taken_over_total", "Connections that became event streams.", &HttpStats::taken_over);
  total("inkwell_http_handler_exceptions_total", "Exceptions that escaped a handler: bugs.",
        &HttpStats::handler_throws);
  total("inkwell_http_sent_bytes_total", "Bytes of answers, without event streams.", &HttpStats::bytes_sent);
  total("inkwell_http_body_read_bytes_total", "Bytes of request bodies.", &HttpStats::body_bytes_read);
}

void expose_redis(Exposition& out, const Shared& shared) {
  std::vector<redis::ClientStats> all;
  all.reserve(shared.workers.size());
  for (const auto& worker : shared.workers) all.push_back(worker->part_stats().redis);
  const auto counter = [&](const char* name, const char* help, std::uint64_t redis::ClientStats::* field) {
    std::uint64_t value = 0;
    for (const auto& stats : all) value += stats.*field;
    out.counter(name, help, number(value));
  };
  std::size_t connected = 0;
  std::size_t pending = 0;
  std::size_t open = 0;
  for (const auto& stats : all) {
    connected += stats.connected ? 1 : 0;
    pending += stats.pending;
    open += stats.breaker == redis::BreakerState::closed ? 0 : 1;
  }
  using Stats = redis::ClientStats;
  out.gauge("inkwell_redis_connected", "Workers whose Redis link is up.", number(connected));
  out.gauge("inkwell_redis_pending", "Commands waiting for their answer now.", number(pending));
  out.gauge("inkwell_redis_circuit_open", "Workers whose circuit breaker is open or probing.", number(open));
  counter("inkwell_redis_requests_total", "Commands accepted.", &Stats::requests);
  counter("inkwell_redis_replies_total", "Answers matched to a command.", &Stats::replies);
  counter("inkwell_redis_errors_total", "Answers that were errors of the server.", &Stats::errors);
  counter("inkwell_redis_timeouts_total", "Deadlines that ran out.", &Stats::timeouts);
  counter("inkwell_redis_unknown_outcomes_total", "Calls that ended with an unknown outcome.", &Stats::unknown);
  counter("inkwell_redis_resent_total", "Idempotent commands sent again after a loss.", &Stats::resent);
  counter("inkwell_redis_rejected_total", "Commands refused because a queue was full.", &Stats::rejected);
  counter("inkwell_redis_circuit_opened_total", "Circuit breakers that opened.", &Stats::breaker_opened);
  counter("inkwell_redis_circuit_refused_total", "Commands refused by an open circuit breaker.",
          &Stats::breaker_refused);
  counter("inkwell_redis_connects_total", "Successful handshakes.", &Stats::connects);
  counter("inkwell_redis_connect_failures_total", "Failed attempts to connect.", &Stats::connect_failures);
  counter("inkwell_redis_writes_total", "Write system calls.", &Stats::writes);
  counter("inkwell_redis_written_bytes_total", "Bytes written.", &Stats::bytes_written);
  counter("inkwell_redis_read_bytes_total", "Bytes read.", &Stats::bytes_read);
}

void expose_commits(Exposition& out, const Shared& shared) {
  keyspace::CommitStats sum;
  for (const auto& worker : shared.workers) {
    const auto commits = worker->part_stats().commits;
    sum.confirmed += commits.confirmed;
    sum.unconfirmed += commits.unconfirmed;
    sum.waits += commits.waits;
  }
  out.counter("inkwell_redis_confirmed_writes_total", "Writes confirmed by replicas or the append-only file.",
              number(sum.confirmed));
  out.counter("inkwell_redis_unconfirmed_writes_total", "Writes applied and not confirmed in time.",
              number(sum.unconfirmed));
  out.counter("inkwell_redis_waits_total", "Confirmations asked for, each of one write or more.", number(sum.waits));
}

void expose_events(Exposition& out, const Shared& shared) {
  std::vector<PartStats> all;
  all.reserve(shared.workers.size());
  for (const auto& worker : shared.workers) all.push_back(worker->part_stats());
  const auto total = [&](auto part, auto field) {
    std::uint64_t value = 0;
    for (const auto& stats : all) value += (stats.*part).*field;
    return number(value);
  };
  const auto node = [&](const char* name, const char* help, std::uint64_t events::NodeStats::* field) {
    out.counter(name, help, total(&PartStats::events, field));
  };
  const auto streams = [&](const char* name, const char* help, std::uint64_t EventStreamStats::* field) {
    out.counter(name, help, total(&PartStats::event_streams, field));
  };
  using Node = events::NodeStats;
  using Streams = EventStreamStats;
  out.gauge("inkwell_events_sources", "Channels with a Redis subscription.", total(&PartStats::events, &Node::sources));
  out.gauge("inkwell_events_streams", "Event streams open now.", total(&PartStats::event_streams, &Streams::open));
  node("inkwell_events_published_total", "Events published here.", &Node::published);
  node("inkwell_events_appended_total", "Events taken in from Redis.", &Node::appended);
  node("inkwell_events_duplicates_total", "Live events that were here already.", &Node::duplicates);
  node("inkwell_events_repairs_total", "Reads of a log to repair a broken chain.", &Node::repairs);
  node("inkwell_events_gaps_total", "Gaps that could not be repaired and were told.", &Node::gaps);
  node("inkwell_events_damaged_total", "Entries of logs that made no sense.", &Node::damaged);
  node("inkwell_events_history_reads_total", "Reads of a log for subscribers that were behind.", &Node::history_reads);
  node("inkwell_events_attached_from_ring_total", "Cursors resumed without a read.", &Node::attached_from_ring);
  node("inkwell_events_fell_behind_total", "Subscribers the ring left behind.", &Node::fell_behind);
  streams("inkwell_events_streams_opened_total", "Event streams opened.", &Streams::opened);
  streams("inkwell_events_streams_cut_off_total", "Event streams ended because the client was too slow.",
          &Streams::cut_off);
  streams("inkwell_events_streams_drained_total", "Event streams ended because the server stops.", &Streams::drained);
  streams("inkwell_events_streams_aged_total", "Event streams ended at their maximum lifetime.", &Streams::aged);
  streams("inkwell_events_streams_ended_total", "Event streams that came to the end of a generation.", &Streams::ended);
  streams("inkwell_events_deliveries_total", "Events sent to subscribers.", &Streams::events_sent);
  streams("inkwell_events_sent_bytes_total", "Bytes sent to subscribers.", &Streams::bytes_sent);
  streams("inkwell_events_writes_total", "Write system calls of event streams.", &Streams::writes);
}

void expose_near(Exposition& out, const Shared& shared) {
  redis::NearCacheStats sum;
  for (const auto& worker : shared.workers) {
    const auto stats = worker->part_stats().near;
    sum.entries += stats.entries;
    sum.bytes += stats.bytes;
    sum.hits += stats.hits;
    sum.misses += stats.misses;
    sum.invalidated += stats.invalidated;
    sum.flushes += stats.flushes;
  }
  out.gauge("inkwell_conversations_near_entries", "Reads of conversations kept in memory.", number(sum.entries));
  out.gauge("inkwell_conversations_near_bytes", "Memory they take.", number(sum.bytes));
  out.counter("inkwell_conversations_near_hits_total", "Reads found in memory.", number(sum.hits));
  out.counter("inkwell_conversations_near_misses_total", "Reads that went to Redis.", number(sum.misses));
  out.counter("inkwell_conversations_near_invalidated_total", "Reads dropped because of a change.",
              number(sum.invalidated));
  out.counter("inkwell_conversations_near_flushes_total", "Times all was dropped: the connection was lost.",
              number(sum.flushes));
}

void expose_models(Exposition& out, const std::vector<embeddings::Stats>& all) {
  std::map<std::string, embeddings::ModelStats> models;
  models[""];  // the others, so that the series are there from the start
  for (const auto& stats : all) {
    for (const auto& [model, one] : stats.models) {
      auto& total = models[model];
      total.hot_hits += one.hot_hits;
      total.redis_hits += one.redis_hits;
      total.misses += one.misses;
      total.provider_inputs += one.provider_inputs;
      total.provider_tokens += one.provider_tokens;
    }
  }
  for (const auto& [name, total] : models) {
    const std::string model = name.empty() ? "other" : name;
    const auto inputs = [&](const char* source, std::uint64_t count) {
      out.counter("inkwell_embeddings_model_inputs_total", "Inputs answered, by model and where they were found.",
                  number(count), {{"model", model}, {"source", source}});
    };
    inputs("hot", total.hot_hits);
    inputs("redis", total.redis_hits);
    inputs("provider", total.misses);
  }
  for (const auto& [name, total] : models) {
    out.counter("inkwell_embeddings_model_tokens_total", "Tokens the provider counted, by model.",
                number(total.provider_tokens), {{"model", name.empty() ? "other" : name}});
  }
}

void expose_embeddings(Exposition& out, const Shared& shared) {
  std::vector<embeddings::Stats> all;
  all.reserve(shared.workers.size());
  for (const auto& worker : shared.workers) all.push_back(worker->part_stats().embeddings);
  using Stats = embeddings::Stats;
  const auto counter = [&](const char* name, const char* help, std::uint64_t Stats::* field) {
    std::uint64_t value = 0;
    for (const auto& stats : all) value += stats.*field;
    out.counter(name, help, number(value));
  };
  std::size_t in_flight = 0;
  for (const auto& stats : all) in_flight += stats.in_flight;
  const HotCache::Stats hot = shared.embeddings.hot.stats();
  out.gauge("inkwell_embeddings_in_flight", "Inputs being fetched now.", number(in_flight));
  counter("inkwell_embeddings_calls_total", "Requests for embeddings.", &Stats::calls);
  counter("inkwell_embeddings_failed_calls_total", "Requests that failed.", &Stats::failed_calls);
  counter("inkwell_embeddings_inputs_total", "Inputs asked for.", &Stats::inputs);
  counter("inkwell_embeddings_hot_hits_total", "Inputs found in the hot tier.", &Stats::hot_hits);
  counter("inkwell_embeddings_redis_hits_total", "Inputs found in Redis.", &Stats::redis_hits);
  counter("inkwell_embeddings_misses_total", "Inputs that were computed.", &Stats::misses);
  counter("inkwell_embeddings_shared_flights_total", "Inputs another request was fetching already.",
          &Stats::shared_flights);
  counter("inkwell_embeddings_provider_calls_total", "Batches given to a provider.", &Stats::provider_calls);
  counter("inkwell_embeddings_coalesced_total", "Batches with inputs of more than one request.", &Stats::coalesced);
  counter("inkwell_embeddings_split_total", "Batches refused as a whole and asked for again in halves.", &Stats::split);
  counter("inkwell_embeddings_lease_waits_total", "Inputs that another process was computing.", &Stats::lease_waits);
  counter("inkwell_embeddings_provider_failures_total", "Batches that failed.", &Stats::provider_failures);
  counter("inkwell_embeddings_provider_inputs_total", "Inputs computed by a provider.", &Stats::provider_inputs);
  counter("inkwell_embeddings_provider_tokens_total", "Tokens a provider counted.", &Stats::provider_tokens);
  counter("inkwell_embeddings_redis_reads_failed_total", "Inputs that could not be looked up in Redis.",
          &Stats::redis_reads_failed);
  counter("inkwell_embeddings_redis_writes_dropped_total", "Vectors that could not be written to Redis.",
          &Stats::redis_writes_dropped);
  counter("inkwell_embeddings_damaged_total", "Values in Redis that were refused and replaced.", &Stats::damaged);
  counter("inkwell_embeddings_refreshed_total", "Values in Redis whose lifetime was set anew.", &Stats::refreshed);
  counter("inkwell_embeddings_invalidated_total", "Vectors dropped from the hot tier because Redis told of a change.",
          &Stats::invalidated);
  counter("inkwell_embeddings_flushes_total", "Times the hot tier was emptied: connection lost, or Redis flushed.",
          &Stats::flushes);
  counter("inkwell_embeddings_warmed_total", "Vectors read into the hot tier at the start.", &Stats::warmed);
  expose_models(out, all);
  out.gauge("inkwell_embeddings_hot_entries", "Vectors in the hot tier.", number(hot.entries));
  out.gauge("inkwell_embeddings_hot_bytes", "Memory of the hot tier, what is held beyond eviction included.",
            number(hot.bytes));
  out.gauge("inkwell_embeddings_hot_max_bytes", "The bound of the hot tier.", number(hot.max_bytes));
  out.counter("inkwell_embeddings_hot_evicted_total", "Vectors evicted from the hot tier.", number(hot.evicted));
  out.counter("inkwell_embeddings_hot_expired_total", "Vectors whose time in the hot tier was up.",
              number(hot.expired));
}

}  // namespace

std::string metrics_text(const Shared& shared) {
  Exposition out;
  out.gauge("inkwell_build_info", "1; the labels say what runs.", 1, {{"version", shared.version}});
  out.gauge("inkwell_workers", "Threads that serve.", number(shared.workers.size()));
  expose_http(out, shared);
  expose_redis(out, shared);
  expose_commits(out, shared);
  expose_near(out, shared);
  expose_embeddings(out, shared);
  expose_events(out, shared);
  return out.text();
}

}  // namespace inkwell::server
