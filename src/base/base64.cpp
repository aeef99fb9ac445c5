#include "base/base64.hpp"

#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace inkwell {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> values_of_characters() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr auto kValues = values_of_characters();

unsigned at(std::span<const std::byte> bytes, std::size_t index) { return std::to_integer<unsigned>(bytes[index]); }

void encode_by_bytes(std::span<const std::byte> bytes, char* to) noexcept {
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned group = at(bytes, i) << 16 | at(bytes, i + 1) << 8 | at(bytes, i + 2);
    *to++ = kAlphabet[group >> 18];
    *to++ = kAlphabet[group >> 12 & 63];
    *to++ = kAlphabet[group >> 6 & 63];
    *to++ = kAlphabet[group & 63];
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 0) return;
  const unsigned group = at(bytes, i) << 16 | (rest == 2 ? at(bytes, i + 1) << 8 : 0U);
  *to++ = kAlphabet[group >> 18];
  *to++ = kAlphabet[group >> 12 & 63];
  *to++ = rest == 2 ? kAlphabet[group >> 6 & 63] : '=';
  *to = '=';
}

std::size_t padding_of(std::string_view text) noexcept {
  return text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
}

#if defined(__x86_64__)

// W. Mula and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions", ACM Transactions on the Web
// 12(3), 2018. The functions below take as much as fits whole blocks, and say how much that was.

bool has_avx2() noexcept {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

/// 24 bytes become 32 characters, as long as 28 can be read.
__attribute__((target("avx2"))) std::size_t encode_blocks(std::span<const std::byte> bytes, char* to) noexcept {
  const __m256i spread = _mm256_setr_epi8(5, 4, 6, 5, 8, 7, 9, 8, 11, 10, 12, 11, 14, 13, 15, 14,  //
                                          1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m256i offsets = _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                           '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0,
                                           'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                           '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
  std::size_t done = 0;
  const auto* from = reinterpret_cast<const char*>(bytes.data());
  for (; done + 28 <= bytes.size(); done += 24) {
    // Twelve bytes in each lane, the lower ones from the fifth byte of theirs on.
    const __m128i low = _mm_slli_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + done)), 4);
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + done + 12));
    const __m256i whole = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
    const __m256i upper =
        _mm256_mulhi_epu16(_mm256_and_si256(whole, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
    const __m256i lower =
        _mm256_mullo_epi16(_mm256_and_si256(whole, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
    const __m256i sextets = _mm256_or_si256(upper, lower);
    const __m256i beyond = _mm256_subs_epu8(sextets, _mm256_set1_epi8(51));
    const __m256i capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), sextets);
    const __m256i range = _mm256_or_si256(beyond, _mm256_and_si256(capital, _mm256_set1_epi8(13)));
    const __m256i text = _mm256_add_epi8(_mm256_shuffle_epi8(offsets, range), sextets);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + done / 3 * 4), text);
  }
  return done;
}

/// 32 characters become 24 bytes; stops before the first block that holds anything else. Writes 32 bytes a block.
__attribute__((target("avx2"))) std::size_t decode_blocks(std::string_view text, std::span<std::byte> to) noexcept {
  const __m256i low_classes =
      _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a,
                       0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
  const __m256i high_classes =
      _mm256_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
                       0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
  const __m256i rolls = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                         0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i gather = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,  //
                                          2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i mask = _mm256_set1_epi8(0x2f);
  std::size_t done = 0;
  for (; done + 32 <= text.size() && done / 4 * 3 + 32 <= to.size(); done += 32) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + done));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(block, 4), mask);
    const __m256i low = _mm256_and_si256(block, mask);
    const __m256i slash = _mm256_cmpeq_epi8(block, mask);
    if (_mm256_testz_si256(_mm256_shuffle_epi8(low_classes, low), _mm256_shuffle_epi8(high_classes, high)) == 0) break;
    const __m256i sextets = _mm256_add_epi8(block, _mm256_shuffle_epi8(rolls, _mm256_add_epi8(slash, high)));
    const __m256i pairs = _mm256_maddubs_epi16(sextets, _mm256_set1_epi32(0x01400140));
    const __m256i triples = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    const __m256i packed =
        _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(triples, gather), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.data() + done / 4 * 3), packed);
  }
  return done;
}

#else

bool has_avx2() noexcept { return false; }
std::size_t encode_blocks(std::span<const std::byte>, char*) noexcept { return 0; }
std::size_t decode_blocks(std::string_view, std::span<std::byte>) noexcept { return 0; }

#endif

}  // namespace

void append_base64_by_bytes(std::string& out, std::span<const std::byte> bytes) {
  const std::size_t start = out.size();
  out.resize(start + base64_length(bytes.size()));
  encode_by_bytes(bytes, out.data() + start);
}

void append_base64(std::string& out, std::span<const std::byte> bytes) {
  const std::size_t start = out.size();
  out.resize(start + base64_length(bytes.size()));
  const std::size_t done = has_avx2() ? encode_blocks(bytes, out.data() + start) : 0;
  encode_by_bytes(bytes.subspan(done), out.data() + start + done / 3 * 4);
}

std::optional<std::size_t> decoded_base64_length(std::string_view text) noexcept {
  if (text.size() % 4 != 0) return std::nullopt;
  return text.size() / 4 * 3 - padding_of(text);
}

bool decode_base64_by_bytes(std::string_view text, std::span<std::byte> to) noexcept {
  const std::size_t padding = padding_of(text);
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t characters = last ? 4 - padding : 4;
    unsigned group = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      const auto value = c < characters ? kValues[static_cast<unsigned char>(text[i + c])] : 0;
      if (value == kNone) return false;
      group = group << 6 | value;
    }
    const std::size_t bytes = characters - 1;
    if ((group & ((1U << (8 * (3 - bytes))) - 1)) != 0) return false;  // bits beyond the end
    for (std::size_t b = 0; b < bytes; ++b) to[written++] = static_cast<std::byte>(group >> (16 - 8 * b) & 0xff);
  }
  return true;
}

bool decode_base64(std::string_view text, std::span<std::byte> to) noexcept {
  const std::size_t done = has_avx2() ? decode_blocks(text, to) : 0;
  return decode_base64_by_bytes(text.substr(done), to.subspan(done / 4 * 3));
}

}  // namespace inkwell
