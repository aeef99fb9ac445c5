#include <inkwell/redis/decode.hpp>

namespace inkwell::redis {

std::string_view name_of(Type type) noexcept {
  switch (type) {
    case Type::null:
      return "null";
    case Type::string:
      return "string";
    case Type::error:
      return "error";
    case Type::integer:
      return "integer";
    case Type::real:
      return "real";
    case Type::boolean:
      return "boolean";
    case Type::big_number:
      return "big_number";
    case Type::array:
      return "array";
    case Type::set:
      return "set";
    case Type::map:
      return "map";
    case Type::push:
      return "push";
  }
  return "unknown";
}

namespace detail {

std::unexpected<Error> unexpected_reply(View got, std::string_view wanted) {
  return fail(
      ErrorKind::upstream, "redis_unexpected_reply",
      "Redis answered with " + std::string(name_of(got.type())) + " where " + std::string(wanted) + " was expected.");
}

Result<std::int64_t> decode_integer(View view) {
  const auto value = view.integer();
  if (!value) return unexpected_reply(view, "an integer");
  return *value;
}

Result<double> decode_real(View view) {
  const auto value = view.real();
  if (!value) return unexpected_reply(view, "a number");
  return *value;
}

Result<bool> decode_bool(View view) {
  if (view.type() == Type::string && view.text() == "OK") return true;
  const auto value = view.integer();
  if (!value || (*value != 0 && *value != 1)) return unexpected_reply(view, "a boolean");
  return *value == 1;
}

Result<std::string> decode_text(View view) {
  switch (view.type()) {
    case Type::string:
    case Type::real:
    case Type::big_number:
      return std::string(view.text());
    case Type::integer:
      return std::to_string(*view.integer());
    default:
      return unexpected_reply(view, "a string");
  }
}

Result<StreamEntry> Decoder<StreamEntry>::of(View view) {
  if (!view.is_aggregate() || view.size() != 2) return unexpected_reply(view, "an entry of a stream");
  auto child = view.begin();
  auto id = decode_text(*child);
  if (!id) return std::unexpected(std::move(id.error()));
  const View fields = *++child;
  StreamEntry entry{.id = std::move(*id), .fields = {}};
  if (fields.is_null()) return entry;  // XCLAIM of an entry that is deleted
  if (!fields.is_aggregate() || fields.size() % 2 != 0) return unexpected_reply(fields, "fields of a stream's entry");
  entry.fields.reserve(fields.size() / 2);
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    auto name = decode_text(*field);
    if (!name) return std::unexpected(std::move(name.error()));
    auto value = decode_text(*++field);
    if (!value) return std::unexpected(std::move(value.error()));
    entry.fields.emplace_back(std::move(*name), std::move(*value));
  }
  return entry;
}

}  // namespace detail
}  // namespace inkwell::redis
