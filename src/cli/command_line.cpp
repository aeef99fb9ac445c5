#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <fmt/format.h>
#include <list>
#include <sstream>

#include "cli/version.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/schema.hpp"

namespace inkwell::cli {
namespace {

constexpr std::string_view kFooter =
    "\nExit codes: 0 done, or stopped as asked; 1 it failed while it ran or started; 2 the command line or the "
    "configuration is wrong.";

// Shorter spellings of the flags that are typed most.
struct Alias {
  std::string_view flag;
  std::string_view setting;
};
constexpr std::array kAliases = {Alias{"--redis", "redis.url"},
                                 Alias{"--embeddings-upstream", "embeddings.upstream.url"}};

std::string_view type_name(config::Type type) {
  switch (type) {
    case config::Type::integer:
      return "NUMBER";
    case config::Type::boolean:
      return "true|false";
    case config::Type::duration:
      return "DURATION";
    case config::Type::size:
      return "SIZE";
    case config::Type::list:
      return "A,B,...";
    case config::Type::path:
      return "PATH";
    case config::Type::http_url:
    case config::Type::redis_url:
      return "URL";
    case config::Type::name:
      return "NAME";
    case config::Type::choice:
    case config::Type::text:
      break;
  }
  return "TEXT";
}

std::unexpected<Error> bad_usage(std::string message, std::string remedy) {
  return fail(ErrorKind::invalid_argument, "bad_usage", std::move(message), std::move(remedy));
}

// The flags of one command, and the words they were given.
class SettingFlags {
 public:
  explicit SettingFlags(CLI::App& command) : command_(command) {
    add("--config", "", "FILE", "The TOML file to read; by default the one INKWELL_CONFIG names, if any.", "Settings");
    add("--listen", "", "HOST:PORT", "Both listen.host and listen.port.", "Settings");
    for (const Alias& alias : kAliases)
      add(alias.flag, alias.setting, "URL", std::string(config::find(alias.setting)->meaning), "Settings");
    for (const config::Setting& setting : config::schema()) add_setting(setting);
  }

  Result<void> collect(CommandLine& out) const {
    for (const Given& given : given_) {
      if (given.option->count() == 0) continue;
      if (given.flag == "--config") {
        out.file = given.text;
      } else if (given.flag == "--listen") {
        if (auto listen = split_listen(given.text, out.flags); !listen) return listen;
      } else {
        out.flags.push_back({given.flag, given.setting, given.text});
      }
    }
    return {};
  }

  std::vector<std::string> known() const {
    std::vector<std::string> all = {"--help", "--json", "--model"};
    for (const Given& given : given_) all.push_back(given.flag);
    return all;
  }

 private:
  struct Given {
    std::string flag;
    std::string setting;
    std::string text;
    CLI::Option* option = nullptr;
  };

  void add_setting(const config::Setting& setting) {
    const std::string section(setting.name.substr(0, setting.name.find('.')));
    std::string about =
        fmt::format("{} [{}]", setting.meaning, setting.fallback.empty() ? "not set" : setting.fallback);
    if (setting.fallback.empty()) about = std::string(setting.meaning);
    // A secret's flag is known so that it can be refused with the reason, and not offered.
    const bool top = section.size() == setting.name.size();
    add(config::flag_name(setting.name), setting.name, type_name(setting.type), about,
        setting.secret ? ""
        : top          ? "Settings"
                       : "Settings: " + section);
  }

  void add(std::string_view flag, std::string_view setting, std::string_view type, const std::string& about,
           const std::string& group) {
    Given& given = given_.emplace_back(Given{std::string(flag), std::string(setting), {}, nullptr});
    given.option = command_.add_option(given.flag, given.text, about)->type_name(std::string(type))->group(group);
  }

