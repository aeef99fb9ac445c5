#include "server/routes/conversation_request.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>

namespace inkwell::server {
namespace {

using conversations::NewItem;
using conversations::WindowLimits;
using conversations::Write;

constexpr std::int64_t kMaxWindowTokens = 10'000'000;

std::unexpected<Error> invalid(std::string code, std::string message, std::string param) {
  return std::unexpected(
      Error(ErrorKind::invalid_argument, std::move(code), std::move(message)).with_param(std::move(param)));
}

/// SHA-256, in hexadecimal, of what makes two requests the same: method, path and body.
std::string fingerprint_of(const HttpRequest& request) {
  const auto text = fmt::format("{} {}\n{}", static_cast<int>(request.method), request.path, request.body);
  std::array<unsigned char, 32> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

/// The versions that an If-Match names, comma-separated; "" for any. A tag that isn't one of ours matches nothing, as a
/// weak one does.
std::string versions_of(std::string_view header) {
  std::string versions;
  while (!header.empty()) {
    auto tag = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), tag.size() + 1));
    const auto first = tag.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    tag = tag.substr(first, tag.find_last_not_of(" \t") - first + 1);
    if (tag == "*") return {};
    if (!versions.empty()) versions += ',';
    const bool ours = tag.size() > 2 && tag.front() == '"' && tag.back() == '"' &&
                      tag.substr(1, tag.size() - 2).find_first_not_of("0123456789") == std::string_view::npos;
    versions += ours ? tag.substr(1, tag.size() - 2) : "none";
  }
  return versions.empty() ? "none" : versions;
}

}  // namespace

Result<conversations::Metadata> metadata_of(const json::object& body) {
  auto object = optional_object(body, "metadata");
  if (!object) return std::unexpected(std::move(object.error()));
  conversations::Metadata metadata;
  if (*object == nullptr) return metadata;
  for (const auto& [key, value] : **object) {
    if (!value.is_string()) {
      return invalid("invalid_type", "The values of metadata must be strings.",
                     fmt::format("metadata.{}", std::string(key)));
    }
    metadata.emplace_back(key, value.get_string());
  }
  return metadata;
}

Result<std::vector<NewItem>> new_items_of(const HttpRequest& request, const json::array& items, std::size_t most) {
  if (items.size() > most) {
    return invalid("array_above_max_length",
                   fmt::format("Invalid 'items': array too long. Expected an array with maximum length {}, but got "
                               "an array with length {} instead.",
                               most, items.size()),
                   "items");
  }
  const auto texts = conversations::raw_elements(request.body, "items");
  std::vector<NewItem> normalised;
  normalised.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto param = fmt::format("items[{}]", i);
    if (!items[i].is_object()) return invalid("invalid_type", "An item must be an object.", param);
    auto item = conversations::normalise_item(texts[i], items[i].get_object(), param);
    if (!item) return std::unexpected(std::move(item.error()));
    normalised.push_back(std::move(*item));
  }
  return normalised;
}

Result<std::optional<std::chrono::milliseconds>> lifetime_of(const json::object& body) {
  struct Unit {
    std::string_view name;
    std::chrono::seconds length;
  };
  static constexpr std::array<Unit, 3> kUnits{
      {{"seconds", std::chrono::seconds(1)}, {"minutes", std::chrono::minutes(1)}, {"days", std::chrono::hours(24)}}};
  constexpr std::int64_t kMost = 1'000'000'000;  // of any unit: no product overflows; the limit proper comes later
  auto object = optional_object(body, "expires_after");
  if (!object) return std::unexpected(std::move(object.error()));
  if (*object == nullptr) return std::nullopt;
  const auto anchor = required_string(**object, "anchor", "expires_after.");
  if (!anchor) return std::unexpected(anchor.error());
  if (*anchor != "last_active_at") {
    return invalid("invalid_value", "Invalid value: the anchor must be 'last_active_at'.", "expires_after.anchor");
  }
  std::optional<std::chrono::milliseconds> lifetime;
  for (const auto& unit : kUnits) {
    const auto count = optional_integer(**object, unit.name, 1, kMost, "expires_after.");
    if (!count) return std::unexpected(count.error());
    if (!*count) continue;
    if (lifetime)
      return invalid("invalid_value", "expires_after takes one of its units, not several.", "expires_after");
    lifetime = **count * unit.length;
  }
  if (!lifetime) {
    return invalid("missing_required_parameter", "expires_after needs 'seconds', 'minutes' or 'days'.",
                   "expires_after");
  }
  return lifetime;
}

Result<Write> write_of(const HttpRequest& request) {
  Write write;
  if (const auto key = request.header("Idempotency-Key")) {
    const bool printable =
        std::ranges::all_of(*key, [](unsigned char character) { return character > 0x20 && character < 0x7f; });
    if (key->empty() || key->size() > conversations::kMaxIdempotencyKeyBytes || !printable) {
      return invalid("invalid_idempotency_key",
                     fmt::format("An Idempotency-Key takes 1 to {} printable ASCII characters without spaces.",
                                 conversations::kMaxIdempotencyKeyBytes),
                     "Idempotency-Key");
    }
    write.idempotency_key = *key;
    write.fingerprint = fingerprint_of(request);
  }
  if (const auto tags = request.header("If-Match")) write.expected_versions = versions_of(*tags);
  return write;
}

Result<std::optional<WindowLimits>> window_of(const HttpRequest& request) {
  const auto last = query_integer(request, "last", 1, static_cast<std::int64_t>(conversations::kMaxWindow));
  if (!last) return std::unexpected(last.error());
  const auto tokens = query_integer(request, "max_tokens", 1, kMaxWindowTokens);
  if (!tokens) return std::unexpected(tokens.error());
  if (!*last && !*tokens) return std::nullopt;
  for (const auto* name : {"after", "limit", "order"}) {
    if (!request.query_param(name)) continue;
    return invalid("invalid_value", fmt::format("'{}' doesn't go with 'last' or 'max_tokens'.", name), name);
  }
  WindowLimits limits;
  if (*last) limits.items = static_cast<std::size_t>(**last);
  if (*tokens) limits.tokens = static_cast<std::size_t>(**tokens);
  return limits;
}

}  // namespace inkwell::server
