#include "keyspace/key.hpp"

#include <charconv>
#include <fmt/format.h>
#include <stdexcept>

namespace inkwell::keyspace {
namespace {

constexpr char kTenantEnd = '\n';  // in no tenant's and no channel's name

bool plain(unsigned char c) {
  return c > 0x20 && c < 0x7f && c != '{' && c != '}' && c != ':' && c != '%' && c != '*' && c != '?' && c != '[' &&
         c != ']' && c != '\\';
}

// Percent-encoding (RFC 3986, section 2.1) of all that would break a key's form or act as a glob: injective, because
// '%' is encoded.
std::string encoded(std::string_view name) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(name.size());
  for (const char character : name) {
    const auto byte = static_cast<unsigned char>(character);
    if (plain(byte)) {
      text.push_back(character);
    } else {
      text.push_back('%');
      text.push_back(kDigits[byte >> 4]);
      text.push_back(kDigits[byte & 15]);
    }
  }
  return text;
}

/// The reverse; nothing for what encoded() never makes.
std::optional<std::string> decoded(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    if (text.front() != '%') {
      name.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    unsigned byte = 0;
    if (text.size() < 3) return std::nullopt;
    const auto [end, ec] = std::from_chars(text.data() + 1, text.data() + 3, byte, 16);
    if (ec != std::errc{} || end != text.data() + 3) return std::nullopt;
    name.push_back(static_cast<char>(byte));
    text.remove_prefix(3);
  }
  return name;
}

}  // namespace

std::string name_in_tenant(std::string_view tenant, std::string_view name) {
  std::string both(tenant);
  both += kTenantEnd;
  both += name;
  return both;
}

std::string_view Key::hash_tag() const noexcept {
  const auto open = text_.find('{');
  if (open == std::string::npos) return text_;
  const auto close = text_.find('}', open + 1);
  // An empty tag is no tag (Redis Cluster specification, "Hash tags").
  if (close == std::string::npos || close == open + 1) return text_;
  return std::string_view(text_).substr(open + 1, close - open - 1);
}

Keys::Keys(std::string_view tenant, std::string_view prefix) : tenant_(tenant) {
  if (tenant.empty() || prefix.empty()) throw std::logic_error("keyspace::Keys: tenant and prefix must not be empty");
  root_ = encoded(prefix) + ":";
  prefix_ = root_ + encoded(tenant) + ":";
}

Keys Keys::of(std::string_view tenant) const {
  Keys others = *this;
  others.tenant_ = tenant;
  others.prefix_ = root_ + encoded(tenant) + ":";
  return others;
}

Key Keys::channel_key(Family family, std::string_view name, std::string_view tail) const {
  const auto end = name.find(kTenantEnd);
  if (end == std::string_view::npos) return {family, fmt::format("{}chan:{{{}}}{}", prefix_, encoded(name), tail)};
  return {family,
          fmt::format("{}{}:chan:{{{}}}{}", root_, encoded(name.substr(0, end)), encoded(name.substr(end + 1)), tail)};
}

Key Keys::conversation(std::string_view id) const {
  return {Family::conversation, fmt::format("{}conv:{{{}}}", prefix_, encoded(id))};
}
Key Keys::conversation_items(std::string_view id) const {
  return {Family::conversation_items, fmt::format("{}conv:{{{}}}:items", prefix_, encoded(id))};
}
Key Keys::conversation_item_ids(std::string_view id) const {
  return {Family::conversation_item_ids, fmt::format("{}conv:{{{}}}:ids", prefix_, encoded(id))};
}
Key Keys::conversation_index(std::string_view owner) const {
  return {Family::conversation_index, fmt::format("{}convs:{{{}}}", prefix_, encoded(owner))};
}
Key Keys::conversation_idempotency(std::string_view id, std::string_view key) const {
  return {Family::conversation_idempotency, fmt::format("{}conv:{{{}}}:idem:{}", prefix_, encoded(id), encoded(key))};
}
Key Keys::conversation_usage() const {
  return {Family::conversation_usage, fmt::format("{}usage:{{conversations}}", prefix_)};
}
Key Keys::conversation_usage_moments() const {
  return {Family::conversation_usage_moments, fmt::format("{}usage:{{conversations}}:until", prefix_)};
}
Key Keys::channel_log(std::string_view name) const { return channel_key(Family::channel_log, name, ""); }
Key Keys::channel_live(std::string_view name) const { return channel_key(Family::channel_live, name, ":live"); }
Key Keys::channel_subscribers(std::string_view name) const {
  return channel_key(Family::channel_subscribers, name, ":subs");
}
Key Keys::channel_idempotency(std::string_view name, std::string_view key) const {
  return channel_key(Family::channel_idempotency, name, ":idem:" + encoded(key));
}
Key Keys::channel_generation(std::string_view name) const {
  return channel_key(Family::channel_generation, name, ":gen");
}
Key Keys::embedding(std::string_view model, std::uint32_t dimensions, std::string_view digest) const {
  return {Family::embedding, fmt::format("{}emb:{}:{}:{}", prefix_, encoded(model), dimensions, digest)};
}
Key Keys::embedding_lease(std::string_view model, std::uint32_t dimensions, std::string_view digest) const {
  return {Family::embedding_lease, fmt::format("{}emb:{}:{}:{}:lease", prefix_, encoded(model), dimensions, digest)};
}
Key Keys::hot_set(std::string_view model) const {
  return {Family::hot_set, fmt::format("{}hot:{}", prefix_, encoded(model))};
}

