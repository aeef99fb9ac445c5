// Resumable generations: a producer streams a language model's answer into a channel (POST .../stream), readers follow
// it from its start or from where they left it (GET), anyone stops it (POST .../stream/stop). docs/generations.md tells
// how they are used.
#include "events/generations/generations.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include "events/generations/ingest.hpp"
#include "events/node.hpp"
#include "events/selector.hpp"
#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/channel_request.hpp"
#include "server/routes/routes.hpp"
#include "server/sse/event_stream.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using events::Generation;
using End = events::Generations::End;

/// What one step appends at most, so that readers see events soon and Redis is not held up.
constexpr std::size_t kBatchEvents = 64;
constexpr std::size_t kBatchBytes = 1U << 20;
/// A producer's connection that brings nothing for so long is given up.
constexpr std::chrono::minutes kLongestSilence{10};

json::object generation_json(std::string_view channel, const Generation& generation) {
  json::object object;
  object["object"] = "generation";
  object["channel"] = channel;
  object["status"] = std::string(events::name_of(generation.state));
  object["events"] = generation.events;
  object["last_event_id"] =
      generation.last == events::kNoEvent ? json::value() : json::value(generation.last.to_string());
  return object;
}

HttpResponse generation_response(std::string_view channel, const Generation& generation) {
  HttpResponse response = json_response(generation_json(channel, generation));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Error no_generation() {
  return {ErrorKind::not_found, "no_generation", "Nothing is, or was, generated in this channel.",
          "POST the model's event stream to it first, or wait for it with ?wait=true."};
}

/// curl and fetch name types of their own when nobody says one; a type that can't be an event stream is a mistake.
std::optional<HttpResponse> wrong_type(const HttpRequest& request) {
  const auto type = request.header("Content-Type");
  if (!type || type->empty() || type->starts_with("text/event-stream") ||
      type->starts_with("application/octet-stream")) {
    return std::nullopt;
  }
  return error_response(http::status::unsupported_media_type, "unsupported_media_type",
                        "Send the model's server-sent events as they are, as text/event-stream.");
}

/// One producer's connection: takes the body in, appends what it holds, ends the generation.
class Production {
 public:
  Production(Worker& worker, BodyStream& body, std::string channel, events::Producer producer)
      : generations_(worker.generations()), body_(body), channel_(std::move(channel)), producer_(std::move(producer)) {}

  asio::awaitable<HttpResponse> run() {
    for (;;) {
      auto piece = co_await body_.next(generations_.options().renew);
      const auto end = take(piece);
      auto seen = co_await append_pending(end);
      if (!seen) co_return error_response(seen.error());
      if (ingest_.fault()) co_return error_response(*ingest_.fault());
      if (end || !seen->applied) co_return generation_response(channel_, *seen);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// The end, when the piece brings it.
  std::optional<End> take(const BodyStream::Piece& piece) {
    using Kind = BodyStream::Piece::Kind;
    if (piece.kind == Kind::bytes) {
      heard_ = Clock::now();
      ingest_.feed(piece.bytes);
    }
    if (piece.kind == Kind::end) ingest_.finish();
    if (ingest_.fault()) return End{.state = Generation::State::failed, .reason = "invalid_event"};
    if (piece.kind == Kind::end) return End{.state = Generation::State::finished, .reason = {}};
    if (piece.kind == Kind::broken) return End{.state = Generation::State::failed, .reason = "producer_disconnected"};
    if (Clock::now() - heard_ > kLongestSilence) {
      return End{.state = Generation::State::failed, .reason = "producer_silent"};
    }
    return std::nullopt;
  }

  /// In batches, the end with the last of them; without either, the lease is renewed when it is time to.
  asio::awaitable<Result<Generation>> append_pending(std::optional<End> end) {
    Result<Generation> seen = Generation{.state = Generation::State::streaming, .applied = true};
    bool more = !ingest_.empty() || end || Clock::now() - appended_ >= generations_.options().renew;
    while (more) {
      std::vector<events::Event> batch = ingest_.take(kBatchEvents, kBatchBytes);
      more = !ingest_.empty();
      std::optional<End> with;
      if (!more) with = end;
      seen = co_await generations_.append(producer_, std::move(batch), with);
      if (!seen || !seen->applied) break;
      appended_ = Clock::now();
    }
    co_return seen;
  }

  events::Generations& generations_;
  BodyStream& body_;
  std::string channel_;
  events::Producer producer_;
  events::Ingest ingest_;
  Clock::time_point heard_ = Clock::now();
  Clock::time_point appended_ = Clock::now();
};

asio::awaitable<HandlerResult> produce(Worker& worker, HttpRequest& request, BodyStream& body) {
  auto opened = open_channel(request, ChannelUse::publish);
  if (!opened) co_return error_response(opened.error());
  std::string channel(request.path_param("name"));
  if (auto wrong = wrong_type(request)) co_return std::move(*wrong);
  auto producer = co_await worker.generations().begin(std::move(*opened));
  if (!producer) co_return error_response(producer.error());
  const auto production = std::make_unique<Production>(worker, body, std::move(channel), std::move(*producer));
  auto answer = co_await production->run();
  co_return answer;
}

HandlerResult reading(Worker& worker, const HttpRequest& request, const Generation& generation, events::Start start) {
  EventStreamRequest wanted;
  if (auto refused = begin_stream(worker, request, wanted)) return std::move(*refused);
  wanted.channel = channel_of(request, request.path_param("name"));
  if (auto readable = private_events_of(request.identity); !readable.all()) {
    wanted.selector = std::make_unique<events::TopicSelector>(std::vector<std::string>(), std::move(readable));
  }
  wanted.start = start;
  wanted.ends = true;
  const bool open = generation.state == Generation::State::streaming || generation.state == Generation::State::none;
  if (!open) wanted.until = generation.last;
  StreamTakeover takeover;
  takeover.take = [&worker, wanted = std::move(wanted)](StreamSocket socket) mutable {
    const std::string channel = wanted.channel;
    worker.event_streams().open(std::move(socket), std::move(wanted));
    worker.generations().watch(channel, [&worker, channel] { return worker.events().readers_of(channel) > 0; });
  };
  return takeover;
}

asio::awaitable<HandlerResult> follow(Worker& worker, HttpRequest& request) {
  const auto opened = open_channel(request, ChannelUse::read);
  if (!opened) co_return error_response(opened.error());
  const std::string channel(request.path_param("name"));
  const auto asked = events::start_after(cursor_of(request));
  const bool resumes = asked.kind == events::Start::Kind::after;
  auto seen = co_await worker.generations().look(*opened, resumes ? asked.id : events::kNoEvent);
  if (!seen) co_return error_response(seen.error());
  const bool waits = request.query_param("wait") == "true";
  const bool none = seen->state == Generation::State::none;
  if (none && (!waits || wants_json(request))) co_return error_response(no_generation());
  if (wants_json(request)) co_return generation_response(channel, *seen);
  const bool ended = !none && seen->state != Generation::State::streaming;
  if (seen->cursor_at_end || (resumes && ended && asked.id == seen->last)) {
    HttpResponse nothing_more;
    nothing_more.status = http::status::no_content;  // tells an EventSource not to come back
    co_return nothing_more;
  }
  events::Start start = asked;
  if (!resumes) {
    const bool first = seen->after == events::kNoEvent;
    start = {.kind = first ? events::Start::Kind::oldest : events::Start::Kind::after, .id = seen->after};
  }
  co_return reading(worker, request, *seen, start);
}

asio::awaitable<HandlerResult> stop(Worker& worker, HttpRequest& request) {
  auto opened = open_channel(request, ChannelUse::publish);
  if (!opened) co_return error_response(opened.error());
  const std::string channel(request.path_param("name"));
  auto seen = co_await worker.generations().stop(std::move(*opened));
  if (!seen) co_return error_response(seen.error());
  if (seen->state == Generation::State::none) co_return error_response(no_generation());
  co_return generation_response(channel, *seen);
}

}  // namespace

void add_generation_routes(Router& router) {
  router.add({.method = http::verb::post,
              .path = "/v1/channels/{name}/stream",
              .access = Access::topics,
              .body_handler = produce});
  router.add(
      {.method = http::verb::get, .path = "/v1/channels/{name}/stream", .access = Access::topics, .handler = follow});
  router.add({.method = http::verb::post,
              .path = "/v1/channels/{name}/stream/stop",
              .access = Access::topics,
              .handler = stop});
}

}  // namespace inkwell::server
