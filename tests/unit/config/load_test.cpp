#include "config/load.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "config/describe.hpp"

namespace inkwell::config {
namespace {

// A folder for the files of one test, and what load() says of them.
class ConfigLoad : public testing::Test {
 protected:
  ConfigLoad() {
    std::string pattern = (std::filesystem::temp_directory_path() / "inkwell-config-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ConfigLoad() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text,
                    std::filesystem::perms mode = std::filesystem::perms{0600}) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    std::filesystem::permissions(path, mode);
    return path.string();
  }

  static std::vector<std::string> refusals(const Sources& sources) {
    const auto loaded = load(sources);
    std::vector<std::string> messages;
    if (!loaded)
      for (const Error& error : loaded.error()) messages.push_back(error.to_string());
    return messages;
  }

  // The one refusal, with the test's folder taken out of it.
  std::string refusal(const Sources& sources) const {
    const auto all = refusals(sources);
    if (all.size() != 1) return "there are " + std::to_string(all.size()) + " refusals";
    std::string text = all.front();
    const std::string folder = folder_.string() + "/";
    for (std::size_t at = 0; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
    return text;
  }

  std::filesystem::path folder_;
};

constexpr auto kEveryoneReads = std::filesystem::perms{0644};

TEST_F(ConfigLoad, EachLayerWinsOverTheOnesBelow) {
  const std::string file = write("inkwell.toml", "[listen]\nport = 1\n[events]\nheartbeat = \"1s\"\nmax_entries = 7\n");
  Sources sources{.file = file, .environment = {"INKWELL_LISTEN_PORT=2", "INKWELL_EVENTS_HEARTBEAT=2s", "OTHER=x"}};
  sources.flags = {{"--listen-port", "listen.port", "3"}};

  const auto loaded = load(sources);

  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->config.listen.port, 3);
  EXPECT_EQ(loaded->config.events.heartbeat, std::chrono::seconds(2));
  EXPECT_EQ(loaded->config.events.max_entries, 7U);
  EXPECT_EQ(loaded->config.listen.host, "127.0.0.1");
  EXPECT_EQ(loaded->origin_of("listen.port").place, "--listen-port");
  EXPECT_EQ(loaded->origin_of("events.heartbeat").place, "INKWELL_EVENTS_HEARTBEAT");
  EXPECT_EQ(loaded->origin_of("events.max_entries").place, file + ":5");
  EXPECT_EQ(loaded->origin_of("listen.host").layer, Layer::defaults);
}

TEST_F(ConfigLoad, ReadsTheFileTheEnvironmentNamesUnlessAFlagNamesAnother) {
  const std::string one = write("one.toml", "[listen]\nport = 1\n");
  const std::string two = write("two.toml", "[listen]\nport = 2\n");
  EXPECT_EQ(load({.environment = {"INKWELL_CONFIG=" + one}})->config.listen.port, 1);
  EXPECT_EQ(load({.file = two, .environment = {"INKWELL_CONFIG=" + one}})->config.listen.port, 2);
}

TEST_F(ConfigLoad, ReadsEveryTypeFromTheFile) {
  const auto loaded = load({.file = write("inkwell.toml", R"(
tenant = "novels"
log.level = "debug"
embeddings.upstream.models = ["small", "large"]
server.max_body_bytes = 65536
[embeddings.hot]
max_bytes = "64MiB"
ttl = "15m"
)")});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->config.tenant, "novels");
  EXPECT_EQ(loaded->config.log.level, "debug");
  EXPECT_EQ(loaded->config.embeddings.upstream.models, (std::vector<std::string>{"small", "large"}));
  EXPECT_EQ(loaded->config.server.max_body_bytes, 65536U);
  EXPECT_EQ(loaded->config.embeddings.hot.max_bytes, 64U << 20);
  EXPECT_EQ(loaded->config.embeddings.hot.ttl, std::chrono::minutes(15));
}

TEST_F(ConfigLoad, NamesThePlaceAndTheNearestOfAnUnknownKey) {
  EXPECT_EQ(refusal({.file = write("a.toml", "\n[listen]\nprot = 1\n")}),
            "a.toml:3: there is no setting 'listen.prot'. The nearest is 'listen.port'; `inkwell config default` lists "
            "them all.");
  EXPECT_EQ(refusal({.file = write("b.toml", "[lisn]\nport = 1\nhost = 2\n")}),
            "b.toml:1: there is no section [lisn]. The nearest is [listen]; `inkwell config default` lists them all.");
  EXPECT_EQ(refusal({.environment = {"INKWELL_LISTEN_PROT=1"}}),
            "INKWELL_LISTEN_PROT: there is no setting 'INKWELL_LISTEN_PROT'. The nearest is 'INKWELL_LISTEN_PORT'; "
            "`inkwell config default` lists them all.");
}

TEST_F(ConfigLoad, NamesThePlaceOfABadValueInEachLayer) {
  const std::string rest = "listen.port: '70000' is above 65535. It takes an integer from 0 to 65535.";
  EXPECT_EQ(refusal({.file = write("a.toml", "[listen]\nport = 70000\n")}), "a.toml:2: " + rest);
  EXPECT_EQ(refusal({.environment = {"INKWELL_LISTEN_PORT=70000"}}), "INKWELL_LISTEN_PORT: " + rest);
  EXPECT_EQ(refusal({.flags = {{"--listen", "listen.port", "70000"}}}), "--listen: " + rest);
}

TEST_F(ConfigLoad, RefusesValuesOfTheWrongTypeInTheFile) {
  const auto of = [&](std::string_view text) { return refusal({.file = write("a.toml", text)}); };
  EXPECT_EQ(
      of("listen.port = \"80\""),
      "a.toml:1: listen.port: the value is a text. It takes an integer from 0 to 65535, written as it is, without "
      "quotes.");
  EXPECT_EQ(of("listen.host = 1"),
            "a.toml:1: listen.host: the value is a integer. It takes text that is not empty, written as text in "
            "quotes.");
  EXPECT_EQ(of("listen.port = 1.5"),
            "a.toml:1: listen.port: the value is a fraction. It takes an integer from 0 to 65535, written as it is, "
            "without quotes.");
  EXPECT_EQ(
      of("events.heartbeat = 15"),
      "a.toml:1: events.heartbeat: '15' has no unit. It takes a duration from 100ms to 1h, written as 500ms, 30s, "
      "15m, 1h30m or 30d.");
  EXPECT_EQ(of("embeddings.upstream.models = [1]"),
            "a.toml:1: embeddings.upstream.models: the value is a list of something else than text without commas. It "
            "takes a list of at most 256 texts, written as [\"a\", \"b\"].");
  EXPECT_EQ(
      of("listen.port = {a = 1}"),
      "a.toml:1: listen.port: the value is a table. It takes an integer from 0 to 65535, written as it is, without "
      "quotes.");
  EXPECT_EQ(of("\"listen.port\" = 1"),
            "a.toml:1: the key 'listen.port' has a dot inside its quotes. Write it without quotes.");
}

TEST_F(ConfigLoad, NamesTheLineOfASyntaxError) {
  const std::string text = refusal({.file = write("a.toml", "tenant = \"x\"\n[listen\n")});
  EXPECT_TRUE(text.starts_with("a.toml:2: this is not TOML: ")) << text;
}

TEST_F(ConfigLoad, SaysWhyAFileCannotBeRead) {
  const auto of = [&](const std::string& file) { return refusal({.file = file}); };
  EXPECT_EQ(of((folder_ / "none.toml").string()),
            "'none.toml' cannot be read: No such file or directory. Check the path and its permissions.");
  std::filesystem::create_directory(folder_ / "folder");
  EXPECT_EQ(of((folder_ / "folder").string()),
            "'folder' cannot be read: it is a directory. Check the path and its permissions.");
  EXPECT_EQ(of(write("large.toml", std::string(2 << 20, '#'))),
            "'large.toml' cannot be read: it is larger than 1048576 bytes. Check the path and its permissions.");
}

TEST_F(ConfigLoad, TellsAllThatIsWrongAtOnce) {
  const auto all = refusals({.file = write("a.toml", "x = 1\n[listen]\nport = -1\n"),
                             .environment = {"INKWELL_Y=1", "INKWELL_LOG_LEVEL=loud"},
                             .flags = {{"--tenant", "tenant", "a b"}}});
  EXPECT_EQ(all.size(), 5U);
}

TEST_F(ConfigLoad, RefusesASettingGivenTwiceOnTheCommandLine) {
  EXPECT_EQ(refusal({.flags = {{"--listen", "listen.port", "1"}, {"--listen-port", "listen.port", "2"}}}),
            "--listen-port: listen.port was given by --listen already. Give it once.");
}

TEST_F(ConfigLoad, IgnoresTheVariablesKubernetesMakesOfAServiceCalledInkwell) {
  const std::vector<std::string> links = {"INKWELL_SERVICE_HOST=10.0.0.1",
                                          "INKWELL_SERVICE_PORT=4659",
                                          "INKWELL_SERVICE_PORT_HTTP=4659",
                                          "INKWELL_PORT=tcp://10.0.0.1:4659",
                                          "INKWELL_PORT_4659_TCP=tcp://10.0.0.1:4659",
                                          "INKWELL_PORT_4659_TCP_PROTO=tcp",
                                          "INKWELL_LISTEN_PORT=tcp://10.0.0.1:80"};
  const auto loaded = load({.environment = links});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->config.listen.port, 4659);
  EXPECT_EQ(refusals({.environment = {"INKWELL_PORT=80"}}).size(), 1U);
}

TEST_F(ConfigLoad, ExpandsTheHomeDirectoryInPaths) {
  const auto loaded = load({.file = write("a.toml", "data_dir = \"~/ink\"\n"), .environment = {"HOME=/home/ada"}});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->config.data_dir, "/home/ada/ink");
}

TEST_F(ConfigLoad, TakesSecretsFromTheEnvironmentAndFromFiles) {
  EXPECT_EQ(load({.environment = {"INKWELL_AUTH_API_KEY=hunter2"}})->config.auth.api_key, "hunter2");
  const std::string secret = write("key", "hunter2\n");
  const auto loaded = load({.flags = {{"--auth-api-key-file", "auth.api_key_file", secret}}});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->config.auth.api_key, "hunter2");
  EXPECT_EQ(loaded->origin_of("auth.api_key").place, secret);
  const std::string url = write("url", "redis://:hunter2@h/1\n");
  EXPECT_EQ(load({.environment = {"INKWELL_REDIS_URL_FILE=" + url}})->config.redis.url, "redis://:hunter2@h/1");
  EXPECT_EQ(load({.file = write("a.toml", "auth.api_key = \"hunter2\"")})->config.auth.api_key, "hunter2");
}

TEST_F(ConfigLoad, RefusesSecretsWhereOthersCanReadThem) {
  EXPECT_EQ(refusal({.flags = {{"--auth-api-key", "auth.api_key", "hunter2"}}}),
            "--auth-api-key: auth.api_key is a secret, and every user of this machine can see a command line. Set "
            "INKWELL_AUTH_API_KEY instead, or put it in a file that only you can read and name that in "
            "auth.api_key_file.");
  EXPECT_EQ(refusal({.flags = {{"--redis", "redis.url", "redis://:hunter2@h"}}}),
            "--redis: redis.url holds a password, and every user of this machine can see a command line. Set "
            "INKWELL_REDIS_URL instead, or put it in a file that only you can read and name that in redis.url_file.");
  EXPECT_EQ(
      refusal({.file = write("a.toml", "auth.api_key = \"hunter2\"", kEveryoneReads)}),
      "a.toml:1: auth.api_key is a secret, and every user of this machine can read this file. chmod o-r a.toml, or "
      "set INKWELL_AUTH_API_KEY instead.");
  EXPECT_EQ(
      refusal({.environment = {"INKWELL_AUTH_API_KEY_FILE=" + write("key", "hunter2", kEveryoneReads)}}),
      "INKWELL_AUTH_API_KEY_FILE: auth.api_key_file: every user of this machine can read 'key'. chmod 600 key (in "
      "Kubernetes: defaultMode 0440).");
}

TEST_F(ConfigLoad, RefusesASecretFileThatIsEmptyMissingOrNotAlone) {
  const auto with = [&](const std::string& file, const std::string& also) {
    return refusal({.environment = {"INKWELL_AUTH_API_KEY_FILE=" + file, also}});
  };
  EXPECT_EQ(with(write("key", "\n"), ""),
            "INKWELL_AUTH_API_KEY_FILE: auth.api_key_file: 'key' is empty. Put auth.api_key in it.");
  EXPECT_EQ(with((folder_ / "none").string(), ""),
            "INKWELL_AUTH_API_KEY_FILE: auth.api_key_file: 'none' cannot be read: No such file or directory. Check the "
            "path and its permissions.");
  EXPECT_EQ(with(write("key", "a"), "INKWELL_AUTH_API_KEY=b"),
            "INKWELL_AUTH_API_KEY_FILE: auth.api_key_file names a file, but auth.api_key is set too, by "
            "INKWELL_AUTH_API_KEY. Set one of the two.");
}

TEST_F(ConfigLoad, NeverShowsASecretInWhatItSaysOrPrints) {
  const auto loaded =
      load({.environment = {"INKWELL_AUTH_API_KEY=hunter2", "INKWELL_EMBEDDINGS_UPSTREAM_API_KEY=hunter2",
                            "INKWELL_REDIS_URL=redis://:hunter2@h"}});
  ASSERT_TRUE(loaded.has_value());
  const std::string shown = effective_toml(*loaded);
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("# api_key is a secret that is set  # from INKWELL_AUTH_API_KEY"), std::string::npos) << shown;
  EXPECT_NE(shown.find("url = \"redis://***@h\"  # from INKWELL_REDIS_URL"), std::string::npos) << shown;

  for (const std::string& text :
       refusals({.environment = {"INKWELL_AUTH_API_KEY=hunter2\x01", "INKWELL_REDIS_URL=:hunter2@h",
                                 "INKWELL_EMBEDDINGS_UPSTREAM_URL=http://u:hunter2@h"}})) {
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  }
}

TEST_F(ConfigLoad, ReadsBackTheDefaultFileItPrintsAsExactlyTheDefaults) {
  const auto loaded = load({.file = write("a.toml", default_toml(), kEveryoneReads)});
  ASSERT_TRUE(loaded.has_value());
  const auto plain = load({});
  ASSERT_TRUE(plain.has_value());
  for (const Setting& setting : schema()) {
    const std::string name(setting.name);
    EXPECT_EQ(loaded->provenance.at(name).value, plain->provenance.at(name).value) << name;
    EXPECT_EQ(loaded->origin_of(name).layer, setting.secret ? Layer::defaults : Layer::file) << name;
  }
}

}  // namespace
}  // namespace inkwell::config
