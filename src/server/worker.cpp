#include "server/worker.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "conversations/conversations.hpp"
#include "embeddings/embeddings.hpp"
#include "events/generations/generations.hpp"
#include "keyspace/commits.hpp"
#include "server/connections.hpp"
#include "server/http_stats.hpp"
#include "server/listener.hpp"
#include "server/shared.hpp"
#include "server/sse/event_stream.hpp"

namespace inkwell::server {
namespace {

/// Tells the log when the link goes and when it is back, once each, however often it tries in between.
class LinkLog {
 public:
  LinkLog(std::shared_ptr<telemetry::Log> log, std::size_t worker) : log_(std::move(log)), worker_(worker) {}

  void operator()(const redis::LinkEvent& event) {
    using Kind = redis::LinkEvent::Kind;
    const bool down = event.kind == Kind::lost || event.kind == Kind::connect_failed;
    auto level = telemetry::Level::debug;
    if (down && !down_) level = telemetry::Level::warn;
    if (event.kind == Kind::connected && down_) level = telemetry::Level::info;
    if (down || event.kind == Kind::connected) down_ = down;
    log_->write(level, "redis", {{"detail", event.detail}, {"worker", static_cast<std::int64_t>(worker_)}});
  }

 private:
  std::shared_ptr<telemetry::Log> log_;
  std::size_t worker_;
  bool down_ = false;
};

redis::Options redis_options(const Shared& shared, std::size_t index) {
  redis::Options options = shared.options.redis;
  options.on_event = [link_log = LinkLog(shared.log, index), outer = options.on_event](const auto& event) mutable {
    link_log(event);
    if (outer) outer(event);
  };
  // The near cache of conversations and the hot tier of embeddings are kept in step by it.
  options.tracking.mode = redis::Tracking::Mode::opted;
  return options;
}

std::unique_ptr<keyspace::Commits> make_commits(const asio::any_io_executor& executor, const Shared& shared,
                                                std::size_t index) {
  const auto& level = shared.options.acknowledgement;
  if (!level.beyond_memory()) return nullptr;
  redis::Options options = redis_options(shared, index);
  options.tracking.mode = redis::Tracking::Mode::off;
  return std::make_unique<keyspace::Commits>(executor, options, level);
}

}  // namespace

// Members are destroyed from the last to the first: the parts before the Redis client they use, all before the loop.
struct Worker::State {
  State(std::size_t index_, Shared& shared_, Worker& self_)
      : index(index_),
        shared(shared_),
        self(self_),
        work(asio::make_work_guard(io)),
        life(io.get_executor()),
        gate(io.get_executor()),
        drain_timer(io),
        sweep_timer(io),
        connections(shared_),
        http_stats(shared_.router.routes().size()),
        redis(io.get_executor(), redis_options(shared_, index_)),
        commits(make_commits(io.get_executor(), shared_, index_)),
        store(redis, keyspace::Keys(shared_.options.tenant, shared_.options.key_prefix), commits.get()),
        near(redis.invalidations(), shared_.options.near_cache_bytes / shared_.options.threads,
             shared_.conversation_marks),
        embeddings(io.get_executor(), store, shared_.embeddings, shared_.options.embeddings,
                   embeddings::make_providers(io.get_executor(), shared_.options.embeddings)),
        events(index_, shared_.hub, io.get_executor(), store, shared_.options.redis, shared_.options.events),
        generations(io.get_executor(), store, shared_.options.generations),
        event_streams(io.get_executor(), events, shared_.options.event_streams),
        drain_events(connections.on_drain([this] { event_streams.drain(); })) {}

  asio::awaitable<void> sweep();
  asio::awaitable<void> shut_down();
  asio::awaitable<void> close_parts();
  void publish_stats();

  const std::size_t index;
  Shared& shared;
  Worker& self;
  asio::io_context io{1};  // one thread runs it; others may post
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Gate life;  ///< the worker's own coroutines: accept, sweep, shut down
  Gate gate;  ///< the connections'
  std::unique_ptr<Listener> listener;
  asio::steady_timer drain_timer;
  asio::steady_timer sweep_timer;
  bool stopping = false;
  bool stopped = false;
  Connections connections;
  HttpStats http_stats;

  redis::Client redis;
  std::unique_ptr<keyspace::Commits> commits;  ///< none: the server's memory is enough
  keyspace::Store store;
  conversations::Near near;
  embeddings::Embeddings embeddings;
  events::Node events;
  events::Generations generations;
  EventStreams event_streams;
  std::shared_ptr<void> drain_events;

