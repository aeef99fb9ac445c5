#include <bit>
#include <charconv>
#include <new>

#include <inkwell/redis/reply.hpp>

namespace inkwell::redis {

SharedBytes SharedBytes::allocate(std::size_t capacity) {
  SharedBytes bytes;
  bytes.block_ = new (::operator new(sizeof(Block) + capacity)) Block{1, capacity};
  return bytes;
}

void SharedBytes::free(Block* block) noexcept {
  block->~Block();
  ::operator delete(block);
}

std::string_view View::text() const noexcept {
  switch (node_->type) {
    case Type::string:
    case Type::error:
    case Type::real:
    case Type::big_number:
      return {base_ + node_->offset, node_->length};
    default:
      return {};
  }
}

std::optional<std::int64_t> View::integer() const noexcept {
  if (node_->type == Type::integer || node_->type == Type::boolean) return std::bit_cast<std::int64_t>(node_->length);
  if (node_->type != Type::string) return std::nullopt;
  const auto digits = text();
  std::int64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc{} || end.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<double> View::real() const noexcept {
  if (node_->type == Type::integer) return static_cast<double>(*integer());
  if (node_->type != Type::real && node_->type != Type::string) return std::nullopt;
  auto digits = text();
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc{} || end.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

View View::operator[](std::size_t index) const noexcept {
  auto child = begin();
  while (index-- > 0) ++child;
  return *child;
}

std::optional<View> View::find(std::string_view key) const noexcept {
  if (!is_aggregate()) return std::nullopt;
  const auto last = end();
  for (auto child = begin(); child != last;) {
    const View name = *child;
    if (++child == last) break;
    if (name.text() == key) return *child;
    ++child;
  }
  return std::nullopt;
}

}  // namespace inkwell::redis
