#include "cli/program.hpp"

#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/exit_code.hpp"
#include "cli/version.hpp"

namespace inkwell::cli {

int run(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, std::ostream& out,
        std::ostream& err) {
  (void)environment;
  CLI::App app("Inkwell: conversations, events and embeddings for LLM applications, on Redis.", "inkwell");
  app.set_version_flag("--version", version_text());
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& success) {
    app.exit(success, out, err);
    return kOk;
  } catch (const CLI::ParseError& error) {
    app.exit(error, out, err);
    return kUsage;
  }
  out << app.help();
  return kOk;
}

}  // namespace inkwell::cli
