// decode<T>: a reply as C++ types, or an Error (ErrorKind::upstream, code "redis_unexpected_reply") that says what came
// instead. `auto names = decode<std::vector<std::string>>(co_await client.command("SMEMBERS", key));`
//
//   std::string              strings of every kind, numbers in their wire form
//   std::string_view         the same, uncopied: only from a View, and valid as long as its Reply
//   integers                 integers, booleans and decimal strings, when they fit
//   double, float            reals, integers and numeric strings
//   bool                     booleans, 0 and 1, "OK"
//   std::optional<T>         null is nullopt
//   std::vector<T>           arrays, sets and pushes
//   std::map, unordered_map  maps, and flat arrays of pairs
//   std::pair, std::tuple    arrays of exactly so many elements
//   StreamEntry              one of XRANGE's or XREAD's: `decode<std::vector<StreamEntry>>(XRANGE's answer)`,
//                            `decode<std::optional<std::map<std::string, std::vector<StreamEntry>>>>(XREAD's)`
//
// Pure; throws only what copying throws. Safe from any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/redis/reply.hpp>

namespace inkwell::redis {

/// One entry of a Redis stream.
struct StreamEntry {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;  ///< in the order they were added; names may repeat

  /// The first value of a field; null when there is none.
  const std::string* find(std::string_view field) const noexcept {
    for (const auto& [name, value] : fields)
      if (name == field) return &value;
    return nullptr;
  }
  bool operator==(const StreamEntry&) const = default;
};

/// A stable lower-case name of the type, e.g. "big_number". Static storage.
std::string_view name_of(Type type) noexcept;

namespace detail {

std::unexpected<Error> unexpected_reply(View got, std::string_view wanted);
/// The integer of an integer, boolean or decimal string.
Result<std::int64_t> decode_integer(View view);
Result<double> decode_real(View view);
Result<bool> decode_bool(View view);
/// The text of a scalar.
Result<std::string> decode_text(View view);

template <class T>
struct Decoder;

template <>
struct Decoder<std::string> {
  static Result<std::string> of(View view) { return decode_text(view); }
};

template <>
struct Decoder<std::string_view> {
  static Result<std::string_view> of(View view) {
    if (view.type() != Type::string) return unexpected_reply(view, "a string");
    return view.text();
  }
};

template <>
struct Decoder<bool> {
  static Result<bool> of(View view) { return decode_bool(view); }
};

template <std::integral T>
struct Decoder<T> {
  static Result<T> of(View view) {
    const auto value = decode_integer(view);
    if (!value) return std::unexpected(value.error());
    if (!std::in_range<T>(*value)) return unexpected_reply(view, "an integer in range");
    return static_cast<T>(*value);
  }
};

template <std::floating_point T>
struct Decoder<T> {
  static Result<T> of(View view) {
    const auto value = decode_real(view);
    if (!value) return std::unexpected(value.error());
    return static_cast<T>(*value);
  }
};

template <class T>
struct Decoder<std::optional<T>> {
  static Result<std::optional<T>> of(View view) {
    if (view.is_null()) return std::optional<T>();
    auto value = Decoder<T>::of(view);
    if (!value) return std::unexpected(std::move(value.error()));
    return std::optional<T>(std::move(*value));
  }
};

template <class T, class Allocator>
struct Decoder<std::vector<T, Allocator>> {
  static Result<std::vector<T, Allocator>> of(View view) {
    if (!view.is_aggregate() || view.type() == Type::map) return unexpected_reply(view, "an array");
    std::vector<T, Allocator> values;
    values.reserve(view.size());
    for (const View child : view) {
      auto value = Decoder<T>::of(child);
      if (!value) return std::unexpected(std::move(value.error()));
      values.push_back(std::move(*value));
    }
    return values;
  }
};

template <class Map>
struct MapDecoder {
  static Result<Map> of(View view) {
    if (!view.is_aggregate() || view.size() % 2 != 0) return unexpected_reply(view, "a map");
    Map map;
    for (auto child = view.begin(); child != view.end(); ++child) {
      auto key = Decoder<typename Map::key_type>::of(*child);
      if (!key) return std::unexpected(std::move(key.error()));
      auto value = Decoder<typename Map::mapped_type>::of(*++child);
      if (!value) return std::unexpected(std::move(value.error()));
      map.insert_or_assign(std::move(*key), std::move(*value));
    }
    return map;
  }
};

template <class K, class V, class... Rest>
struct Decoder<std::map<K, V, Rest...>> : MapDecoder<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct Decoder<std::unordered_map<K, V, Rest...>> : MapDecoder<std::unordered_map<K, V, Rest...>> {};

template <class Tuple>
struct TupleDecoder {
  static Result<Tuple> of(View view) {
    if (!view.is_aggregate() || view.size() != std::tuple_size_v<Tuple>) {
      return unexpected_reply(view, "an array of the right length");
    }
    return all(view, std::make_index_sequence<std::tuple_size_v<Tuple>>());
  }

 private:
  template <std::size_t... I>
  static Result<Tuple> all(View view, std::index_sequence<I...>) {
    auto child = view.begin();
    // Braces: evaluated in order, which is the order of the children.
    std::tuple<Result<std::tuple_element_t<I, Tuple>>...> parts{
        Decoder<std::tuple_element_t<I, Tuple>>::of(*child++)...};
    std::optional<Error> error;
    ((std::get<I>(parts) || error ? void() : void(error = std::get<I>(parts).error())), ...);
    if (error) return std::unexpected(std::move(*error));
    return Tuple(std::move(*std::get<I>(parts))...);
  }
};

template <class A, class B>
struct Decoder<std::pair<A, B>> : TupleDecoder<std::pair<A, B>> {};
template <class... T>
  requires(sizeof...(T) > 0)
struct Decoder<std::tuple<T...>> : TupleDecoder<std::tuple<T...>> {};

template <>
struct Decoder<StreamEntry> {
  static Result<StreamEntry> of(View view);
};

}  // namespace detail

template <class T>
Result<T> decode(View view) {
  return detail::Decoder<T>::of(view);
}

/// Of a command's answer: an error passes through. Not for std::string_view, which would outlive the reply.
template <class T>
  requires(!std::same_as<T, std::string_view>)
Result<T> decode(const Result<Reply>& reply) {
  if (!reply) return std::unexpected(reply.error());
  return detail::Decoder<T>::of(reply->view());
}

}  // namespace inkwell::redis
