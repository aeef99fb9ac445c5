#include "redis/link/read_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace inkwell::redis::link {
namespace {

constexpr std::size_t kWorthReading = 4096;  // with less room than this, a fresh chunk saves more than it costs

}  // namespace

std::span<char> ReadBuffer::prepare(std::size_t wanted) {
  const std::size_t held = size();
  if (held == 0 && chunk_.is_sole_owner() && chunk_.capacity() == chunk_size_) begin_ = end_ = 0;
  const std::size_t missing = wanted > held ? wanted - held : 1;
  const std::size_t room = chunk_.capacity() - end_;
  // A reply whose length is known may end exactly at the end of its chunk; otherwise a little room is no room.
  const bool known = missing > 1;
  if (room < missing || (!known && room < kWorthReading)) {
    // Where the length is not known, doubling keeps the copying linear.
    const std::size_t grown = held > chunk_size_ / 2 ? held * 2 : chunk_size_;
    change_chunk(std::max({held + missing, known ? chunk_size_ : grown}));
  }
  return {chunk_.data() + end_, chunk_.capacity() - end_};
}

void ReadBuffer::change_chunk(std::size_t capacity) {
  SharedBytes chunk = capacity == chunk_size_ ? take_spare() : SharedBytes();
  if (!chunk) chunk = SharedBytes::allocate(capacity);
  const std::size_t held = size();
  if (held > 0) std::memcpy(chunk.data(), data(), held);
  keep_spare(std::exchange(chunk_, std::move(chunk)));
  begin_ = 0;
  end_ = held;
}

SharedBytes ReadBuffer::take_spare() noexcept {
  for (auto& spare : spares_) {
    if (spare.capacity() == chunk_size_ && spare.is_sole_owner()) return std::exchange(spare, SharedBytes());
  }
  return {};
}

// The oldest spare gives way: its replies keep it as long as they need it.
void ReadBuffer::keep_spare(SharedBytes chunk) noexcept {
  if (chunk.capacity() != chunk_size_) return;
  spares_[next_spare_] = std::move(chunk);
  next_spare_ = (next_spare_ + 1) % spares_.size();
}

}  // namespace inkwell::redis::link
