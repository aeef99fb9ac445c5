#include "events/channel/source.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "events/node.hpp"
#include "events/wire/live.hpp"

namespace inkwell::events {

Source::Source(Node& node, std::string channel)
    : node_(node),
      channel_(std::move(channel)),
      live_channel_(node.store_.keys().channel_live(channel_).str()),
      chain_(node.options().chain) {}

void Source::open() {
  const auto interval = node_.options_.check_interval;
  check_due_ = std::chrono::steady_clock::now() + interval;
  redis::SubscriptionHandlers handlers;
  handlers.on_subscribed = [this] {
    chain_.subscribed();
    pump();
  };
  handlers.on_message = [this](std::string_view payload) { message(payload); };
  handlers.on_lost = [this] { chain_.lost(); };
  node_.subscriber_.subscribe(live_channel_, std::move(handlers));
}

void Source::close() {
  if (std::exchange(closed_, true)) return;
  node_.subscriber_.unsubscribe(live_channel_);
}

void Source::attach(std::uint32_t worker, std::uint64_t token) {
  feeds_.push_back({.worker = worker, .token = token, .current = false});
  if (chain_.ready()) feeds_.back().current = send_snapshot(feeds_.back());
}

void Source::detach(std::uint32_t worker, std::uint64_t token) {
  std::erase_if(feeds_, [&](const Attachment& feed) { return feed.worker == worker && feed.token == token; });
}

void Source::check() {
  check_due_ = std::chrono::steady_clock::now() + node_.options_.check_interval;
  chain_.check();
  pump();
}

void Source::message(std::string_view payload) {
  ++node_.counts_.live_messages;
  const auto events = wire::decode_live(payload);
  if (events) {
    for (const auto& event : *events) chain_.live(make_broadcast(event));
  } else {
    ++node_.counts_.undecodable;
    chain_.check();  // the log knows what it was
  }
  pump();
}

void Source::pump() {
  flush();
  if (!chain_.wanted() || std::exchange(reading_, true)) return;
  node_.gate_.spawn("events: repair", read_while_wanted(shared_from_this()));
}

void Source::flush() {
  if (!chain_.ready()) return;
  const auto events = chain_.take_appended();
  for (auto& feed : feeds_) send(feed, events);
}

void Source::send(Attachment& feed, const std::vector<EventRef>& events) {
  if (!feed.current) {
    feed.current = send_snapshot(feed);
    return;
  }
  for (const auto& event : events) {
    Message message{
        .kind = Message::Kind::append, .from = {}, .token = feed.token, .channel = {}, .event = event, .snapshot = {}};
    feed.current = node_.hub_.post(feed.worker, std::move(message));
    if (!feed.current) return;  // a snapshot will bring it up to date
  }
}

bool Source::send_snapshot(const Attachment& feed) {
  auto snapshot = std::make_shared<Snapshot>();
  const Ring& ring = chain_.ring();
  snapshot->base = ring.base();
  snapshot->events.reserve(ring.size());
  for (auto at = ring.begin(); at < ring.end(); ++at) snapshot->events.push_back(ring[at]);
  Message message{.kind = Message::Kind::snapshot,
                  .from = {},
                  .token = feed.token,
                  .channel = {},
                  .event = {},
                  .snapshot = std::move(snapshot)};
  return node_.hub_.post(feed.worker, std::move(message));
}

asio::awaitable<void> Source::read_while_wanted(std::shared_ptr<Source> self) {
  asio::steady_timer timer(self->node_.executor_);
  Backoff backoff(std::chrono::milliseconds(20), std::chrono::seconds(1), random_seed());
  Log& log = self->node_.log_;
  while (!self->closed_) {
    const auto wanted = self->chain_.wanted();
    if (!wanted) break;
    Result<LogPiece> piece = LogPiece{};
    if (wanted->kind == Chain::Read::Kind::newest) {
      piece = co_await log.read_newest(self->channel_, wanted->count);
    } else {
      piece = co_await log.read_from(self->channel_, wanted->from, wanted->count);
    }
    if (!piece) {
      timer.expires_after(std::chrono::milliseconds(5) + backoff.next());
      co_await timer.async_wait(asio::use_awaitable);
      continue;
    }
    backoff.reset();
    if (self->closed_) break;
    self->node_.counts_.damaged += piece->damaged;
    self->chain_.answer(wanted->ticket, *piece);
    self->flush();
  }
  self->reading_ = false;
}

}  // namespace inkwell::events
