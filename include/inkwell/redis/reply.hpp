// Replies of a Redis server, decoded from RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
// A Reply owns (shares) the bytes it was read from; a View is a non-owning cursor into a Reply and lives no longer than
// it. Both are immutable once made: safe to read from several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace inkwell::redis {

/// RESP3 types. Attributes are parsed and dropped; streamed strings and aggregates arrive as their plain form.
enum class Type : std::uint8_t {
  null,
  string,  ///< bulk string, simple string (OK, PONG) or verbatim string (its format prefix dropped)
  error,   ///< simple or bulk error; text() is the whole line, "CODE message"
  integer,
  real,  ///< double; text() is its wire form
  boolean,
  big_number,
  array,
  set,
  map,  ///< children alternate key, value; size() counts both
  push,
};

/// One value of a reply in pre-order; an aggregate's children follow it. Internal to Reply, View and the parser.
struct Node {
  Type type = Type::null;
  std::uint32_t children = 0;  ///< of an aggregate: direct children
  std::uint32_t extent = 1;    ///< nodes of the whole subtree, itself included
  std::uint64_t offset = 0;    ///< of the payload from the reply's first byte
  std::uint64_t length = 0;    ///< of the payload; for integer and boolean the value itself, bit-cast
};

class View {
 public:
  View(const Node* node, const char* base) : node_(node), base_(base) {}

  Type type() const noexcept { return node_->type; }
  bool is_null() const noexcept { return node_->type == Type::null; }
  bool is_error() const noexcept { return node_->type == Type::error; }
  bool is_aggregate() const noexcept { return node_->type >= Type::array; }

  /// Bytes of a string, error, real or big number; empty for other types.
  std::string_view text() const noexcept;
  /// The value of an integer or boolean, or of a string that is wholly a decimal integer.
  std::optional<std::int64_t> integer() const noexcept;
  /// The value of a real, integer, or numeric string ("inf", "-inf", "nan" included).
  std::optional<double> real() const noexcept;

  /// Direct children of an aggregate; 0 for scalars. A map has twice as many as it has entries.
  std::size_t size() const noexcept { return is_aggregate() ? node_->children : 0; }
  /// Child `index`, which must be below size(). Costs a step a sibling; iterate instead where that matters.
  View operator[](std::size_t index) const noexcept;
  /// The value under `key` in a map (or in a flat array of pairs, as RESP2 wrote maps), if there is one.
  std::optional<View> find(std::string_view key) const noexcept;

  class Iterator {
   public:
    using value_type = View;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const Node* node, const char* base) : node_(node), base_(base) {}
    View operator*() const noexcept { return View(node_, base_); }
    Iterator& operator++() noexcept {
      node_ += node_->extent;
      return *this;
    }
    Iterator operator++(int) noexcept {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const noexcept { return node_ == other.node_; }

   private:
    const Node* node_ = nullptr;
    const char* base_ = nullptr;
  };
  Iterator begin() const noexcept { return Iterator(is_aggregate() ? node_ + 1 : node_ + node_->extent, base_); }
  Iterator end() const noexcept { return Iterator(node_ + node_->extent, base_); }

 private:
  const Node* node_;
  const char* base_;
};

/// Bytes that several replies share; the last owner frees them. Counted by hand, not by std::shared_ptr, so that the
/// reader that fills them can tell for sure that it is alone again and use them anew. Internal to Reply and the link.
class SharedBytes {
 public:
  SharedBytes() noexcept = default;
  /// `capacity` uninitialised bytes.
  static SharedBytes allocate(std::size_t capacity);
  SharedBytes(const SharedBytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBytes() {
    if (block_ != nullptr && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) free(block_);
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  char* data() const noexcept { return reinterpret_cast<char*>(block_ + 1); }
  std::size_t capacity() const noexcept { return block_ != nullptr ? block_->capacity : 0; }
  /// True when nobody else owns them, and whatever others read from them has been read.
  bool is_sole_owner() const noexcept {
    return block_ != nullptr && block_->owners.load(std::memory_order_acquire) == 1;
  }

 private:
  struct Block {
    std::atomic<std::size_t> owners;
    std::size_t capacity;
  };
  static void free(Block* block) noexcept;
  Block* block_ = nullptr;
};

/// A whole reply. Cheap to move; copying shares the bytes. A reply of one value costs no allocation. Holding a small
/// reply for long keeps the read buffer it came in alive: copy out what is kept.
class Reply {
 public:
  Reply() = default;
  /// A single value; `owner` keeps the bytes at `base` alive.
  Reply(const Node& node, SharedBytes owner, const char* base) : single_(node), owner_(std::move(owner)), base_(base) {}
  /// An aggregate: its nodes in pre-order, never empty.
  Reply(std::vector<Node> nodes, SharedBytes owner, const char* base)
      : nodes_(std::move(nodes)), owner_(std::move(owner)), base_(base) {}

  View view() const noexcept { return View(nodes_.empty() ? &single_ : nodes_.data(), base_); }
  operator View() const noexcept { return view(); }
  const View operator*() const noexcept { return view(); }

 private:
  Node single_;
  std::vector<Node> nodes_;
  SharedBytes owner_;
  const char* base_ = nullptr;
};

}  // namespace inkwell::redis