  static Result<void> split_listen(const std::string& text, std::vector<config::Flag>& flags) {
    const std::size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool bare_v6 = !bracketed && host.find(':') != std::string::npos;
    if (colon == std::string::npos || host.empty() || colon + 1 == text.size() || bare_v6)
      return bad_usage(fmt::format("--listen: {} is not HOST:PORT.", config::quote(text)),
                       "It takes an address and a port, such as 127.0.0.1:4659 or [::1]:4659.");
    flags.push_back({"--listen", "listen.host", host});
    flags.push_back({"--listen", "listen.port", text.substr(colon + 1)});
    return {};
  }

  CLI::App& command_;
  std::list<Given> given_;  // CLI11 keeps references to its members
};

// What no option took: the first flag among it, or else the first word.
Result<void> refuse_extras(const CLI::App& command, const std::vector<std::string>& known, std::string_view what) {
  const auto extras = command.remaining();
  if (extras.empty()) return {};
  const auto flag = std::ranges::find_if(extras, [](const std::string& word) { return word.starts_with('-'); });
  std::string word = flag != extras.end() ? *flag : extras.front();
  word = word.substr(0, word.find('='));
  const std::string name = flag != extras.end() ? "flag" : std::string(what);
  if (known.empty()) return bad_usage(fmt::format("There is no {} {}.", name, config::quote(word)), "See --help.");
  return bad_usage(fmt::format("There is no {} {}.", name, config::quote(word)),
                   fmt::format("The nearest is '{}'; see `{} --help`.", config::nearest(word, known),
                               command.get_parent() == nullptr ? "inkwell" : "inkwell " + command.get_name()));
}

class Program {
 public:
  Program()
      : app_("Inkwell: conversations, events and embeddings for LLM applications, on Redis.", "inkwell"),
        serve_(*app_.add_subcommand("serve", "Serve the HTTP API; with no Redis named, on a private one it starts.")),
        config_(*app_.add_subcommand("config", "Look at the configuration.")),
        check_(*config_.add_subcommand("check", "Check what `serve` would be started with, and print it.")),
        default_(*config_.add_subcommand("default", "Print every setting with its default, as a file to start from.")),
        ttl_(*app_.add_subcommand("ttl", "Look at the lifetimes of what is stored.")),
        audit_(*ttl_.add_subcommand(
            "audit", "Count the keys of each family, and name each whose lifetime breaks its family's policy.")),
        doctor_(*app_.add_subcommand("doctor", "Look at what a server would stand on, and say what is wrong.")),
        embeddings_(*app_.add_subcommand("embeddings", "Look at the embeddings that are kept, and remove some.")),
        stats_(*embeddings_.add_subcommand("stats", "Count vectors and bytes by tenant, model and length.")),
        purge_(*embeddings_.add_subcommand("purge", "Remove all vectors of a model, of the configured tenant.")),
        key_(*app_.add_subcommand("key", "Make API keys.")),
        key_new_(*key_.add_subcommand("new", "Print a new key, this once, and its entry for the file of keys.")),
        serve_flags_(serve_),
        check_flags_(check_),
        audit_flags_(audit_),
        doctor_flags_(doctor_),
        stats_flags_(stats_),
        purge_flags_(purge_) {
    for (CLI::App* command : {&app_, &serve_, &config_, &check_, &default_, &ttl_, &audit_, &doctor_, &embeddings_,
                              &stats_, &purge_, &key_, &key_new_})
      command->allow_extras();
    audit_.add_flag("--json", json_, "Print JSON.");
    doctor_.add_flag("--json", json_, "Print JSON.");
    stats_.add_flag("--json", json_, "Print JSON.");
    purge_.add_flag("--json", json_, "Print JSON.");
    purge_.add_option("--model", model_, "Whose vectors go.")->type_name("NAME");
    key_new_.add_option("--tenant", tenant_, "Whose data the key opens. [default]")->type_name("NAME");
    app_.set_version_flag("--version", version_text(), "Print the version, the build and the libraries.");
    app_.set_help_flag("--help,-h", "Print this.");
    app_.footer(
        "Start with `inkwell serve`. Settings come from the defaults, then a TOML file, then INKWELL_* variables, then "
        "flags.\n" +
        std::string(kFooter));
    serve_.footer(
        "Every flag is also a key of the file and a variable: --listen-port is listen.port and "
        "INKWELL_LISTEN_PORT.\nSecrets are not flags: they come from variables or from files (auth.api_key: "
        "INKWELL_AUTH_API_KEY or --auth-api-key-file).\n" +
        std::string(kFooter));
    audit_.footer(
        "\nExit codes: 0 all is as it should be; 1 a key breaks its policy, or Redis could not be read; 2 usage.");
    doctor_.footer(
        "\nExit codes: 0 no errors, perhaps warnings; 1 errors; 2 the command line or the configuration is wrong.");
    config_.require_subcommand(0, 1);
    ttl_.require_subcommand(0, 1);
    embeddings_.require_subcommand(0, 1);
    key_.require_subcommand(0, 1);
  }

