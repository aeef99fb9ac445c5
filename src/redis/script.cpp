#include <array>
#include <openssl/evp.h>

#include <inkwell/redis/script.hpp>

namespace inkwell::redis {

Script::Script(std::string_view source) : source_(source) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
  unsigned length = 0;
  // SHA-1 is the server's choice (EVALSHA), not a security measure.
  EVP_Digest(source_.data(), source_.size(), raw.data(), &length, EVP_sha1(), nullptr);
  for (unsigned i = 0; i < length; ++i) {
    digest_.push_back(kDigits[raw[i] >> 4]);
    digest_.push_back(kDigits[raw[i] & 15]);
  }
}

}  // namespace inkwell::redis
