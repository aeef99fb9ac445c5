#include "events/topics/uri_template.hpp"

#include <algorithm>
#include <charconv>
#include <re2/re2.h>
#include <span>
#include <vector>

namespace inkwell::events {
namespace {

constexpr std::size_t kMaxVariables = 16;  // of one expression: the form-style operator's cost is their square
constexpr unsigned kMaxPrefix = 9999;      // RFC 6570 section 2.4.1
constexpr unsigned kLongestCount = 1000;   // RE2's own bound; a topic is hardly longer
constexpr std::string_view kEncoded = "|%[0-9A-Fa-f]{2}";
constexpr std::string_view kUnreserved = "[A-Za-z0-9._~\\-";  // the class is left open

struct Variable {
  std::string name;
  bool explode = false;
  unsigned prefix = 0;  ///< 0: none
};

/// A class of characters and of percent-encoded octets, to be repeated.
std::string one_of(std::string_view extra) {
  std::string out = "(?:";
  out.append(kUnreserved).append(extra).append("]").append(kEncoded).append(")");
  return out;
}

bool is_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos) {
    return false;
  }
  static const RE2 valid("(?:[A-Za-z0-9_.]|%[0-9A-Fa-f]{2})+");
  return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), valid);
}

std::optional<Variable> read_variable(std::string_view text) {
  Variable variable;
  if (text.ends_with('*')) {
    variable.explode = true;
    text.remove_suffix(1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto digits = text.substr(colon + 1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), variable.prefix);
    const bool whole = ec == std::errc() && end == digits.data() + digits.size();
    if (!whole || digits.front() == '0' || variable.prefix > kMaxPrefix) return std::nullopt;
    text = text.substr(0, colon);
  }
  if (!is_name(text)) return std::nullopt;
  variable.name = text;
  return variable;
}

std::optional<std::vector<Variable>> read_variables(std::string_view list) {
  std::vector<Variable> variables;
  for (;;) {
    const auto comma = list.find(',');
    auto variable = read_variable(list.substr(0, comma));
    if (!variable || variables.size() == kMaxVariables) return std::nullopt;
    variables.push_back(std::move(*variable));
    if (comma == std::string_view::npos) return variables;
    list.remove_prefix(comma + 1);
  }
}

/// A variable's value, within an expression whose values may also hold `extra`.
std::string value_of(const Variable& variable, std::string_view extra) {
  if (variable.prefix == 0) return one_of(std::string(",") + std::string(extra)) + "*";
  return one_of(extra) + "{0," + std::to_string(std::min(variable.prefix, kLongestCount)) + "}";
}

/// "{x}", "{+x}", "{#x}": values one after the other, separated by commas.
std::string joined(const std::vector<Variable>& variables, std::string_view extra) {
  if (variables.size() == 1 && !variables.front().explode) return value_of(variables.front(), extra);
  const bool map = std::ranges::any_of(variables, &Variable::explode);
  return one_of(std::string(map ? ",=" : ",") + std::string(extra)) + "*";
}

/// "{.x}" and "{/x}": each value behind the operator itself.
std::string labelled(const std::vector<Variable>& variables, std::string_view mark) {
  std::string out;
  for (const auto& variable : variables) {
    out.append("(?:").append(mark);
    out += variable.explode ? one_of("=") + "*)*" : value_of(variable, {}) + ")?";
  }
  return out;
}

/// "name=value", or "name" alone where the operator allows it for an empty value; of an exploded map, any names.
std::string named(const Variable& variable, bool bare_when_empty) {
  const std::string name = variable.explode ? one_of({}) + "+" : RE2::QuoteMeta(variable.name);
  const std::string value = "=" + (variable.explode ? one_of({}) + "*" : value_of(variable, {}));
  return name + (bare_when_empty ? "(?:" + value + ")?" : value);
}

/// "{;x,y}" and "{&x,y}": pairs, each behind a mark.
std::string pairs(std::span<const Variable> variables, std::string_view mark, bool bare_when_empty) {
  std::string out;
  for (const auto& variable : variables) {
    out.append("(?:").append(mark).append(named(variable, bare_when_empty)).append(variable.explode ? ")*" : ")?");
  }
  return out;
}

/// "{?x,y}": the first pair that is there stands behind '?', the others behind '&'.
std::string query(std::span<const Variable> variables) {
  std::string out = "(?:";
  for (std::size_t i = 0; i < variables.size(); ++i) {
    out.append(i == 0 ? "" : "|").append("\\?").append(named(variables[i], false));
    // An exploded one may go on with more pairs of its own.
    out += pairs(variables.subspan(variables[i].explode ? i : i + 1), "&", false);
  }
  return out + ")?";
}

std::optional<std::string> expression(std::string_view text) {
  constexpr std::string_view kReserved = ":/?#\\[\\]@!$&'()*+;=";
  const char mark = text.empty() ? '\0' : text.front();
  const bool has_operator = std::string_view("+#./;?&").find(mark) != std::string_view::npos && mark != '\0';
  const auto variables = read_variables(text.substr(has_operator ? 1 : 0));
  if (!variables) return std::nullopt;
  switch (has_operator ? mark : '\0') {
    case '+':
      return joined(*variables, kReserved);
    case '#':
      return "(?:#" + joined(*variables, kReserved) + ")?";
    case '.':
      return labelled(*variables, "\\.");
    case '/':
      return labelled(*variables, "/");
    case ';':
      return pairs(*variables, ";", true);
    case '&':
      return pairs(*variables, "&", false);
    case '?':
      return query(*variables);
    default:
      return joined(*variables, {});
  }
}

}  // namespace

std::optional<std::string> expression_of_template(std::string_view uri_template) {
  std::string out;
  while (!uri_template.empty()) {
    const auto brace = std::min(uri_template.find_first_of("{}"), uri_template.size());
    out += RE2::QuoteMeta(re2::StringPiece(std::string(uri_template.substr(0, brace))));
    uri_template.remove_prefix(brace);
    if (uri_template.empty()) break;
    const auto end = uri_template.find('}');
    if (uri_template.front() == '}' || end == std::string_view::npos) return std::nullopt;
    const auto part = expression(uri_template.substr(1, end - 1));
    if (!part) return std::nullopt;
    out += *part;
    uri_template.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace inkwell::events
