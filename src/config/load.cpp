#include "config/load.hpp"

#include <fmt/format.h>

#include "config/assignment.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"

namespace inkwell::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxSecretBytes = 64u << 10;

/// What verifies signatures may be a secret or a public key; the latter is everybody's to read.
bool is_public_key(std::string_view text) {
  const bool is_public =
      text.starts_with("-----BEGIN PUBLIC KEY-----") || text.starts_with("-----BEGIN CERTIFICATE-----");
  return is_public && text.find("PRIVATE KEY-----") == std::string_view::npos;
}

Error error(std::string code, const Origin& origin, std::string_view setting, std::string_view what,
            std::string remedy) {
  std::string message = fmt::format("{}: {}", origin.place, what);
  return Error(ErrorKind::invalid_argument, std::move(code), std::move(message), std::move(remedy))
      .with_param(std::string(setting));
}

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment)
    if (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return {};
}

// What a value of the file must look like for a setting of this type; empty: whatever parse() makes of its text.
std::string_view shape_of(Type type) {
  switch (type) {
    case Type::integer:
      return "integer";
    case Type::boolean:
      return "boolean";
    case Type::list:
      return "list";
    default:
      return "text";
  }
}

bool shape_fits(const Setting& setting, const std::string& shape) {
  if (shape.empty() || shape == shape_of(setting.type)) return true;
  return shape == "integer" && (setting.type == Type::size || setting.type == Type::duration);
}

class Loader {
 public:
  explicit Loader(const Sources& sources) : sources_(sources), home_(variable(sources.environment, "HOME")) {
    for (const Setting& setting : schema()) {
      known_.emplace_back(setting.name);
      set(setting, *parse(setting, setting.fallback), {});
    }
  }

  std::expected<Loaded, std::vector<Error>> run() && {
    file_layer();
    gather(read_environment(sources_.environment));
    flag_layer();
    for (const Setting& setting : schema())
      if (!setting.secret_file_of.empty()) secret_file(setting);
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return std::move(loaded_);
  }

 private:
  void file_layer() {
    loaded_.file = sources_.file.empty() ? variable(sources_.environment, "INKWELL_CONFIG") : sources_.file;
    if (loaded_.file.empty()) return;
    const auto file = read_file(loaded_.file, kMaxFileBytes);
    if (!file) {
      errors_.push_back(file.error());
      return;
    }
    file_is_world_readable_ = file->world_readable;
    gather(read_toml(file->text, loaded_.file));
  }

  void flag_layer() {
    std::map<std::string, std::string> given;
    for (const Flag& flag : sources_.flags) {
      const Origin origin{Layer::flag, flag.flag};
      const auto [before, first] = given.emplace(flag.setting, flag.flag);
      if (!first) {
        errors_.push_back(error("given_twice", origin, flag.setting,
                                fmt::format("{} was given by {} already.", flag.setting, before->second),
                                "Give it once."));
      } else {
        assign({flag.setting, origin, flag.text, {}});
      }
    }
  }

  void gather(Gathered gathered) {
    for (Error& wrong : gathered.errors) errors_.push_back(std::move(wrong));
    for (const Assignment& assignment : gathered.assignments) assign(assignment);
  }

  void assign(const Assignment& assignment) {
    const Setting* setting = find(assignment.name);
    if (setting == nullptr) {
      errors_.push_back(unknown_setting(assignment.origin, assignment.name, known_));
    } else if (!shape_fits(*setting, assignment.shape)) {
      errors_.push_back(error("bad_value", assignment.origin, setting->name,
                              fmt::format("{}: the value is a {}.", setting->name, assignment.shape),
                              fmt::format("It takes {}, written as {}.", accepted(*setting),
                                          setting->type == Type::list         ? "[\"a\", \"b\"]"
                                          : shape_of(setting->type) == "text" ? "text in quotes"
                                                                              : "it is, without quotes")));
    } else if (auto value = parse(*setting, assignment.text); !value) {
      errors_.push_back(
          error("bad_value", assignment.origin, setting->name, value.error().message(), value.error().remedy()));
    } else if (may_stand_there(*setting, assignment)) {
      set(*setting, at_home(*setting, std::move(*value)), assignment.origin);
    }
  }