  Result<CommandLine> parse(const std::vector<std::string>& arguments) {
    try {
      app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::Success& success) {
      std::ostringstream text;
      app_.exit(success, text, text);
      return CommandLine{.text = text.str()};
    } catch (const CLI::ParseError& error) {
      return bad_usage(std::string(error.what()) + ".", "See --help.");
    }
    return decide();
  }

 private:
  Result<CommandLine> decide() {
    if (serve_.parsed()) return with_flags(Action::serve, serve_, serve_flags_);
    if (check_.parsed()) return with_flags(Action::check_config, check_, check_flags_);
    if (audit_.parsed()) return with_flags(Action::ttl_audit, audit_, audit_flags_);
    if (doctor_.parsed()) return with_flags(Action::doctor, doctor_, doctor_flags_);
    if (stats_.parsed()) return with_flags(Action::embeddings_stats, stats_, stats_flags_);
    if (purge_.parsed()) return purge();
    const bool wants_default = default_.parsed();
    const CLI::App& last = last_parsed();
    std::vector<std::string> known = {"--help"};
    if (key_new_.parsed()) known.emplace_back("--tenant");
    for (const CLI::App* command : last.get_subcommands({})) known.push_back(command->get_name());
    if (auto fine = refuse_extras(last, known, "command"); !fine) return std::unexpected(fine.error());
    if (wants_default) return CommandLine{.action = Action::default_config};
    if (key_new_.parsed()) return CommandLine{.action = Action::key_new, .tenant = tenant_};
    return CommandLine{.text = last.help()};
  }

  Result<CommandLine> purge() const {
    auto out = with_flags(Action::embeddings_purge, purge_, purge_flags_);
    if (!out) return out;
    if (model_.empty()) return bad_usage("No model is named.", "Name it: inkwell embeddings purge --model NAME.");
    out->model = model_;
    return out;
  }

  /// Of the commands that take no settings, the innermost one named.
  const CLI::App& last_parsed() const {
    for (const CLI::App* command : {&default_, &key_new_, &config_, &ttl_, &embeddings_, &key_})
      if (command->parsed()) return *command;
    return app_;
  }

  Result<CommandLine> with_flags(Action action, const CLI::App& command, const SettingFlags& flags) const {
    CommandLine out{.action = action, .json = json_};
    if (auto fine = refuse_extras(command, flags.known(), "argument"); !fine) return std::unexpected(fine.error());
    if (auto fine = flags.collect(out); !fine) return std::unexpected(fine.error());
    return out;
  }

  CLI::App app_;
  CLI::App& serve_;
  CLI::App& config_;
  CLI::App& check_;
  CLI::App& default_;
  CLI::App& ttl_;
  CLI::App& audit_;
  CLI::App& doctor_;
  CLI::App& embeddings_;
  CLI::App& stats_;
  CLI::App& purge_;
  CLI::App& key_;
  CLI::App& key_new_;
  SettingFlags serve_flags_;
  SettingFlags check_flags_;
  SettingFlags audit_flags_;
  SettingFlags doctor_flags_;
  SettingFlags stats_flags_;
  SettingFlags purge_flags_;
  bool json_ = false;
  std::string tenant_ = "default";
  std::string model_;
};

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) { return Program().parse(arguments); }

}  // namespace inkwell::cli
