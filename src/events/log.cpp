#include "events/log.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/random.hpp"
#include "events/wire/live.hpp"
#include "inkwell_events_texts.hpp"

namespace inkwell::events {
namespace {

/// How long the record of a key made here stays: well beyond the link's longest resend.
constexpr std::chrono::milliseconds kOwnKeyLifetime{30'000};

const redis::Script& publish_script() {
  static const redis::Script script(scripts::kPublish);
  return script;
}

std::vector<std::string> event_arguments(const std::vector<Event>& events) {
  std::vector<std::string> arguments;
  for (const auto& event : events) {
    const std::size_t count_at = arguments.size();
    arguments.emplace_back();
    wire::for_each_field(event, [&](std::string_view name, std::string_view value) {
      arguments.emplace_back(name);
      arguments.emplace_back(value);
    });
    arguments[count_at] = std::to_string((arguments.size() - count_at - 1) / 2);
  }
  return arguments;
}

/// Tells two bodies under one key apart; 16 bytes of SHA-256 over the length-prefixed arguments.
std::string fingerprint_of(const std::vector<std::string>& arguments) {
  std::string text;
  for (const auto& argument : arguments) {
    text += std::to_string(argument.size());
    text += ':';
    text += argument;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), raw.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (std::size_t i = 0; i < 16; ++i) hex += fmt::format("{:02x}", raw[i]);
  return hex;
}

std::string milliseconds(std::chrono::milliseconds value) { return std::to_string(value.count()); }

Error corrupt(std::string_view what) {
  return Error(ErrorKind::data_corrupt, "log_corrupt", fmt::format("Redis answered {} with something else.", what),
               "Run `inkwell ttl audit`: a foreign key may stand where a channel's log belongs.");
}

/// Which of the link's errors the caller should hear in this part's words.
Error publish_error(Error error, bool own_key) {
  if (error.code() == "redis_idempotency") {
    return Error(ErrorKind::conflict, "idempotency_key_reused",
                 "This idempotency key was used before to publish something else.", "Use a new key for a new event.")
        .with_param("idempotency_key");
  }
  if (!error.outcome_unknown()) return error;
  return Error(ErrorKind::unavailable, "publish_outcome_unknown",
               error.code() == "redis_unconfirmed"
                   ? error.message()
                   : "Redis did not answer in time: the event may or may not have been published.",
               own_key ? "Publish with an idempotency_key: a retry with the same key is never applied twice."
                       : "Retry with the same idempotency_key: it is never applied twice.")
      .with_unknown_outcome()
      .with_retry_after(std::chrono::seconds(1));
}

Result<Published> published_from(redis::View reply) {
  if (reply.size() < 2) return std::unexpected(corrupt("the publish step"));
  Published published;
  bool first = true;
  for (const redis::View part : reply) {
    if (first) {
      published.replayed = part.integer() == 1;
      first = false;
      continue;
    }
    const auto id = EventId::parse(part.text());
    if (!id) return std::unexpected(corrupt("the publish step"));
    published.ids.push_back(*id);
  }
  return published;
}

/// Appends an event to a run, with a mark before it where the one it names as its predecessor is not the one before.
void append_to_run(LogPiece& piece, const EventView& event) {
  if (!piece.events.empty() && piece.events.back()->id != event.predecessor) {
    piece.events.push_back(
        make_broadcast(Gap{.from = piece.events.back()->id, .to = event.id, .reason = GapReason::removed}));
  }
  piece.events.push_back(make_broadcast(event));
}

Result<LogPiece> piece_from(redis::View reply, std::size_t asked, bool newest_first) {
  if (reply.type() != redis::Type::array) return std::unexpected(corrupt("a read of a log"));
  LogPiece piece;
  piece.complete = newest_first || reply.size() < asked;
  std::vector<redis::View> entries(reply.begin(), reply.end());
  if (newest_first) std::reverse(entries.begin(), entries.end());
  for (const redis::View entry : entries) {
    const auto event = decode_entry(entry);
    if (event) {
      append_to_run(piece, *event);
    } else {
      ++piece.damaged;
    }
  }
  return piece;
}

Result<std::vector<StoredEvent>> stored_from(redis::View reply, bool newest_first) {
  if (reply.type() != redis::Type::array) return std::unexpected(corrupt("a read of a log"));
  std::vector<StoredEvent> events;
  for (const redis::View entry : reply) {
    if (const auto event = decode_entry(entry)) events.push_back(event->copy());
  }
  if (newest_first) std::reverse(events.begin(), events.end());
  return events;
}

std::string start_of(EventId from) { return from == kNoEvent ? "-" : from.to_string(); }

LogPage first_of(std::vector<StoredEvent> events, std::size_t limit) {
  LogPage page;
  page.has_more = events.size() > limit;
  if (page.has_more) events.resize(limit);
  page.events = std::move(events);
  return page;
}

}  // namespace

std::optional<EventView> decode_entry(redis::View entry) {
  if (entry.size() != 2) return std::nullopt;
  const auto id = EventId::parse(entry[0].text());
  if (!id) return std::nullopt;
  EventView event;
  event.id = *id;
  bool has_predecessor = false;
  const redis::View fields = entry[1];
  for (auto it = fields.begin(); it != fields.end(); ++it) {
    const std::string_view name = (*it).text();
    if (++it == fields.end()) return std::nullopt;
    const std::string_view value = (*it).text();
    if (name == "p") {
      const auto predecessor = EventId::parse(value);
      if (!predecessor) return std::nullopt;
      event.predecessor = *predecessor;
      has_predecessor = true;
    } else if (!wire::apply_field(event, name, value)) {
      return std::nullopt;
    }
  }
  if (!has_predecessor) return std::nullopt;
  return event;
}

asio::awaitable<Result<Published>> Log::publish(std::string channel, std::vector<Event> events,
                                                PublishOptions options) {
  const auto& keys = store_.keys();
  const bool own_key = !options.idempotency_key;
  const std::string key = own_key ? "~" + random_hex(12) : "u" + *options.idempotency_key;
  std::vector<std::string> bodies = event_arguments(events);
  const auto lifetime = options.lifetime.value_or(keyspace::rule(keyspace::Family::channel_log).lifetime);
  const auto record_lifetime =
      own_key ? kOwnKeyLifetime : keyspace::rule(keyspace::Family::channel_idempotency).lifetime;
  std::vector<std::string> arguments = {
      std::to_string(options.max_length), options.exact_length ? "=" : "~",       milliseconds(lifetime),
      milliseconds(record_lifetime),      own_key ? "-" : fingerprint_of(bodies), std::to_string(events.size())};
  arguments.insert(arguments.end(), std::make_move_iterator(bodies.begin()), std::make_move_iterator(bodies.end()));
  std::vector<keyspace::Key> step_keys = {keys.channel_log(channel), keys.channel_live(channel),
                                          keys.channel_idempotency(channel, key)};
  redis::CallOptions call;
  call.idempotent = true;  // by its record
  auto reply = co_await store_.commit(publish_script(), std::move(step_keys), std::move(arguments), call);
  if (!reply) co_return std::unexpected(publish_error(reply.error(), own_key));
  co_return published_from(reply->view());
}

asio::awaitable<Result<LogPiece>> Log::read_from(std::string channel, EventId from, std::size_t count) {
  const auto key = store_.keys().channel_log(channel);
  const std::string start = start_of(from);
  auto reply = co_await store_.read("XRANGE", key, start, "+", "COUNT", count);
  if (!reply) co_return std::unexpected(reply.error());
  co_return piece_from(reply->view(), count, false);
}

asio::awaitable<Result<LogPiece>> Log::read_newest(std::string channel, std::size_t count) {
  const auto key = store_.keys().channel_log(channel);
  auto reply = co_await store_.read("XREVRANGE", key, "+", "-", "COUNT", count);
  if (!reply) co_return std::unexpected(reply.error());
  co_return piece_from(reply->view(), count, true);
}

asio::awaitable<Result<LogPage>> Log::read_page(std::string channel, After after, std::size_t limit) {
  const auto key = store_.keys().channel_log(channel);
  if (after.kind == After::Kind::newest) {
    auto reply = co_await store_.read("XREVRANGE", key, "+", "-", "COUNT", limit);
    if (!reply) co_return std::unexpected(reply.error());
    auto events = stored_from(reply->view(), true);
    if (!events) co_return std::unexpected(events.error());
    co_return first_of(std::move(*events), limit);
  }
  const bool seek = after.kind == After::Kind::event;
  const std::string start = start_of(seek ? after.id : kNoEvent);
  auto reply = co_await store_.read("XRANGE", key, start, "+", "COUNT", limit + 2);
  if (!reply) co_return std::unexpected(reply.error());
  auto events = stored_from(reply->view(), false);
  if (!events) co_return std::unexpected(events.error());
  if (!seek && after.kind == After::Kind::oldest) co_return first_of(std::move(*events), limit);
  if (seek && !events->empty() && events->front().id == after.id) {
    events->erase(events->begin());
    co_return first_of(std::move(*events), limit);
  }
  if (seek && !events->empty() && events->front().predecessor == after.id) {
    co_return first_of(std::move(*events), limit);
  }
  const bool cut =
      seek && !events->empty() && (events->front().predecessor == kNoEvent || events->front().predecessor > after.id);
  if (seek && !cut) {
    auto oldest = co_await store_.read("XRANGE", key, "-", "+", "COUNT", limit + 1);
    if (!oldest) co_return std::unexpected(oldest.error());
    events = stored_from(oldest->view(), false);
    if (!events) co_return std::unexpected(events.error());
  }
  LogPage page = first_of(std::move(*events), limit);
  page.gap = Gap{.from = after.id,
                 .to = page.events.empty() ? std::nullopt : std::optional(page.events.front().id),
                 .reason = !seek ? GapReason::malformed_cursor
                           : cut ? GapReason::trimmed
                                 : GapReason::unknown_cursor};
  co_return page;
}

}  // namespace inkwell::events
