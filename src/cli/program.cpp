#include "cli/program.hpp"

#include <fmt/format.h>
#include <ostream>

#include "cli/command_line.hpp"
#include "cli/doctor.hpp"
#include "cli/embeddings.hpp"
#include "cli/exit_code.hpp"
#include "cli/key_new.hpp"
#include "cli/serve.hpp"
#include "cli/server_options.hpp"
#include "cli/ttl_audit.hpp"
#include "config/describe.hpp"
#include "config/load.hpp"

namespace inkwell::cli {
namespace {

void tell(std::ostream& err, const Error& error) { err << "inkwell: " << error.to_string() << "\n"; }

int check_config(const config::Loaded& loaded, std::ostream& out) {
  out << config::effective_toml(loaded) << std::flush;
  return kOk;
}

}  // namespace

int run(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, std::ostream& out,
        std::ostream& err) {
  auto command = parse_command_line(arguments);
  if (!command) {
    tell(err, command.error());
    return kUsage;
  }
  if (command->action == Action::print) {
    out << command->text << std::flush;
    return kOk;
  }
  if (command->action == Action::default_config) {
    out << config::default_toml() << std::flush;
    return kOk;
  }
  if (command->action == Action::key_new) return key_new(command->tenant, out, err);
  const auto loaded = config::load({command->file, environment, command->flags});
  if (!loaded) {
    for (const Error& error : loaded.error()) tell(err, error);
    return kUsage;
  }
  auto options = server_options(*loaded);
  if (!options) {
    tell(err, options.error());
    return kUsage;
  }
  if (command->action == Action::check_config) return check_config(*loaded, out);
  if (command->action == Action::ttl_audit) return ttl_audit(*loaded, environment, command->json, out, err);
  if (command->action == Action::doctor) return doctor(*loaded, environment, command->json, out, err);
  if (command->action == Action::embeddings_stats) {
    return embeddings_stats(*loaded, environment, command->json, out, err);
  }
  if (command->action == Action::embeddings_purge) {
    return embeddings_purge(*loaded, environment, command->model, command->json, out, err);
  }
  return serve(*loaded, std::move(*options), environment, out, err);
}

}  // namespace inkwell::cli
