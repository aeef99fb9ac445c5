#include "server/routes/embedding_response.hpp"

#include <bit>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <charconv>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <vector>

namespace inkwell::server {
namespace {

constexpr std::size_t kLongestFloat = 16;  // "-1.17549435e-38" and a comma
constexpr std::size_t kItemFrame = 64;

std::size_t encoded_bytes(std::span<const float> vector, bool base64) {
  return base64 ? (vector.size_bytes() + 2) / 3 * 4 : vector.size() * kLongestFloat;
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
  std::vector<float> swapped;
  if constexpr (std::endian::native == std::endian::big) {
    for (const float number : vector) {
      swapped.push_back(std::bit_cast<float>(__builtin_bswap32(std::bit_cast<std::uint32_t>(number))));
    }
    vector = swapped;
  }
  const std::size_t start = out.size();
  out.resize(start + encoded_bytes(vector, true) + 1);  // EVP_EncodeBlock ends with a NUL
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start),
                      reinterpret_cast<const unsigned char*>(vector.data()), static_cast<int>(vector.size_bytes()));
  out.resize(start + static_cast<std::size_t>(written));
}

std::string embedding_response(const embeddings::Answer& answer, std::string_view model, bool base64) {
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
      append_floats(out, vector);
    }
    out += '}';
  }
  fmt::format_to(std::back_inserter(out), R"(],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                 boost::json::serialize(boost::json::string_view(model.data(), model.size())), answer.tokens,
                 answer.tokens);
  return out;
}

}  // namespace inkwell::server
