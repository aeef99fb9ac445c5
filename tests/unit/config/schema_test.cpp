#include "config/schema.hpp"

#include <gtest/gtest.h>
#include <set>

namespace inkwell::config {
namespace {

TEST(ConfigSchema, EveryDefaultIsValidAndEverySettingHasAMeaning) {
  for (const Setting& setting : schema()) {
    EXPECT_TRUE(parse(setting, setting.fallback).has_value()) << setting.name;
    EXPECT_TRUE(setting.meaning.ends_with('.')) << setting.name;
    EXPECT_FALSE(accepted(setting).empty()) << setting.name;
  }
}

TEST(ConfigSchema, NoTwoSettingsShareANameAVariableOrAFlag) {
  std::set<std::string> names;
  for (const Setting& setting : schema()) {
    EXPECT_TRUE(names.insert(std::string(setting.name)).second) << setting.name;
    EXPECT_TRUE(names.insert(environment_name(setting.name)).second) << setting.name;
    EXPECT_TRUE(names.insert(flag_name(setting.name)).second) << setting.name;
  }
}

TEST(ConfigSchema, SectionsStandTogetherAndAfterTheSettingsWithoutOne) {
  std::set<std::string> finished;
  std::string current;
  for (const Setting& setting : schema()) {
    const std::size_t dot = setting.name.rfind('.');
    const std::string section(dot == std::string_view::npos ? "" : setting.name.substr(0, dot));
    if (section == current) continue;
    finished.insert(current);
    EXPECT_FALSE(finished.contains(section)) << setting.name;
    current = section;
  }
}

TEST(ConfigSchema, DefaultsAreThoseTheDesignNames) {
  const Config config = defaults();
  EXPECT_EQ(config.listen.host, "127.0.0.1");
  EXPECT_EQ(config.listen.port, 4659);
  EXPECT_EQ(config.server.max_header_bytes, 16U << 10);
  EXPECT_EQ(config.server.max_body_bytes, 32U << 20);
  EXPECT_EQ(config.conversations.lifetime, std::chrono::hours(30 * 24));
  EXPECT_EQ(config.events.lifetime, std::chrono::hours(24));
  EXPECT_EQ(config.events.max_entries, 1000U);
  EXPECT_EQ(config.events.heartbeat, std::chrono::seconds(15));
  EXPECT_EQ(config.embeddings.lifetime, std::chrono::hours(30 * 24));
  EXPECT_EQ(config.embeddings.hot.max_bytes, 256U << 20);
  EXPECT_EQ(config.redis.url, "");
}

TEST(ConfigSchema, SpellsNamesForTheEnvironmentAndTheCommandLine) {
  EXPECT_EQ(environment_name("listen.port"), "INKWELL_LISTEN_PORT");
  EXPECT_EQ(environment_name("events.max_entries"), "INKWELL_EVENTS_MAX_ENTRIES");
  EXPECT_EQ(flag_name("events.max_entries"), "--events-max-entries");
}

struct BadValue {
  std::string_view setting;
  std::string_view text;
  std::string_view says;
};

class ConfigBadValue : public testing::TestWithParam<BadValue> {};

TEST_P(ConfigBadValue, IsRefusedWithWhatIsWrongAndWhatIsAccepted) {
  const Setting* setting = find(GetParam().setting);
  ASSERT_NE(setting, nullptr);
  const auto value = parse(*setting, GetParam().text);
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().message(), GetParam().says);
  EXPECT_EQ(value.error().remedy(), "It takes " + accepted(*setting) + ".");
}

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigBadValue,
    testing::Values(
        BadValue{"listen.port", "70000", "listen.port: '70000' is above 65535."},
        BadValue{"listen.port", "-1", "listen.port: '-1' is below 0."},
        BadValue{"listen.port", "http", "listen.port: 'http' is not an integer."},
        BadValue{"listen.port", "", "listen.port: '' is not an integer."},
        BadValue{"listen.port", "80a", "listen.port: '80a' is not an integer."},
        BadValue{"listen.port", "99999999999999999999", "listen.port: '99999999999999999999' is out of range."},
        BadValue{"listen.host", "", "listen.host: '' is empty."},
        BadValue{"listen.host", "a\nb", "listen.host: 'a\\x0ab' holds a control character."},
        BadValue{"tenant", "a:b", "tenant: 'a:b' holds a character that a name may not."},
        BadValue{"events.heartbeat", "15", "events.heartbeat: '15' has no unit."},
        BadValue{"events.heartbeat", "soon", "events.heartbeat: 'soon' is not a duration."},
        BadValue{"events.heartbeat", "1ms", "events.heartbeat: '1ms' is below 100ms."},
        BadValue{"events.heartbeat", "2d", "events.heartbeat: '2d' is above 1h."},
        BadValue{"server.max_body_bytes", "32M", "server.max_body_bytes: '32M' is not a size."},
        BadValue{"server.max_body_bytes", "2GiB", "server.max_body_bytes: '2GiB' is above 1GiB."},
        BadValue{"server.max_body_bytes", "1", "server.max_body_bytes: '1' is below 1KiB."},
        BadValue{"log.level", "inof", "log.level: 'inof' is none of them; the nearest is 'info'."},
        BadValue{"redis.url", "localhost:6379",
                 "redis.url: 'localhost:6379' is not a URL, which would have a scheme such as redis://."},
        BadValue{"redis.url", "user:hunter2@localhost",
                 "redis.url: '***@localhost' is not a URL, which would have a scheme such as redis://."},
        BadValue{"embeddings.upstream.url", "ftp://x",
                 "embeddings.upstream.url: 'ftp://x' does not start with http:// or https://."},
        BadValue{"embeddings.upstream.url", "http://", "embeddings.upstream.url: 'http://' names no host."},
        BadValue{"embeddings.upstream.url", "http://:80/v1", "embeddings.upstream.url: 'http://:80/v1' names no host."},
        BadValue{"embeddings.upstream.url", "https://h/v1?key=1",
                 "embeddings.upstream.url: 'https://h/v1?key=1' has a query or a fragment."},
        BadValue{"embeddings.upstream.url", "https://u:hunter2@h/v1",
                 "embeddings.upstream.url: 'https://***@h/v1' carries a user or a password, which belongs in the "
                 "api_key setting beside it."},
        BadValue{"embeddings.upstream.models", "a,,b",
                 "embeddings.upstream.models: '' is empty or holds a control character."},
        BadValue{"auth.api_key", "hunter2\n", "auth.api_key: the value holds a control character."}),
    [](const auto& bad) { return "Case" + std::to_string(bad.index); });

TEST(ConfigSchema, MasksThePasswordOfAUrlWhateverItHolds) {
  EXPECT_EQ(mask_url("redis://h:1/0"), "redis://h:1/0");
  EXPECT_EQ(mask_url("redis://user:hunter2@h:1/0"), "redis://***@h:1/0");
  EXPECT_EQ(mask_url("redis://:hun@ter2@h"), "redis://***@h");
  EXPECT_EQ(mask_url("redis://:hun/ter2@h"), "redis://***@h");
  EXPECT_EQ(mask_url(":hunter2@h"), "***@h");
  EXPECT_EQ(mask_url("unix://:hunter2@/run/redis.sock"), "unix://***@/run/redis.sock");
  EXPECT_TRUE(has_password("redis://:p@h"));
  EXPECT_TRUE(has_password("redis://u:p/w@h"));
  EXPECT_FALSE(has_password("redis://u@h"));
  EXPECT_FALSE(has_password("redis://h:6379/0"));
}

TEST(ConfigSchema, ReadsListsByCommas) {
  const auto value = parse(*find("embeddings.upstream.models"), "a, b,c");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(std::get<std::vector<std::string>>(*value), (std::vector<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace inkwell::config
