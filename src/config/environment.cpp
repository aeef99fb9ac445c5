#include <algorithm>
#include <array>

#include "config/assignment.hpp"

namespace inkwell::config {
namespace {

constexpr std::string_view kPrefix = "INKWELL_";
// Variables of the same prefix that are not settings: INKWELL_CONFIG names the file, INKWELL_SEED seeds the tests.
constexpr std::array<std::string_view, 2> kReserved = {"INKWELL_CONFIG", "INKWELL_SEED"};

bool has_service_port_suffix(std::string_view name) {
  const std::size_t port = name.find("_PORT_");
  if (port == std::string_view::npos) return false;
  const std::string_view rest = name.substr(port + 6);
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view protocol = rest.substr(digits);
  return digits > 0 && (protocol.starts_with("_TCP") || protocol.starts_with("_UDP") || protocol.starts_with("_SCTP"));
}

// Kubernetes gives every container variables for each service of its namespace ("Accessing the Service", environment
// variables); a service called "inkwell" would otherwise stop Inkwell from starting.
bool is_kubernetes_service_link(std::string_view name, std::string_view value) {
  return name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") ||
         name.find("_SERVICE_PORT_") != std::string_view::npos ||
         (name.ends_with("_PORT") && value.find("://") != std::string_view::npos) || has_service_port_suffix(name);
}

}  // namespace

Gathered read_environment(const std::vector<std::string>& environment) {
  std::vector<std::string> known;
  for (const Setting& setting : schema()) known.push_back(environment_name(setting.name));
  Gathered out;
  for (const std::string& variable : environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || !variable.starts_with(kPrefix)) continue;
    const std::string name = variable.substr(0, equals);
    const std::string value = variable.substr(equals + 1);
    const Origin origin{Layer::environment, name};
    if (std::ranges::find(kReserved, name) != kReserved.end()) continue;
    const auto found = std::ranges::find(known, name);
    if (found != known.end() && !(name.ends_with("_PORT") && value.starts_with("tcp://"))) {
      const Setting& setting = schema()[static_cast<std::size_t>(found - known.begin())];
      out.assignments.push_back({std::string(setting.name), origin, value, {}});
    } else if (!is_kubernetes_service_link(name, value)) {
      out.errors.push_back(unknown_setting(origin, name, known));
    }
  }
  return out;
}

}  // namespace inkwell::config
