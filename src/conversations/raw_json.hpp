// Walks over JSON text that is known to be valid, giving the text of members and elements untouched. Pure; keeps views
// only.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

namespace inkwell::conversations {

/// Iterates over the members of an object or the elements of an array.
class RawJson {
 public:
  /// `text` is a valid JSON object or array, with or without space around it.
  explicit RawJson(std::string_view text);

  struct Member {
    std::string_view key;    ///< with its quotes, escapes untouched; empty in an array
    std::string_view value;  ///< without space around it
  };
  std::optional<Member> next();

 private:
  void skip_space();
  std::string_view take_value();
  void skip_string();

  std::string_view text_;
  std::size_t at_ = 0;
  bool object_ = false;
};

}  // namespace inkwell::conversations
