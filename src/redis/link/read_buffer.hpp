// ReadBuffer: where replies are read into and where they stay. Replies refer into a shared chunk; the chunk is used
// again once nobody refers to it, and left to them otherwise. The bytes of the reply being read are contiguous: a part
// that would not fit moves to a new chunk. One thread; replies taken from it may be read elsewhere.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace inkwell::redis::link {

class ReadBuffer {
 public:
  static constexpr std::size_t kChunk = std::size_t{64} << 10;

  /// Room to read into, at least one byte, and enough that the current reply can grow to `wanted` bytes in all.
  std::span<char> prepare(std::size_t wanted) {
    const std::size_t held = end_ - begin_;
    const std::size_t need = wanted > held ? wanted : held + 1;
    if (held == 0 && chunk_ && chunk_.use_count() == 1) begin_ = end_ = 0;
    if (!chunk_ || begin_ + need > capacity_) move_to_new_chunk(need);
    return {chunk_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t bytes) noexcept { end_ += bytes; }

  /// First byte of the current reply, and how many bytes of it and of later ones are here.
  char* data() const noexcept { return chunk_.get() + begin_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  /// The current reply took so many bytes; the next one begins behind it.
  void consume(std::size_t bytes) noexcept { begin_ += bytes; }
  /// Keeps what data() points to alive.
  std::shared_ptr<const void> owner() const noexcept { return chunk_; }
  void clear() noexcept {
    begin_ = end_ = 0;
    chunk_.reset();
  }

 private:
  void move_to_new_chunk(std::size_t need) {
    const std::size_t capacity = need + need / 2 > kChunk ? need + need / 2 : kChunk;
    auto chunk = std::make_shared_for_overwrite<char[]>(capacity);
    if (end_ > begin_) std::memcpy(chunk.get(), chunk_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    capacity_ = capacity;
    chunk_ = std::move(chunk);
  }

  std::shared_ptr<char[]> chunk_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace inkwell::redis::link
