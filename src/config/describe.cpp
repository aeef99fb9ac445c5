#include "config/describe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>

namespace inkwell::config {
namespace {

std::string toml_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string toml_value(const Setting& setting, const Value& value) {
  if (const auto* items = std::get_if<std::vector<std::string>>(&value)) {
    std::vector<std::string> quoted;
    for (const std::string& item : *items) quoted.push_back(toml_text(item));
    return fmt::format("[{}]", fmt::join(quoted, ", "));
  }
  const std::string text = printable(setting, value);
  return setting.type == Type::integer || setting.type == Type::boolean ? text : toml_text(text);
}

// One line or more a setting, under the headings of their sections.
std::string toml_by_section(const std::function<std::string(const Setting&, std::string_view key)>& lines) {
  std::string text;
  std::string_view section;
  for (const Setting& setting : schema()) {
    const std::size_t dot = setting.name.rfind('.');
    const std::string_view own = dot == std::string_view::npos ? std::string_view() : setting.name.substr(0, dot);
    if (own != section) text += fmt::format("\n[{}]\n", own);
    section = own;
    text += lines(setting, dot == std::string_view::npos ? setting.name : setting.name.substr(dot + 1));
  }
  return text;
}

}  // namespace

std::string default_toml() {
  return toml_by_section([](const Setting& setting, std::string_view key) {
    const std::string about = fmt::format(
        "# {}\n# {}; {}.\n", setting.meaning, environment_name(setting.name),
        setting.secret ? "a secret, refused on the command line" : flag_name(setting.name) + ": " + accepted(setting));
    return fmt::format("{}{}{} = {}\n", about, setting.secret ? "# " : "", key,
                       toml_value(setting, *parse(setting, setting.fallback)));
  });
}

std::string effective_toml(const Loaded& loaded) {
  return toml_by_section([&](const Setting& setting, std::string_view key) {
    const Provenance& from = loaded.provenance.at(std::string(setting.name));
    const std::string note = from.origin.layer == Layer::defaults ? "" : fmt::format("  # from {}", from.origin.place);
    if (!setting.secret) return fmt::format("{} = {}{}\n", key, toml_value(setting, from.value), note);
    const bool set = !std::get<std::string>(from.value).empty();
    return fmt::format("# {} is {}{}\n", key, set ? "a secret that is set" : "not set", set ? note : "");
  });
}

}  // namespace inkwell::config
