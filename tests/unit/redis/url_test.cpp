#include <gtest/gtest.h>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis {
namespace {

TEST(RedisUrl, ReadsHostPortUserPasswordAndDatabase) {
  const auto endpoint = parse_url("redis://al%40ice:p%3Ass%2F@cache.example:6380/3");
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  EXPECT_EQ(endpoint->host, "cache.example");
  EXPECT_EQ(endpoint->port, 6380);
  EXPECT_EQ(endpoint->username, "al@ice");
  EXPECT_EQ(endpoint->password, "p:ss/");
  EXPECT_EQ(endpoint->database, 3U);
  EXPECT_EQ(endpoint->to_string(), "redis://cache.example:6380/3");
}

TEST(RedisUrl, FillsInWhatIsLeftOut) {
  const auto endpoint = parse_url("redis://[::1]");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->port, 6379);
  EXPECT_EQ(endpoint->to_string(), "redis://[::1]:6379/0");
  EXPECT_EQ(parse_url("redis://:secret@h")->password, "secret");
}

TEST(RedisUrl, ReadsAUnixSocket) {
  const auto endpoint = parse_url("unix://user:secret@/run/my%20redis.sock?db=2");
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  EXPECT_EQ(endpoint->unix_path, "/run/my redis.sock");
  EXPECT_EQ(endpoint->database, 2U);
  EXPECT_EQ(endpoint->password, "secret");
  EXPECT_EQ(endpoint->to_string(), "unix:///run/my redis.sock");
}

TEST(RedisUrl, RefusesAndNamesThePartAtFaultWithoutThePassword) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "malformed"},
      {"localhost:6379", "scheme"},
      {"http://u:secret@h", "'http'"},
      {"redis://", "host"},
      {"redis://u:secret@h:0", "port"},
      {"redis://u:secret@h:66000", "port"},
      {"redis://u:secret@h/x", "'x'"},
      {"redis://u:secret@h/1/2", "'1/2'"},
      {"redis://u:secret@h/?tls=1", "'tls'"},
      {"redis://u:secret@h/99999999999", "'99999999999'"},
      {"unix://u:secret@host/path", "absolute"},
      {"unix:///", "socket"},
      {"unix:///s?db=x", "'x'"},
      {"unix:///s?database=1", "'database'"},
      {"unix:///s?db=1&db=2", "twice"},
  };
  for (const auto& [url, part] : cases) {
    const auto endpoint = parse_url(url);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_NE(endpoint.error().message().find(part), std::string::npos) << url << ": " << endpoint.error().message();
    EXPECT_EQ(endpoint.error().to_string().find("secret"), std::string::npos) << url;
    EXPECT_EQ(endpoint.error().kind(), ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace inkwell::redis