  // Secrets may come from the environment and from files only their owner reads, not from a command line, which `ps`
  // shows to every user of the machine.
  bool may_stand_there(const Setting& setting, const Assignment& assignment) {
    const bool secret = setting.secret || (setting.type == Type::redis_url && has_password(assignment.text));
    if (!secret || assignment.text.empty()) return true;
    const std::string what =
        setting.secret ? fmt::format("{} is a secret", setting.name) : fmt::format("{} holds a password", setting.name);
    if (assignment.origin.layer == Layer::flag) {
      errors_.push_back(
          error("secret_exposed", assignment.origin, setting.name,
                what + ", and every user of this machine can see a command line.",
                fmt::format("Set {} instead, or put it in a file that only you can read and name that in {}_file.",
                            environment_name(setting.name), setting.name)));
      return false;
    }
    if (assignment.origin.layer == Layer::file && file_is_world_readable_) {
      errors_.push_back(
          error("secret_exposed", assignment.origin, setting.name,
                what + ", and every user of this machine can read this file.",
                fmt::format("chmod o-r {}, or set {} instead.", loaded_.file, environment_name(setting.name))));
      return false;
    }
    return true;
  }

  void secret_file(const Setting& setting) {
    const Provenance path = loaded_.provenance.at(std::string(setting.name));
    const auto& name = std::get<std::string>(path.value);
    if (name.empty()) return;
    const Setting& secret = *find(setting.secret_file_of);
    const Provenance& given = loaded_.provenance.at(std::string(secret.name));
    if (!std::get<std::string>(given.value).empty()) {
      errors_.push_back(error(
          "given_twice", path.origin, setting.name,
          fmt::format("{} names a file, but {} is set too, by {}.", setting.name, secret.name, given.origin.place),
          "Set one of the two."));
      return;
    }
    auto text = read_secret(setting, path.origin, name);
    if (!text) {
      errors_.push_back(text.error());
    } else if (auto value = parse(secret, *text); !value) {
      errors_.push_back(
          error("bad_value", {Layer::file, name}, secret.name, value.error().message(), value.error().remedy()));
    } else {
      set(secret, std::move(*value), {Layer::file, name});
    }
  }

  Result<std::string> read_secret(const Setting& setting, const Origin& origin, const std::string& name) {
    auto file = read_file(name, kMaxSecretBytes);
    if (!file)
      return std::unexpected(error("unreadable_file", origin, setting.name,
                                   fmt::format("{}: {}", setting.name, file.error().message()), file.error().remedy()));
    if (file->world_readable && !is_public_key(file->text))
      return std::unexpected(
          error("secret_exposed", origin, setting.name,
                fmt::format("{}: every user of this machine can read {}.", setting.name, quote(name)),
                fmt::format("chmod 600 {} (in Kubernetes: defaultMode 0440).", name)));
    std::string text = std::move(file->text);
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    if (text.empty())
      return std::unexpected(error("bad_value", origin, setting.name,
                                   fmt::format("{}: {} is empty.", setting.name, quote(name)),
                                   fmt::format("Put {} in it.", setting.secret_file_of)));
    return text;
  }

  Value at_home(const Setting& setting, Value value) const {
    if (setting.type != Type::path || home_.empty()) return value;
    const auto& text = std::get<std::string>(value);
    return text.starts_with("~/") ? Value(home_ + text.substr(1)) : value;
  }

  void set(const Setting& setting, Value value, Origin origin) {
    setting.store(loaded_.config, value);
    loaded_.provenance.insert_or_assign(std::string(setting.name), Provenance{std::move(value), std::move(origin)});
  }

  const Sources& sources_;
  std::string home_;
  std::vector<std::string> known_;
  Loaded loaded_;
  std::vector<Error> errors_;
  bool file_is_world_readable_ = false;
};

}  // namespace

Error unknown_setting(const Origin& origin, std::string_view written, const std::vector<std::string>& known) {
  return error("unknown_setting", origin, written, fmt::format("there is no setting {}.", quote(written)),
               fmt::format("The nearest is '{}'; `inkwell config default` lists them all.", nearest(written, known)));
}

std::expected<Loaded, std::vector<Error>> load(const Sources& sources) { return Loader(sources).run(); }

}  // namespace inkwell::config
