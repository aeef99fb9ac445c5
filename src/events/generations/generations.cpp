#include "events/generations/generations.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "events/wire/live.hpp"
#include "inkwell_events_texts.hpp"

namespace inkwell::events {
namespace {

const redis::Script& generation_script() {
  static const redis::Script script(scripts::kGeneration);
  return script;
}

std::optional<Generation::State> state_named(std::string_view name) {
  using State = Generation::State;
  for (const State state : {State::none, State::streaming, State::finished, State::failed, State::stopped}) {
    if (name_of(state) == name) return state;
  }
  return std::nullopt;
}

Result<Generation> generation_from(redis::View reply) {
  const auto state = reply.size() == 7 ? state_named(reply[1].text()) : std::nullopt;
  const auto after = state ? EventId::parse(reply[2].text()) : std::nullopt;
  const auto last = state ? EventId::parse(reply[3].text()) : std::nullopt;
  if (!after || !last) {
    return std::unexpected(Error(ErrorKind::data_corrupt, "generation_corrupt",
                                 "Redis holds something else where a generation's record belongs.",
                                 "Run `inkwell ttl audit`; deleting the channel removes it."));
  }
  return Generation{.state = *state,
                    .after = *after,
                    .last = *last,
                    .events = static_cast<std::uint64_t>(reply[4].integer().value_or(0)),
                    .lease_left = std::chrono::milliseconds(reply[5].integer().value_or(0)),
                    .applied = reply[0].integer() == 1,
                    .cursor_at_end = reply[6].integer() == 1};
}

void add_event(std::vector<std::string>& arguments, const Event& event) {
  const std::size_t count_at = arguments.size();
  arguments.emplace_back();
  wire::for_each_field(event, [&](std::string_view name, std::string_view value) {
    arguments.emplace_back(name);
    arguments.emplace_back(value);
  });
  arguments[count_at] = std::to_string((arguments.size() - count_at - 1) / 2);
}

std::string milliseconds(std::chrono::milliseconds value) { return std::to_string(value.count()); }

}  // namespace

std::string_view name_of(Generation::State state) noexcept {
  switch (state) {
    case Generation::State::none:
      return "none";
    case Generation::State::streaming:
      return "streaming";
    case Generation::State::finished:
      return "finished";
    case Generation::State::failed:
      return "failed";
    case Generation::State::stopped:
      return "stopped";
  }
  return "none";
}

Generations::Generations(asio::any_io_executor executor, keyspace::Store& store, GenerationOptions options)
    : executor_(executor), store_(store), options_(options), gate_(executor) {
  if (options_.lifetime == std::chrono::milliseconds::zero()) {
    options_.lifetime = keyspace::rule(keyspace::Family::channel_log).lifetime;
  }
}

asio::awaitable<Result<Generation>> Generations::run(std::string channel, std::vector<std::string> arguments) {
  const auto& keys = store_.keys();
  std::vector<keyspace::Key> step_keys = {keys.channel_log(channel), keys.channel_live(channel),
                                          keys.channel_generation(channel)};
  redis::CallOptions call;
  call.idempotent = true;  // a producer's begin and a batch are known by their names, an end by the state
  const bool looks = arguments.front() == "look";
  auto step = looks ? store_.run(generation_script(), std::move(step_keys), std::move(arguments), call)
                    : store_.commit(generation_script(), std::move(step_keys), std::move(arguments), call);
  auto reply = co_await std::move(step);
  if (!reply) co_return std::unexpected(reply.error());
  co_return generation_from(reply->view());
}

asio::awaitable<Result<Producer>> Generations::begin(std::string channel) {
  Producer producer{.channel = channel, .id = random_hex(12), .batches = 0};
  std::vector<std::string> arguments = {"begin", milliseconds(options_.lifetime), std::to_string(options_.max_events),
                                        producer.id, milliseconds(options_.lease)};
  auto begun = co_await run(std::move(channel), std::move(arguments));
  if (!begun) co_return std::unexpected(begun.error());
  if (begun->applied) co_return producer;
  co_return std::unexpected(Error(ErrorKind::conflict, "generation_in_progress",
                                  "Another producer is writing this generation.",
                                  "Follow it, stop it, or use another channel.")
                                .with_retry_after(std::chrono::ceil<std::chrono::seconds>(begun->lease_left)));
}

asio::awaitable<Result<Generation>> Generations::append(Producer& producer, std::vector<Event> events,
                                                        std::optional<End> end) {
  std::vector<std::string> arguments = {"append",
                                        milliseconds(options_.lifetime),
                                        std::to_string(options_.max_events),
                                        producer.id,
                                        milliseconds(options_.lease),
                                        std::to_string(++producer.batches),
                                        end ? std::string(name_of(end->state)) : "",
                                        end ? std::string(end->reason) : "",
                                        std::to_string(events.size())};
  for (const auto& event : events) add_event(arguments, event);
  const auto give_up = std::chrono::steady_clock::now() + options_.lease;
  asio::steady_timer timer(executor_);
  Backoff backoff(std::chrono::milliseconds(20), std::chrono::milliseconds(500), random_seed());
  for (;;) {
    auto done = co_await run(producer.channel, arguments);
    if (done || done.error().kind() == ErrorKind::data_corrupt || std::chrono::steady_clock::now() >= give_up) {
      co_return done;
    }
    timer.expires_after(std::chrono::milliseconds(5) + backoff.next());
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<Result<Generation>> Generations::look(std::string channel, EventId cursor) {
  std::vector<std::string> arguments = {"look", milliseconds(options_.lifetime), std::to_string(options_.max_events),
                                        cursor == kNoEvent ? "" : cursor.to_string()};
  return run(std::move(channel), std::move(arguments));
}

asio::awaitable<Result<Generation>> Generations::stop(std::string channel) {
  std::vector<std::string> arguments = {"stop", milliseconds(options_.lifetime), std::to_string(options_.max_events)};
  return run(std::move(channel), std::move(arguments));
}

void Generations::watch(const std::string& channel, std::function<bool()> wanted) {
  if (watched_.contains(channel)) return;
  watched_.emplace(channel, std::move(wanted));
  gate_.spawn("generations: watch", keep_watch(*this, channel));
}

asio::awaitable<void> Generations::keep_watch(Generations& self, std::string channel) {
  asio::steady_timer timer(self.executor_);
  auto wait = self.options_.renew;
  for (;;) {
    // Just after the lease would run out; a live producer has renewed it by then.
    timer.expires_after(wait + std::chrono::milliseconds(50));
    co_await timer.async_wait(asio::use_awaitable);
    const auto found = self.watched_.find(channel);
    const bool wanted = found->second();
    if (!wanted) break;
    auto seen = co_await self.look(channel, kNoEvent);
    using State = Generation::State;
    if (seen && seen->state != State::streaming && seen->state != State::none) break;
    wait =
        std::max(self.options_.renew, seen && seen->state == State::streaming ? seen->lease_left : self.options_.lease);
  }
  self.watched_.erase(channel);
}

asio::awaitable<void> Generations::close() {
  co_await gate_.close();
  watched_.clear();
}

}  // namespace inkwell::events
