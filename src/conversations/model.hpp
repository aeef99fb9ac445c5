// What conversations are made of, to their callers. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

#include "conversations/item.hpp"

namespace inkwell::conversations {

inline constexpr std::size_t kMaxItemsAtCreation = 20;
inline constexpr std::size_t kMaxItemsAtOnce = 1000;
inline constexpr int kDefaultPage = 20;
inline constexpr int kMaxPage = 100;

/// Up to 16 pairs; keys of up to 64 characters, values of up to 512.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct Conversation {
  std::string id;
  std::int64_t created_at = 0;            ///< seconds since 1970, by Redis's clock
  std::int64_t version = 0;               ///< goes up with each change
  std::string metadata;                   ///< a JSON object
  std::chrono::milliseconds lifetime{0};  ///< counted from its last use
  std::int64_t expires_at = 0;  ///< when it is gone unless it is used again: seconds since 1970, by Redis's clock
};

struct Item {
  std::string id;
  std::string json;  ///< the whole item, its id included
};

/// What every write may ask for beside itself.
struct Write {
  Write() = default;
  /// When not empty, the write happens once however often it is sent within a day: a repetition gets the first one's
  /// answer, also while the first is under way. Then `fingerprint` (64 characters, as of SHA-256) tells repetitions
  /// from other requests with the same key, which are refused with "idempotency_key_reused".
  std::string idempotency_key;
  std::string fingerprint;
  /// Versions the conversation may have, else the write is refused with "version_mismatch". Empty: any.
  std::string expected_versions;  ///< "7" or "7,9"
};

/// A conversation to be.
struct NewConversation {
  NewConversation() = default;
  Metadata metadata;
  std::vector<NewItem> items;
  std::optional<std::chrono::milliseconds> lifetime;  ///< the options' when absent
};

/// What to change of a conversation; what is absent stays.
struct Change {
  Change() = default;
  std::optional<Metadata> metadata;
  std::optional<std::chrono::milliseconds> lifetime;
};

/// What a copy of a conversation is to be like; what is absent is as in the one copied.
struct Fork {
  Fork() = default;
  std::string last_item;  ///< the id of the last item to be in it; empty: the newest
  std::optional<Metadata> metadata;
  std::optional<std::chrono::milliseconds> lifetime;
};

/// Items that were appended or popped, and the version that the conversation has since.
struct Items {
  std::vector<Item> items;
  std::int64_t version = 0;
};

enum class Order : std::uint8_t { ascending, descending };

/// Items that were read. Immutable, so copies share them; used on one thread at a time.
class ItemList {
 public:
  ItemList() : ItemList(std::vector<Item>()) {}
  explicit ItemList(std::vector<Item> items) : shared_(std::make_shared<Shared>(std::move(items))) {}

  const std::vector<Item>& all() const noexcept { return shared_->items; }
  std::size_t size() const noexcept { return all().size(); }
  bool empty() const noexcept { return all().empty(); }
  auto begin() const noexcept { return all().begin(); }
  auto end() const noexcept { return all().end(); }
  const Item& front() const { return all().front(); }
  const Item& back() const { return all().back(); }
  const Item& at(std::size_t place) const { return all().at(place); }
  const Item& operator[](std::size_t place) const { return all()[place]; }

  /// What `make` makes of the list: made once, and kept with it.
  template <class Make>
  const std::shared_ptr<const std::string>& text(const Make& make) const {
    if (!shared_->text) shared_->text = std::make_shared<const std::string>(make(all()));
    return shared_->text;
  }

 private:
  struct Shared {
    explicit Shared(std::vector<Item> of) : items(std::move(of)) {}
    const std::vector<Item> items;
    std::shared_ptr<const std::string> text;
  };
  std::shared_ptr<Shared> shared_;
};

struct Page {
  ItemList items;
  std::int64_t version = 0;  ///< that the conversation had then
  bool has_more = false;
};

struct Snapshot {
  Conversation conversation;
  std::uint64_t newest = 0;  ///< number of its newest item
};

struct Piece {
  std::vector<Item> items;
  std::uint64_t next = 0;  ///< where the next piece begins; 0 when this is the last
};

/// Conversations of one owner, those changed last first.
struct ConversationPage {
  std::vector<Conversation> conversations;
  std::string next_after;  ///< where the next page begins; empty when this is the last
};

/// Whether `id` has the form of a conversation's id: "conv_" and 48 hexadecimal digits.
bool is_conversation_id(std::string_view id) noexcept;

/// The limits of the API; the error's param is "metadata".
Result<void> check_metadata(const Metadata& metadata);

inline constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

}  // namespace inkwell::conversations
