#include "cli/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/default_directory.hpp"
#include "cli/version.hpp"
#include "config/schema.hpp"

namespace inkwell::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> flags_of(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  if (!line) return {line.error().to_string()};
  std::vector<std::string> out;
  for (const config::Flag& flag : line->flags) out.push_back(flag.flag + " " + flag.setting + "=" + flag.text);
  return out;
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  return line ? "it was understood" : line.error().to_string();
}

using Flags = std::vector<std::string>;

TEST(CommandLine, TakesEverySettingAsAFlag) {
  for (const config::Setting& setting : config::schema()) {
    const std::string flag = config::flag_name(setting.name);
    EXPECT_EQ(flags_of({"serve", flag, "x"}), Flags{flag + " " + std::string(setting.name) + "=x"});
    EXPECT_EQ(flags_of({"config", "check", flag + "=x"}), Flags{flag + " " + std::string(setting.name) + "=x"});
  }
}

TEST(CommandLine, TakesTheShortSpellings) {
  EXPECT_EQ(flags_of({"serve", "--redis", "redis://h"}), Flags{"--redis redis.url=redis://h"});
  EXPECT_EQ(flags_of({"serve", "--embeddings-upstream", "http://h"}),
            Flags{"--embeddings-upstream embeddings.upstream.url=http://h"});
  EXPECT_EQ(flags_of({"serve", "--listen", "0.0.0.0:80"}),
            (Flags{"--listen listen.host=0.0.0.0", "--listen listen.port=80"}));
  EXPECT_EQ(flags_of({"serve", "--listen", "[::1]:80"}),
            (Flags{"--listen listen.host=::1", "--listen listen.port=80"}));
  EXPECT_EQ(parse_command_line({"serve", "--config", "a.toml"})->file, "a.toml");
}

TEST(CommandLine, RefusesWhatIsNotHostAndPort) {
  for (const std::string text : {"4659", "127.0.0.1", "127.0.0.1:", ":4659", "::1:4659", "::1"}) {
    EXPECT_EQ(refusal({"serve", "--listen", text}),
              "--listen: '" + text +
                  "' is not HOST:PORT. It takes an address and a port, such as 127.0.0.1:4659 or "
                  "[::1]:4659.");
  }
}

TEST(CommandLine, NamesTheNearestOfAnUnknownFlagOrCommand) {
  EXPECT_EQ(refusal({"serve", "--lisen-port", "1"}),
            "There is no flag '--lisen-port'. The nearest is '--listen-port'; see `inkwell serve --help`.");
  EXPECT_EQ(refusal({"serve", "--datadir=/x"}),
            "There is no flag '--datadir'. The nearest is '--data-dir'; see `inkwell serve --help`.");
  EXPECT_EQ(refusal({"serv"}), "There is no command 'serv'. The nearest is 'serve'; see `inkwell --help`.");
  EXPECT_EQ(refusal({"config", "chek"}),
            "There is no command 'chek'. The nearest is 'check'; see `inkwell config --help`.");
  EXPECT_THAT(refusal({"serve", "now"}), StartsWith("There is no argument 'now'."));
  EXPECT_THAT(refusal({"--listen", "x"}), StartsWith("There is no flag '--listen'."));
}

TEST(CommandLine, RefusesAFlagWithoutItsValueOrGivenTwice) {
  EXPECT_THAT(refusal({"serve", "--data-dir"}), HasSubstr("--data-dir"));
  EXPECT_THAT(refusal({"serve", "--data-dir", "a", "--data-dir", "b"}), HasSubstr("--data-dir"));
}

TEST(CommandLine, PrintsHelpThatOffersEverySettingButSecrets) {
  const auto help = parse_command_line({"serve", "--help"});
  ASSERT_TRUE(help.has_value());
  EXPECT_EQ(help->action, Action::print);
  for (const config::Setting& setting : config::schema()) {
    const std::string line = config::flag_name(setting.name) + " ";
    if (setting.secret)
      EXPECT_THAT(help->text, Not(HasSubstr(line)));
    else
      EXPECT_THAT(help->text, HasSubstr(line));
  }
  EXPECT_THAT(help->text, HasSubstr("Exit codes: 0"));
}

TEST(CommandLine, UnderstandsEachCommand) {
  EXPECT_EQ(parse_command_line({"serve"})->action, Action::serve);
  EXPECT_EQ(parse_command_line({"config", "check"})->action, Action::check_config);
  EXPECT_EQ(parse_command_line({"config", "default"})->action, Action::default_config);
  EXPECT_THAT(parse_command_line({})->text, HasSubstr("serve"));
  EXPECT_THAT(parse_command_line({"config"})->text, HasSubstr("default"));
  EXPECT_THAT(parse_command_line({"--help"})->text, HasSubstr("serve"));
  EXPECT_THAT(parse_command_line({"--version"})->text, StartsWith("inkwell " + std::string(version()) + "\nbuild: "));
}

TEST(DefaultDirectory, FollowsTheXdgSpecification) {
  EXPECT_EQ(default_data_directory({"XDG_DATA_HOME=/data", "HOME=/home/ada"}), "/data/inkwell");
  EXPECT_EQ(default_data_directory({"XDG_DATA_HOME=relative", "HOME=/home/ada"}), "/home/ada/.local/share/inkwell");
  EXPECT_EQ(default_data_directory({"XDG_DATA_HOME=", "HOME=/home/ada"}), "/home/ada/.local/share/inkwell");
  EXPECT_TRUE(default_data_directory({})->is_absolute());
}

}  // namespace
}  // namespace inkwell::cli
