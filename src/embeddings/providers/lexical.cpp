#include "embeddings/providers/lexical.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <xxhash.h>

namespace inkwell::embeddings {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::uint64_t kWordSeed = 0x776f7264;  // "word"
constexpr std::uint64_t kGramSeed = 0x6772616d;  // "gram"
constexpr std::uint64_t kWholeSeed = 0x616c6c;   // "all"
constexpr std::int64_t kWordWeight = 4;
constexpr std::size_t kLeastGram = 3;
constexpr std::size_t kMostGram = 5;
// A word longer than this is cut, so that its features stay linear in the text.
constexpr std::size_t kLongestWord = 64;

constexpr std::array<char32_t, 6> kLeastOfLength{0, 0, 0x80, 0x800, 0x10000, 0};

/// Takes the next code point off `text`; U+FFFD for each byte that starts none (RFC 3629).
char32_t next_code_point(std::string_view& text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 1) {
    text.remove_prefix(1);
    return first;
  }
  if (length != 0 && length <= text.size()) {
    char32_t code = first & (0x7Fu >> length);
    bool good = true;
    for (std::size_t i = 1; i < length; ++i) {
      good = good && (byte(i) & 0xC0) == 0x80;
      code = (code << 6) | (byte(i) & 0x3Fu);
    }
    if (good && code >= kLeastOfLength[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)) {
      text.remove_prefix(length);
      return code;
    }
  }
  text.remove_prefix(1);
  return kReplacement;
}

constexpr bool within(char32_t c, char32_t low, char32_t high) noexcept { return c >= low && c <= high; }

bool is_space(char32_t c) noexcept {
  return within(c, 0x09, 0x0D) || within(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         within(c, 0x2000, 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 ||
         c == 0xFEFF || c == 0;
}

bool is_punctuation(char32_t c) noexcept {
  if (c < 0x80) return !within(c, '0', '9') && !within(c, 'a', 'z') && !within(c, 'A', 'Z');
  return within(c, 0xA1, 0xA9) || within(c, 0xAB, 0xB1) || c == 0xB4 || within(c, 0xB6, 0xB8) || c == 0xBB ||
         c == 0xBF || c == 0xD7 || c == 0xF7 || within(c, 0x2010, 0x206F) || within(c, 0x3001, 0x3003) ||
         within(c, 0x3008, 0x3020) || c == 0x30FB || within(c, 0xFF01, 0xFF0F) || within(c, 0xFF1A, 0xFF20) ||
         within(c, 0xFF3B, 0xFF40) || within(c, 0xFF5B, 0xFF65);
}

bool is_ideograph(char32_t c) noexcept {
  return within(c, 0x2E80, 0x9FFF) || within(c, 0xAC00, 0xD7AF) || c >= 0x20000;
}

/// Simple case folding of the alphabets whose two cases lie at fixed distances.
char32_t folded(char32_t c) noexcept {
  if (within(c, 'A', 'Z') || (within(c, 0xC0, 0xDE) && c != 0xD7)) return c + 0x20;
  if (within(c, 0x100, 0x137) || within(c, 0x14A, 0x177)) return c | 1;        // Latin Extended-A: even, odd
  if (within(c, 0x139, 0x148) || within(c, 0x179, 0x17E)) return c + (c & 1);  // ... and odd, even
  if (within(c, 0x391, 0x3A9) && c != 0x3A2) return c + 0x20;                  // Greek
  if (within(c, 0x410, 0x42F)) return c + 0x20;                                // Cyrillic
  if (within(c, 0x400, 0x40F)) return c + 0x50;
  if (within(c, 0xFF21, 0xFF3A)) return c - 0xFF21 + 'a';  // full-width Latin
  if (within(c, 0xFF41, 0xFF5A)) return c - 0xFF41 + 'a';
  if (within(c, 0xFF10, 0xFF19)) return c - 0xFF10 + '0';
  return c;
}

/// Sums the signed features of one text.
class Sketch {
 public:
  explicit Sketch(std::uint32_t dimensions) : sums_(dimensions) {}

  void add_word(std::u32string_view word) {
    add(word, kWordSeed, kWordWeight);
    marked_.assign(1, U' ');
    marked_.append(word).push_back(U' ');
    add_grams(marked_, kLeastGram, kMostGram);
  }
  /// Ideographs stand without spaces, and words are mostly two of them.
  void add_ideographs(std::u32string_view run) { add_grams(run, 1, 3); }
  void add_mark(char32_t mark) { add(std::u32string_view(&mark, 1), kWordSeed, 1); }

  std::vector<float> unit(std::string_view text) {
    double square = 0;
    for (const auto sum : sums_) square += static_cast<double>(sum) * static_cast<double>(sum);
    if (square == 0) {  // every feature cancelled another: the text as a whole decides
      add_hash(XXH3_64bits_withSeed(text.data(), text.size(), kWholeSeed), 1);
      square = 1;
    }
    const double length = std::sqrt(square);
    std::vector<float> vector(sums_.size());
    for (std::size_t i = 0; i < sums_.size(); ++i)
      vector[i] = static_cast<float>(static_cast<double>(sums_[i]) / length);
    return vector;
  }

 private:
  void add_grams(std::u32string_view text, std::size_t least, std::size_t most) {
    for (std::size_t start = 0; start < text.size(); ++start) {
      for (std::size_t n = least; n <= most && start + n <= text.size(); ++n) add(text.substr(start, n), kGramSeed, 1);
    }
  }
  void add(std::u32string_view feature, std::uint64_t seed, std::int64_t weight) {
    bytes_.clear();
    for (const char32_t c : feature) {
      for (unsigned shift = 0; shift < 24; shift += 8) bytes_ += static_cast<char>((c >> shift) & 0xff);
    }
    add_hash(XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), seed), weight);
  }
  void add_hash(std::uint64_t hash, std::int64_t weight) {
    const auto coordinate = static_cast<std::size_t>(((hash >> 32) * sums_.size()) >> 32);
    sums_[coordinate] += (hash & 1) ? weight : -weight;
  }

  std::vector<std::int64_t> sums_;
  std::u32string marked_;
  std::string bytes_;
};

}  // namespace

bool is_blank(std::string_view text) noexcept {
  while (!text.empty()) {
    if (!is_space(next_code_point(text))) return false;
  }
  return true;
}

std::vector<float> lexical_vector(std::string_view text, std::uint32_t dimensions) {
  Sketch sketch(dimensions);
  std::u32string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    is_ideograph(word.front()) ? sketch.add_ideographs(word) : sketch.add_word(word);
    word.clear();
  };
  for (std::string_view rest = text; !rest.empty();) {
    const char32_t c = next_code_point(rest);
    const bool breaks = is_space(c) || is_punctuation(c);
    if (breaks || word.size() == kLongestWord || (!word.empty() && is_ideograph(c) != is_ideograph(word.front()))) {
      end_word();
    }
    if (!breaks) word += folded(c);
    if (breaks && !is_space(c)) sketch.add_mark(c);
  }
  end_word();
  return sketch.unit(text);
}

std::uint64_t estimated_tokens(std::string_view text) noexcept { return (text.size() + 3) / 4; }

}  // namespace inkwell::embeddings
