// Request: one or more commands, already encoded as RESP arrays of bulk strings, sent in one piece and answered in
// order. A value type; not shared between threads while it is built.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

namespace inkwell::redis {

namespace detail {
template <class T>
concept StringLike = std::convertible_to<const T&, std::string_view>;
template <class T>
concept Number = (std::integral<T> || std::floating_point<T>) && !std::same_as<T, bool> && !std::same_as<T, char>;
template <class T>
concept Bytes = std::convertible_to<const T&, std::span<const std::byte>> && !StringLike<T>;
template <class T>
concept StringRange = std::ranges::forward_range<const T> && !StringLike<T> && !Bytes<T> &&
                      (StringLike<std::ranges::range_value_t<const T>> || Number<std::ranges::range_value_t<const T>>);
}  // namespace detail

/// What an argument of a command may be: text or bytes (sent verbatim), a number (shortest decimal form that reads back
/// the same), or a range of text or numbers (each element an argument of its own).
template <class T>
concept Argument = detail::StringLike<T> || detail::Number<T> || detail::Bytes<T> || detail::StringRange<T>;

class Request {
 public:
  Request() = default;
  template <Argument... Args>
  explicit Request(std::string_view name, const Args&... args) {
    add(name, args...);
  }

  /// Appends one command. Returns *this, so that commands can be chained.
  template <Argument... Args>
  Request& add(std::string_view name, const Args&... args) {
    begin(1 + (std::size_t{0} + ... + count_of(args)));
    bulk(name);
    (append(args), ...);
    return *this;
  }

  /// Commands in it.
  std::size_t size() const noexcept { return commands_; }
  bool empty() const noexcept { return commands_ == 0; }
  const std::string& wire() const& noexcept { return wire_; }
  std::string&& wire() && noexcept { return std::move(wire_); }
  void reserve(std::size_t bytes) { wire_.reserve(bytes); }
  /// Appends the commands of another request.
  Request& add_all(const Request& other) {
    wire_.append(other.wire_);
    commands_ += other.commands_;
    return *this;
  }
  /// Appends one command that is encoded already.
  Request& add_encoded(std::string_view wire) {
    wire_.append(wire);
    ++commands_;
    return *this;
  }

 private:
  template <class T>
  static std::size_t count_of(const T& arg) {
    if constexpr (detail::StringLike<T> || detail::Number<T> || detail::Bytes<T>) {
      return 1;
    } else {
      return static_cast<std::size_t>(std::ranges::distance(arg));
    }
  }
  template <class T>
  void append(const T& arg) {
    if constexpr (detail::StringLike<T>) {
      bulk(arg);
    } else if constexpr (detail::Number<T>) {
      char text[64];
      const auto end = std::to_chars(text, text + sizeof text, arg);
      bulk(std::string_view(text, end.ptr));
    } else if constexpr (detail::Bytes<T>) {
      const std::span<const std::byte> bytes(arg);
      bulk(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    } else {
      for (const auto& element : arg) append(element);
    }
  }
  void begin(std::size_t arguments);
  void bulk(std::string_view text);

  std::string wire_;
  std::size_t commands_ = 0;
};

}  // namespace inkwell::redis
