// The built-in embedder, `inkwell-lexical`: vectors of what a text is spelled like, not of what it means. Texts that
// share words and parts of words come out close; synonyms don't. It needs no model, no network and no memory, answers
// in microseconds and gives the same bits on every machine, so that the first request works offline; it is no
// replacement for a learned model.
//
// Method. The text is folded (lower case for Latin, Greek and Cyrillic letters; white space collapsed) and cut into
// words, runs of ideographs and punctuation marks. Features are the words, the character n-grams (3 to 5) of each word
// with a boundary mark at both ends, as in Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL
// 2017, and the 1- to 3-grams of ideographs. Each feature is hashed to one coordinate and one sign (Weinberger et al.,
// "Feature Hashing for Large Scale Multitask Learning", ICML 2009: the sign makes collisions cancel in expectation), a
// word weighing four n-grams, and the sum is scaled to length 1. Sums are integers until the last step, which is what
// makes it deterministic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inkwell::embeddings {

inline constexpr std::string_view kLexicalModel = "inkwell-lexical";
inline constexpr std::uint32_t kLexicalDimensions = 384;
inline constexpr std::uint32_t kMaxLexicalDimensions = 4096;

/// Whether there is nothing in `text` but white space, so that it has no lexical vector.
bool is_blank(std::string_view text) noexcept;

/// `text` is not blank; bytes that are no UTF-8 count as U+FFFD. `dimensions` is 1 to kMaxLexicalDimensions. The result
/// has length 1, never zero.
std::vector<float> lexical_vector(std::string_view text, std::uint32_t dimensions = kLexicalDimensions);

/// How many tokens a text is counted as where nothing better is known: a quarter of its bytes, rounded up.
std::uint64_t estimated_tokens(std::string_view text) noexcept;

}  // namespace inkwell::embeddings