std::optional<Keys::EmbeddingName> Keys::parse_embedding(std::string_view key) const {
  constexpr std::string_view kFamily = "emb:";
  constexpr std::size_t kDigestDigits = 64;
  if (!key.starts_with(root_)) return std::nullopt;
  key.remove_prefix(root_.size());
  const auto tenant_end = key.find(':');
  if (tenant_end == std::string_view::npos) return std::nullopt;
  auto tenant = decoded(key.substr(0, tenant_end));
  key.remove_prefix(tenant_end + 1);
  if (!tenant || !key.starts_with(kFamily)) return std::nullopt;
  key.remove_prefix(kFamily.size());
  const auto model_end = key.find(':');
  if (model_end == std::string_view::npos) return std::nullopt;
  auto model = decoded(key.substr(0, model_end));
  key.remove_prefix(model_end + 1);
  EmbeddingName name;
  const auto [end, ec] = std::from_chars(key.data(), key.data() + key.size(), name.dimensions);
  if (!model || ec != std::errc{} || end == key.data() + key.size() || *end != ':') return std::nullopt;
  key.remove_prefix(static_cast<std::size_t>(end - key.data()) + 1);
  if (key.size() != kDigestDigits) return std::nullopt;  // also that of a lease
  name.tenant = std::move(*tenant);
  name.model = std::move(*model);
  name.digest = key;
  return name;
}

std::string Keys::embeddings_pattern(std::string_view model) const {
  // encoded() leaves nothing that a pattern would take for its own.
  return fmt::format("{}emb:{}:*", prefix_, encoded(model));
}

std::optional<Keys::HotSetName> Keys::parse_hot_set(std::string_view key) const {
  constexpr std::string_view kFamily = "hot:";
  if (!key.starts_with(root_)) return std::nullopt;
  key.remove_prefix(root_.size());
  const auto tenant_end = key.find(':');
  if (tenant_end == std::string_view::npos) return std::nullopt;
  auto tenant = decoded(key.substr(0, tenant_end));
  key.remove_prefix(tenant_end + 1);
  if (!tenant || !key.starts_with(kFamily)) return std::nullopt;
  auto model = decoded(key.substr(kFamily.size()));
  if (!model || model->empty()) return std::nullopt;
  return HotSetName{std::move(*tenant), std::move(*model)};
}

std::string Keys::any_hot_set_pattern() const { return root_ + "*:hot:*"; }

std::string Keys::any_embedding_pattern() const { return root_ + "*:emb:*"; }

std::chrono::milliseconds lifetime_with_jitter(Family family, double random) noexcept {
  const auto& row = rule(family);
  const double extra = static_cast<double>(row.lifetime.count()) * row.jitter_per_mille / 1000.0 * random;
  return row.lifetime + std::chrono::milliseconds(static_cast<std::int64_t>(extra));
}

bool sliding_refresh_due(std::chrono::milliseconds lifetime, std::chrono::milliseconds left) noexcept {
  return left.count() <= lifetime.count() - lifetime.count() / 30;
}

}  // namespace inkwell::keyspace
