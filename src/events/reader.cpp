#include "events/reader.hpp"

#include "events/channel/feed.hpp"

namespace inkwell::events {

Start start_after(std::string_view cursor) noexcept {
  if (cursor == "earliest") return {.kind = Start::Kind::oldest, .id = {}};
  const auto id = EventId::parse(cursor);
  if (!id) return {.kind = Start::Kind::malformed, .id = {}};
  return {.kind = *id == kNoEvent ? Start::Kind::oldest : Start::Kind::after, .id = *id};
}

Reader::~Reader() { leave(); }

std::size_t Reader::peek(std::span<Item> items) { return feed_ ? feed_->peek(*this, items) : 0; }

void Reader::consume(const Item& item) {
  if (feed_) feed_->consume(*this, item);
}

void Reader::leave() {
  if (feed_) feed_->remove(*this);
}

}  // namespace inkwell::events
