// Random identifiers and seeds from the kernel (getrandom(2)). Thread-safe.
#pragma once

#include <cstdint>
#include <string>

namespace inkwell {

/// `bytes` random bytes as lower-case hexadecimal (2 characters a byte). Unpredictable: fit for identifiers that must
/// not be guessed.
std::string random_hex(std::size_t bytes);

std::uint64_t random_seed();

}  // namespace inkwell
