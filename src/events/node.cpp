#include "events/node.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inkwell::events {

Node::Node(std::size_t index, Hub& hub, asio::any_io_executor executor, keyspace::Store& store,
           const redis::Options& link, NodeOptions options)
    : index_(static_cast<std::uint32_t>(index)),
      hub_(hub),
      executor_(executor),
      store_(store),
      options_(std::move(options)),
      log_(store),
      subscriber_(executor, link, options_.sharded),
      gate_(executor),
      timer_(executor) {
  hub_.open(index, executor, [this](std::vector<Message>& messages) { receive(messages); });
  gate_.spawn("events: tick", tick_for_ever());
}

Node::~Node() { hub_.close(index_); }

asio::awaitable<Result<Published>> Node::publish(std::string channel, std::vector<Event> events,
                                                 std::optional<std::string> idempotency_key) {
  PublishOptions options = options_.publish;
  options.idempotency_key = std::move(idempotency_key);
  const std::size_t count = events.size();
  auto published = co_await log_.publish(std::move(channel), std::move(events), std::move(options));
  if (published && !published->replayed) counts_.published += count;
  co_return published;
}

asio::awaitable<Result<LogPage>> Node::history(std::string channel, Log::After after, std::size_t limit) {
  return log_.read_page(std::move(channel), after, limit);
}

Result<void> Node::follow(Reader& reader, std::string_view channel, Start start,
                          std::unique_ptr<const Selector> selector) {
  auto it = feeds_.find(channel);
  if (it == feeds_.end()) {
    if (closed_ || feeds_.size() >= options_.max_channels) {
      return std::unexpected(Error(ErrorKind::overloaded, "too_many_channels",
                                   "This server follows as many channels as it can.", "Try again later.")
                                 .with_retry_after(std::chrono::seconds(30)));
    }
    auto feed = std::make_shared<Feed>(*this, std::string(channel), ++tokens_);
    feeds_by_token_.emplace(feed->token(), feed.get());
    it = feeds_.emplace(std::string(channel), feed).first;
    post_to_owner(Message::Kind::attach, *feed);
  }
  reader.start_ = start;
  reader.joined_ = false;
  reader.selector_ = std::move(selector);
  it->second->add(reader);
  return {};
}

std::size_t Node::readers_of(std::string_view channel) const {
  const auto it = feeds_.find(channel);
  return it == feeds_.end() ? 0 : it->second->readers();
}

void Node::post_to_owner(Message::Kind kind, const Feed& feed) {
  Message message{
      .kind = kind, .from = index_, .token = feed.token(), .channel = feed.channel(), .event = {}, .snapshot = {}};
  hub_.post(hub_.owner_of(feed.channel()), std::move(message));
}

void Node::receive(std::vector<Message>& messages) {
  std::vector<std::shared_ptr<Feed>> touched;
  for (auto& message : messages) {
    switch (message.kind) {
      case Message::Kind::attach:
      case Message::Kind::detach:
      case Message::Kind::check:
        to_source(message);
        break;
      case Message::Kind::snapshot:
      case Message::Kind::append:
        to_feed(message, touched);
        break;
    }
  }
  for (const auto& feed : touched) feed->flush();
}

void Node::to_source(Message& message) {
  auto it = sources_.find(message.channel);
  if (message.kind == Message::Kind::attach) {
    if (it == sources_.end()) {
      auto source = std::make_shared<Source>(*this, message.channel);
      it = sources_.emplace(message.channel, source).first;
      source->open();
    }
    return it->second->attach(message.from, message.token);
  }
  if (it == sources_.end()) return;
  if (message.kind == Message::Kind::check) return it->second->check();
  it->second->detach(message.from, message.token);
  if (!it->second->abandoned()) return;
  const auto& stats = it->second->chain().stats();
  closed_sources_.appended += stats.appended;
  closed_sources_.duplicates += stats.duplicates;
  closed_sources_.repairs += stats.repairs;
  closed_sources_.gaps += stats.gaps;
  it->second->close();
  sources_.erase(it);
}

void Node::to_feed(Message& message, std::vector<std::shared_ptr<Feed>>& touched) {
  const auto it = feeds_by_token_.find(message.token);
  if (it == feeds_by_token_.end()) return;
  Feed& feed = *it->second;
  if (message.kind == Message::Kind::snapshot) {
    feed.restart(*message.snapshot);
  } else {
    feed.append(std::move(message.event));
  }
  for (const auto& known : touched) {
    if (known.get() == &feed) return;
  }
  touched.push_back(feed.shared_from_this());
}

void Node::wake_later(Reader& reader) {
  if (std::exchange(reader.queued_, true)) return;
  queue_.push_back(&reader);
  if (std::exchange(queue_scheduled_, true)) return;
  asio::post(executor_, [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) wake_queued();
  });
}

void Node::wake_queued() {
  queue_scheduled_ = false;
  const std::size_t count = queue_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Reader* reader = std::exchange(queue_[i], nullptr);
    if (!reader) continue;
    reader->queued_ = false;
    reader->on_ready();
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Node::forget(Reader& reader) {
  for (auto& queued : queue_) {
    if (queued == &reader) queued = nullptr;
  }
  reader.queued_ = false;
}

asio::awaitable<void> Node::tick_for_ever() {
  while (!closed_) {
    timer_.expires_after(options_.tick);
    co_await timer_.async_wait(asio::use_awaitable);
    tick();
  }
}

void Node::tick() {
  const auto now = std::chrono::steady_clock::now();
  tick_feeds(now);
  tick_sources(now);
}

void Node::tick_feeds(std::chrono::steady_clock::time_point now) {
  for (auto it = feeds_.begin(); it != feeds_.end();) {
    const auto feed = it->second;
    if (feed->readers() == 0 && now - feed->idle_since() >= options_.linger) {
      post_to_owner(Message::Kind::detach, *feed);
      feeds_by_token_.erase(feed->token());
      it = feeds_.erase(it);
      continue;
    }
    if (feed->tick()) post_to_owner(Message::Kind::check, *feed);
    ++it;
  }
}

void Node::tick_sources(std::chrono::steady_clock::time_point now) {
  const bool checks = options_.check_interval > std::chrono::milliseconds::zero();
  for (const auto& [name, source] : sources_) {
    source->flush();
    if (checks && source->check_due() <= now) source->check();
  }
}

asio::awaitable<void> Node::close() {
  closed_ = true;
  hub_.close(index_);
  for (const auto& [name, source] : sources_) source->close();
  co_await gate_.close();
  co_await subscriber_.close();
  sources_.clear();
  feeds_by_token_.clear();
  feeds_.clear();
}

NodeStats Node::stats() const {
  NodeStats stats = counts_;
  stats.channels = feeds_.size();
  stats.sources = sources_.size();
  for (const auto& [name, feed] : feeds_) stats.readers += feed->readers();
  ChainStats chains = closed_sources_;
  for (const auto& [name, source] : sources_) {
    const auto& chain = source->chain().stats();
    chains.appended += chain.appended;
    chains.duplicates += chain.duplicates;
    chains.repairs += chain.repairs;
    chains.gaps += chain.gaps;
  }
  stats.appended = chains.appended;
  stats.duplicates = chains.duplicates;
  stats.repairs = chains.repairs;
  stats.gaps = chains.gaps;
  return stats;
}

}  // namespace inkwell::events
