#include "conversations/near.hpp"

namespace inkwell::conversations {
namespace {

constexpr std::size_t kOverhead = 128;  // of a value: its variant, its mark, its shared pointer's block

std::size_t size_of(const Item& item) { return sizeof(Item) + item.id.size() + item.json.size(); }

std::size_t size_of(const Near::Value& value) {
  if (const auto* const page = std::get_if<Page>(&value)) {
    std::size_t bytes = 0;
    for (const auto& item : page->items) bytes += size_of(item);
    return 2 * bytes;  // and what the caller makes of them
  }
  if (const auto* const item = std::get_if<Item>(&value)) return size_of(*item);
  return std::get<Conversation>(value).metadata.size();
}

redis::NearCacheOptions bounded(std::size_t max_bytes) {
  redis::NearCacheOptions options;
  options.max_bytes = max_bytes;
  return options;
}

}  // namespace

Near::Near(std::shared_ptr<redis::Invalidations> source, std::size_t max_bytes, WriteMarks& marks)
    : cache_(std::move(source), bounded(max_bytes)), marks_(marks) {}

// A control character ends a key here: keys have none.
std::string Near::name_of(std::string_view key, std::string_view query) {
  std::string name;
  name.reserve(key.size() + 1 + query.size());
  name += key;
  name += '\n';
  name += query;
  return name;
}

const Near::Value* Near::find(std::string_view key, std::string_view query) {
  found_ = cache_.find(name_of(key, query));
  if (!found_ || found_->mark != marks_.of(key)) return nullptr;
  return &found_->value;
}

Near::Ticket Near::begin(const std::string& key, std::string_view query) {
  const auto mark = marks_.of(key);
  return {cache_.begin(name_of(key, query), std::span(&key, 1)), mark};
}

void Near::keep(Ticket ticket, Value value, std::chrono::milliseconds left) {
  const std::size_t bytes = kOverhead + size_of(value);
  auto kept = std::make_shared<const Kept>(Kept{std::move(value), ticket.mark});
  cache_.store(std::move(ticket.ticket), std::move(kept), bytes, left);
}

void Near::written(std::string_view key) {
  marks_.step(key);
  cache_.forget(key);
}

}  // namespace inkwell::conversations
