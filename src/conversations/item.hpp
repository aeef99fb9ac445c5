// Items as they come in: the shorthand that the OpenAI API allows is written out, everything else stays byte for byte
// as it came, fields nobody has heard of and numbers beyond double precision included. Pure; no I/O.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::conversations {

/// An item ready to be stored.
struct NewItem {
  std::string client_id;  ///< the id it came with, or empty
  std::string prefix;     ///< what an id of ours begins with: "msg_"
  std::string json;       ///< the item's JSON from behind its id on: `,"type":"message",...}`
  bool again = false;     ///< an item_reference: the item `client_id` is appended once more; the rest is empty
};

/// Bounds of one item.
inline constexpr std::size_t kMaxItemBytes = std::size_t{10} << 20;
inline constexpr std::size_t kMaxClientIdBytes = 128;

/// Normalises one item. `raw` is the text of a JSON object that has been parsed already, `parsed` is what came out.
/// `param` is its place in the request ("items[3]"), for errors.
Result<NewItem> normalise_item(std::string_view raw, const boost::json::object& parsed, std::string_view param);

/// The texts of the elements of the array under `name` in the JSON object `object`; both must be valid JSON and the
/// field an array. Views into `object`. The last one counts when the name is given twice.
std::vector<std::string_view> raw_elements(std::string_view object, std::string_view name);

}  // namespace inkwell::conversations
