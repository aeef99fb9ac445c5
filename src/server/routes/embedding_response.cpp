#include "server/routes/embedding_response.hpp"

#include <bit>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <vector>
#include <xxhash.h>

#include "base/base64.hpp"

namespace inkwell::server {
namespace {

constexpr std::size_t kLongestFloat = 16;  // "-1.17549435e-38" and a comma
constexpr std::size_t kItemFrame = 64;

std::size_t encoded_bytes(std::span<const float> vector, bool base64) {
  return base64 ? base64_length(vector.size_bytes()) : vector.size() * kLongestFloat;
}

}  // namespace

void append_floats(std::string& out, std::span<const float> vector) {
  const std::size_t start = out.size();
  out.resize(start + vector.size() * kLongestFloat + 2);
  char* to = out.data() + start;
  *to++ = '[';
  for (const float number : vector) {
    to = std::to_chars(to, to + kLongestFloat, number).ptr;
    *to++ = ',';
  }
  if (!vector.empty()) --to;
  *to++ = ']';
  out.resize(static_cast<std::size_t>(to - out.data()));
}

void append_base64(std::string& out, std::span<const float> vector) {
  if constexpr (std::endian::native == std::endian::big) {
    std::vector<float> swapped;
    for (const float number : vector) {
      swapped.push_back(std::bit_cast<float>(__builtin_bswap32(std::bit_cast<std::uint32_t>(number))));
    }
    inkwell::append_base64(out, std::as_bytes(std::span(swapped)));
  } else {
    inkwell::append_base64(out, std::as_bytes(vector));
  }
}

void VectorTexts::append(std::string& out, std::span<const float> vector) {
  const auto bytes = std::as_bytes(vector);
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed_);
  Digest256 key;
  std::memcpy(key.bytes.data(), &hash, sizeof hash);
  const auto now = HotCache::Clock::now();
  if (const auto kept = cache_.get(key, now)) {
    // The vector itself stands before its text: a text is never another vector's, whatever the hash says.
    const auto whole = kept.bytes();
    if (whole.size() > bytes.size() && std::memcmp(whole.data(), bytes.data(), bytes.size()) == 0) {
      out.append(reinterpret_cast<const char*>(whole.data()) + bytes.size(), whole.size() - bytes.size());
      return;
    }
  }
  const std::size_t start = out.size();
  append_floats(out, vector);
  const std::string_view text = std::string_view(out).substr(start);
  auto draft = HotCache::allocate(bytes.size() + text.size());
  std::memcpy(draft.bytes().data(), bytes.data(), bytes.size());
  std::memcpy(draft.bytes().data() + bytes.size(), text.data(), text.size());
  cache_.put(key, std::move(draft), HotCache::TimePoint::max(), now);
}

std::string embedding_response(const embeddings::Answer& answer, std::string_view model, bool base64,
                               VectorTexts& texts) {
  std::string out;
  out.reserve(answer.vectors.size() * (kItemFrame + encoded_bytes(answer.vectors.front().as<float>(), base64)) + 256);
  out += R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < answer.vectors.size(); ++i) {
    fmt::format_to(std::back_inserter(out), R"({}{{"object":"embedding","index":{},"embedding":)", i == 0 ? "" : ",",
                   i);
    const auto vector = answer.vectors[i].as<float>();
    if (base64) {
      out += '"';
      append_base64(out, vector);
      out += '"';
    } else {
      texts.append(out, vector);
    }
    out += '}';
  }
  fmt::format_to(std::back_inserter(out), R"(],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                 boost::json::serialize(boost::json::string_view(model.data(), model.size())), answer.tokens,
                 answer.tokens);
  return out;
}

}  // namespace inkwell::server
