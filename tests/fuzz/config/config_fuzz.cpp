// Any bytes as a configuration file and as the value of every setting: nothing crashes, whatever is accepted reads back
// as itself, and every refusal says something.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/assignment.hpp"
#include "config/nearest.hpp"
#include "config/schema.hpp"

namespace {

using namespace inkwell::config;

void check(bool holds) {
  if (!holds) std::abort();
}

void as_a_value(std::string_view text) {
  for (const Setting& setting : schema()) {
    const auto value = parse(setting, text);
    if (!value) {
      check(!value.error().message().empty() && value.error().remedy().starts_with("It takes "));
      continue;
    }
    Config config = defaults();
    setting.store(config, *value);
    const std::string shown = printable(setting, *value);
    if (setting.secret || shown.find("***") != std::string::npos) continue;
    const auto again = parse(setting, shown);
    check(again.has_value() && *again == *value);
  }
}

void as_a_file(std::string_view text) {
  const Gathered gathered = read_toml(text, "fuzz.toml");
  for (const Assignment& assignment : gathered.assignments) {
    check(!assignment.name.empty() && assignment.origin.place.starts_with("fuzz.toml:"));
    if (const Setting* setting = find(assignment.name)) (void)parse(*setting, assignment.text);
  }
  for (const inkwell::Error& error : gathered.errors) check(error.message().starts_with("fuzz.toml:"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  as_a_value(text);
  as_a_file(text);
  check(edit_distance(text.substr(0, 64), text.substr(0, 64)) == 0);
  return 0;
}
