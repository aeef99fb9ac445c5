#include "embeddings/key.hpp"

#include <array>
#include <bit>
#include <openssl/evp.h>
#include <stdexcept>

namespace inkwell::embeddings {
namespace {

constexpr std::byte kTextDomain{1};
constexpr std::byte kTokenDomain{2};
constexpr std::byte kChoiceDomain{3};

void append_le32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

}  // namespace

void Digester::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }
void Digester::Free::operator()(evp_md_st* algorithm) const noexcept { EVP_MD_free(algorithm); }

Digester::Digester() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (!algorithm_ || !context_) throw std::runtime_error("OpenSSL offers no SHA-256");
}

Digest256 Digester::of(std::byte domain, const void* data, std::size_t bytes) {
  Digest256 digest;
  unsigned written = 0;
  const bool good =
      EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1 &&
      EVP_DigestUpdate(context_.get(), &domain, 1) == 1 && EVP_DigestUpdate(context_.get(), data, bytes) == 1 &&
      EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.bytes.data()), &written) == 1;
  if (!good || written != digest.bytes.size()) throw std::runtime_error("OpenSSL failed to compute a SHA-256");
  return digest;
}

Digest256 Digester::operator()(const Input& input) {
  if (const auto* words = std::get_if<std::string>(&input)) return text(*words);
  return tokens(std::get<Tokens>(input));
}

Digest256 Digester::text(std::string_view text) { return of(kTextDomain, text.data(), text.size()); }

Digest256 Digester::tokens(const Tokens& tokens) {
  if constexpr (std::endian::native == std::endian::little) {
    return of(kTokenDomain, tokens.data(), tokens.size() * sizeof(std::uint32_t));
  } else {
    std::string bytes;
    for (const auto token : tokens) append_le32(bytes, token);
    return of(kTokenDomain, bytes.data(), bytes.size());
  }
}

Digest256 Digester::choice(const ModelChoice& choice) {
  std::string bytes;
  append_le32(bytes, choice.dimensions);
  bytes += choice.model;
  if (!choice.tenant.empty()) {
    bytes += '\0';  // in no tenant's name: the last one is this
    bytes += choice.tenant;
  }
  return of(kChoiceDomain, bytes.data(), bytes.size());
}

Digest256 hot_key(const Digest256& input, const Digest256& choice) noexcept {
  Digest256 key;
  for (std::size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = input.bytes[i] ^ choice.bytes[i];
  return key;
}

std::optional<Digest256> digest_of_hex(std::string_view text) {
  const auto nibble = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  Digest256 digest;
  if (text.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

std::string hex(const Digest256& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(digest.bytes.size() * 2);
  for (const auto byte : digest.bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace inkwell::embeddings
