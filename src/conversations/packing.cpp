#include "conversations/packing.hpp"

#include <charconv>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>
#include <zstd.h>

#include "conversations/item.hpp"

namespace inkwell::conversations {
namespace {

constexpr char kMark = 'Z';
constexpr std::size_t kHead = 9;  // the mark and the length
constexpr int kLevel = 1;         // text to about a third, at hundreds of megabytes a second
/// Normalising an item may write its content out longer than it came.
constexpr std::size_t kMost = 2 * kMaxItemBytes;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ::ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};

}  // namespace

std::string packed(std::string_view json, std::size_t above) {
  if (above == 0 || json.size() <= above || json.size() > kMost) return std::string(json);
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(::ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  std::string stored = fmt::format("{}{:08x}", kMark, json.size());
  stored.resize(kHead + ::ZSTD_compressBound(json.size()));
  const std::size_t size = ::ZSTD_compressCCtx(context.get(), stored.data() + kHead, stored.size() - kHead, json.data(),
                                               json.size(), kLevel);
  if (::ZSTD_isError(size) != 0 || kHead + size >= json.size()) return std::string(json);
  stored.resize(kHead + size);
  return stored;
}

std::optional<std::string> unpacked(std::string_view stored) {
  if (!stored.starts_with(kMark)) return std::string(stored);
  if (stored.size() < kHead) return std::nullopt;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(stored.data() + 1, stored.data() + kHead, length, 16);
  if (error != std::errc() || end != stored.data() + kHead || length > kMost) return std::nullopt;
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(::ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  std::string json(length, '\0');
  const std::size_t size =
      ::ZSTD_decompressDCtx(context.get(), json.data(), json.size(), stored.data() + kHead, stored.size() - kHead);
  if (::ZSTD_isError(size) != 0 || size != length) return std::nullopt;
  return json;
}

}  // namespace inkwell::conversations
