#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/assignment.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"

namespace inkwell::config {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const Origin origin{Layer::file, fmt::format("{}:{}", file_, key.source().begin.line)};
      const std::string name = prefix + std::string(key.str());
      if (key.str().find('.') != std::string_view::npos) {
        add_error(origin, name, fmt::format("the key {} has a dot inside its quotes.", quote(key.str())),
                  "Write it without quotes.");
      } else if (const auto* inner = node.as_table(); inner != nullptr && find(name) == nullptr) {
        section(*inner, origin, name);
      } else {
        value(node, origin, name);
      }
    }
  }

  Gathered take() && { return std::move(out_); }

 private:
  // A section no setting lies in is one error, not one for each of its keys.
  void section(const toml::table& inner, const Origin& origin, const std::string& name) {
    std::vector<std::string> known;
    for (const Setting& setting : schema()) {
      if (setting.name.starts_with(name + ".")) return table(inner, name + ".");
      if (const std::size_t dot = setting.name.rfind('.'); dot != std::string_view::npos)
        known.emplace_back(setting.name.substr(0, dot));
    }
    add_error(origin, name, fmt::format("there is no section [{}].", name),
              fmt::format("The nearest is [{}]; `inkwell config default` lists them all.", nearest(name, known)));
  }

  void value(const toml::node& node, const Origin& origin, const std::string& name) {
    Assignment assignment{name, origin, {}, {}};
    if (const auto* text = node.as_string()) {
      assignment.text = text->get();
      assignment.shape = "text";
    } else if (const auto* integer = node.as_integer()) {
      assignment.text = fmt::format("{}", integer->get());
      assignment.shape = "integer";
    } else if (const auto* truth = node.as_boolean()) {
      assignment.text = truth->get() ? "true" : "false";
      assignment.shape = "boolean";
    } else if (const auto* array = node.as_array()) {
      assignment.shape = "list";
      if (!list(*array, assignment.text)) assignment.shape = "list of something else than text without commas";
    } else {
      assignment.shape = node.is_table() ? "table" : node.is_floating_point() ? "fraction" : "date or time";
    }
    out_.assignments.push_back(std::move(assignment));
  }

  static bool list(const toml::array& array, std::string& joined) {
    for (const toml::node& item : array) {
      const auto* text = item.as_string();
      if (text == nullptr || text->get().empty() || text->get().find(',') != std::string::npos) return false;
      if (!joined.empty()) joined += ',';
      joined += text->get();
    }
    return true;
  }

  void add_error(const Origin& origin, const std::string& name, const std::string& message, const std::string& remedy) {
    out_.errors.push_back(
        Error(ErrorKind::invalid_argument, "unknown_setting", fmt::format("{}: {}", origin.place, message), remedy)
            .with_param(name));
  }

  std::string file_;
  Gathered out_;
};

}  // namespace

Gathered read_toml(std::string_view text, const std::string& file) {
  Reader reader(file);
  try {
    reader.table(toml::parse(text, file), "");
  } catch (const toml::parse_error& error) {
    Gathered out;
    out.errors.push_back(
        Error(ErrorKind::invalid_argument, "unreadable_file",
              fmt::format("{}:{}: this is not TOML: {}.", file, error.source().begin.line, error.description()),
              "See https://toml.io for the syntax, or start from `inkwell config default`."));
    return out;
  }
  return std::move(reader).take();
}

}  // namespace inkwell::config
