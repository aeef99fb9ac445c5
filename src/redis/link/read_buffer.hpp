// ReadBuffer: where replies are read into and where they stay. Replies refer into a shared chunk; a chunk is used again
// once nobody else owns it, and is left to its replies otherwise. The bytes of the reply being read are contiguous: a
// part that would not fit moves to a new chunk, and a bulk whose length is known is read straight into a chunk of the
// right size. One thread; replies taken from it may be read and freed elsewhere.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <inkwell/redis/reply.hpp>

namespace inkwell::redis::link {

class ReadBuffer {
 public:
  static constexpr std::size_t kChunk = std::size_t{64} << 10;       ///< of a quiet connection ...
  static constexpr std::size_t kMostChunk = std::size_t{256} << 10;  ///< ... and of one whose reads fill it

  /// Room to read into, at least one byte, and enough that the current reply can grow to `wanted` bytes in all.
  std::span<char> prepare(std::size_t wanted);
  void commit(std::size_t bytes) noexcept {
    end_ += bytes;
    if (end_ == chunk_.capacity() && bytes >= chunk_size_ / 2 && chunk_size_ < kMostChunk) chunk_size_ *= 2;
  }

  /// First byte of the current reply, and how many bytes of it and of later ones are here.
  char* data() const noexcept { return chunk_.data() + begin_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  /// The current reply took so many bytes; the next one begins behind it.
  void consume(std::size_t bytes) noexcept { begin_ += bytes; }
  /// Keeps what data() points to alive.
  const SharedBytes& owner() const noexcept { return chunk_; }

 private:
  void change_chunk(std::size_t capacity);
  SharedBytes take_spare() noexcept;
  void keep_spare(SharedBytes chunk) noexcept;

  std::size_t chunk_size_ = kChunk;  ///< of the next chunk
  SharedBytes chunk_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<SharedBytes, 8> spares_;  ///< chunks of chunk_size_ bytes that replies may still refer to
  std::size_t next_spare_ = 0;
};

}  // namespace inkwell::redis::link
