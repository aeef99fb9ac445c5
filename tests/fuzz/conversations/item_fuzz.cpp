// Whatever JSON object comes in: normalising it never crashes, and what would be stored is valid JSON that holds every
// member, unchanged but for a message's content; and a window over such items keeps its limits.
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <string>

#include "conversations/item.hpp"
#include "conversations/window.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = boost::json;
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  const json::value parsed = json::parse(raw, error, {}, options);
  if (error || !parsed.is_object()) return 0;
  const auto item = inkwell::conversations::normalise_item(raw, parsed.get_object(), "items[0]");
  if (!item) return 0;
  if (item->again) {
    if (item->client_id.empty() || !item->json.empty()) std::abort();
    return 0;
  }
  const json::value stored = json::parse(R"({"id":"x")" + item->json, error, {}, options);
  if (error || !stored.is_object()) std::abort();
  for (const auto& [key, value] : parsed.get_object()) {
    if (key == "id" || key == "content" || (key == "type" && value.is_null())) continue;
    const auto* const kept = stored.get_object().if_contains(key);
    if (kept == nullptr) std::abort();
    // As text: Boost reads 0e400 as a NaN, which equals nothing.
    if (json::serialize(*kept) != json::serialize(value)) std::abort();
  }
  (void)inkwell::conversations::raw_elements(raw, "items");
  const std::string whole = R"({"id":"x")" + item->json;
  const std::array<std::string_view, 3> items{whole, R"({"type":"reasoning"})", whole};
  for (const std::size_t most : {1U, 2U, 3U}) {
    const auto begin = inkwell::conversations::window_begin(items, size % 2 == 0, {.items = most, .tokens = size});
    if (begin > items.size() || items.size() - begin > most || begin == 2) std::abort();
  }
  return 0;
}