  mutable std::mutex stats_mutex;  // taken four times a second here, and by whoever scrapes
  PartStats stats;
};

Worker::Worker(std::size_t index, Shared& shared) : state_(std::make_unique<State>(index, shared, *this)) {}
Worker::~Worker() = default;

std::size_t Worker::index() const noexcept { return state_->index; }
asio::io_context& Worker::io() noexcept { return state_->io; }
Gate& Worker::gate() noexcept { return state_->gate; }
Shared& Worker::shared() noexcept { return state_->shared; }
redis::Client& Worker::redis() noexcept { return state_->redis; }
keyspace::Store& Worker::store() noexcept { return state_->store; }
conversations::Conversations Worker::conversations(const Identity& identity) {
  conversations::Scope scope;
  scope.tenant = identity.tenant;
  scope.owner = identity.owner;
  if (const auto* const tenant = state_->shared.tenants.find(identity.tenant)) {
    scope.quota = tenant->quota;
    scope.lifetime = tenant->conversation_lifetime;
  }
  return conversations::Conversations(state_->store, state_->shared.options.conversations, std::move(scope),
                                      state_->shared.options.near_cache_bytes > 0 ? &state_->near : nullptr);
}
embeddings::Embeddings& Worker::embeddings() noexcept { return state_->embeddings; }
events::Node& Worker::events() noexcept { return state_->events; }
events::Generations& Worker::generations() noexcept { return state_->generations; }
EventStreams& Worker::event_streams() noexcept { return state_->event_streams; }
Connections& Worker::connections() noexcept { return state_->connections; }
HttpStats& Worker::http_stats() noexcept { return state_->http_stats; }

std::shared_ptr<void> Worker::on_drain(std::function<void()> callback) {
  return state_->connections.on_drain(std::move(callback));
}

void Worker::run(asio::ip::tcp::acceptor acceptor) {
  State& state = *state_;
  state.listener = std::make_unique<Listener>(*this, std::move(acceptor));
  state.life.spawn("accept", state.listener->run());
  state.life.spawn("sweep", state.sweep());
  if (state.index == 0) state.embeddings.warm();
  state.io.run();
  state.listener.reset();
}

void Worker::request_stop(bool at_once) {
  asio::post(state_->io, [this, at_once] {
    State& state = *state_;
    if (!state.stopping) {
      state.stopping = true;
      state.life.spawn("shut down", state.shut_down());
    }
    if (at_once) state.drain_timer.expires_at(asio::steady_timer::time_point::min());
  });
}

PartStats Worker::part_stats() const {
  const std::lock_guard lock(state_->stats_mutex);
  return state_->stats;
}

void Worker::State::publish_stats() {
  PartStats now;
  now.redis = redis.stats();
  if (commits) now.commits = commits->stats();
  now.near = near.stats();
  now.embeddings = embeddings.stats();
  now.events = events.stats();
  now.event_streams = event_streams.stats();
  const std::lock_guard lock(stats_mutex);
  stats = now;
}

asio::awaitable<void> Worker::State::sweep() {
  const auto interval = connections.sweep_interval();
  while (!stopped) {
    publish_stats();
    connections.sweep(Connection::Clock::now());
    sweep_timer.expires_after(interval);
    co_await sweep_timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> Worker::State::shut_down() {
  const auto executor = co_await asio::this_coro::executor;
  listener->close();
  drain_timer.expires_after(shared.options.timeouts.drain);
  connections.drain();
  // Taken-over sockets live outside the gate: the count is what tells that all are gone.
  const auto idle_poll = std::chrono::milliseconds(5);
  asio::steady_timer poll(executor);
  while (connections.open() > 0 && asio::steady_timer::clock_type::now() < drain_timer.expiry()) {
    poll.expires_after(idle_poll);
    co_await poll.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_await gate.close();
  co_await close_parts();
  stopped = true;
  sweep_timer.cancel();
  work.reset();
}

// Each part here, in the reverse order of construction; the Redis client last.
asio::awaitable<void> Worker::State::close_parts() {
  event_streams.close();
  co_await generations.close();
  co_await events.close();
  co_await embeddings.close();
  if (commits) co_await commits->close();
  co_await redis.close();
}

}  // namespace inkwell::server
