#include "base/random.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sys/random.h>

namespace inkwell {
namespace {

void fill(void* into, std::size_t size) {
  // Requests of up to 256 bytes are never interrupted and never short once the pool is initialised (getrandom(2)).
  if (::getrandom(into, size, 0) != static_cast<ssize_t>(size)) {
    std::perror("inkwell: getrandom");
    std::abort();
  }
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<unsigned char, 64> raw;
  std::string text;
  text.reserve(bytes * 2);
  while (bytes > 0) {
    const std::size_t step = bytes < raw.size() ? bytes : raw.size();
    fill(raw.data(), step);
    for (std::size_t i = 0; i < step; ++i) {
      text.push_back(kDigits[raw[i] >> 4]);
      text.push_back(kDigits[raw[i] & 15]);
    }
    bytes -= step;
  }
  return text;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  fill(&seed, sizeof seed);
  return seed;
}

}  // namespace inkwell
