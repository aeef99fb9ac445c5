// Conversations::list_of: an owner's index, and what its conversations are now, read beside it.
#include <algorithm>

#include "conversations/answers.hpp"
#include "conversations/conversations.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;

/// A cursor is "TIME.ID", or an id alone.
IndexEntry entry_of(std::string_view cursor) {
  const auto dot = cursor.find('.');
  if (dot == std::string_view::npos) return {std::string(cursor), ""};
  return {std::string(cursor.substr(dot + 1)), std::string(cursor.substr(0, dot))};
}

bool is_place(const IndexEntry& entry) {
  return is_conversation_id(entry.id) && entry.at.size() <= 20 &&
         entry.at.find_first_not_of("0123456789") == std::string::npos;
}

/// A page as it is filled from one piece of the index after the other.
class Filling {
 public:
  Filling(std::size_t wanted, IndexEntry place) : wanted_(wanted), place_(std::move(place)) {}

  const IndexEntry& place() const noexcept { return place_; }
  bool full() const noexcept { return page_.conversations.size() == wanted_; }

  /// `answers` are HMGET and PEXPIRETIME of each entry; `more`: the index goes on behind them. Returns the ids of those
  /// that are gone.
  Result<std::vector<std::string>> add(const std::vector<IndexEntry>& entries,
                                       const std::vector<Result<redis::Reply>>& answers, bool more) {
    std::vector<std::string> gone;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto& fields = answers[2 * i];
      const auto& expires = answers[2 * i + 1];
      if (!fields || !expires) return std::unexpected(fields ? expires.error() : fields.error());
      auto found = conversation_of(fields->view(), expires->view(), entries[i].id);
      if (!found) {
        gone.push_back(entries[i].id);
      } else if (full()) {
        more = true;
      } else {
        page_.conversations.push_back(std::move(*found));
        place_ = entries[i];
      }
    }
    if (full() && more) page_.next_after = place_.at + "." + place_.id;
    // Behind the last one looked at, whether it was there or not.
    if (!full() && !entries.empty()) place_ = entries.back();
    return gone;
  }

  ConversationPage take() && { return std::move(page_); }

 private:
  std::size_t wanted_;
  IndexEntry place_;
  ConversationPage page_;
};

}  // namespace

awaitable<Result<ConversationPage>> Conversations::list_of(std::string owner, int limit, std::string after) {
  if (!scope_.owner.empty()) owner = scope_.owner;
  const auto wanted = static_cast<std::size_t>(std::clamp(limit, 1, kMaxPage));
  const std::vector<std::string_view> fields{"created", "version", "metadata", "lifetime"};
  IndexEntry start;
  if (!after.empty()) start = entry_of(after);
  // What has not the form of a cursor names no place, and is refused as one that is not there.
  if (!after.empty() && !is_place(start)) start = IndexEntry{.id = "none", .at = ""};
  Filling filling(wanted, std::move(start));
  for (bool more = true; more && !filling.full();) {
    auto entries = co_await registry_.page(owner, wanted + 1, filling.place());
    if (!entries) co_return std::unexpected(std::move(entries.error()));
    std::vector<keyspace::Key> keys;
    keys.reserve(entries->size());
    for (const auto& entry : *entries) keys.push_back(keys_.conversation(entry.id));
    const auto answers = co_await store_.read_hashes(keys, fields);
    more = entries->size() > wanted;
    auto gone = filling.add(*entries, answers, more);
    if (!gone) co_return std::unexpected(std::move(gone.error()));
    if (!gone->empty()) co_await registry_.forget(owner, std::move(*gone), false);
  }
  co_return std::move(filling).take();
}

}  // namespace inkwell::conversations
