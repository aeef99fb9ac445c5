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

TEST(RedisUrl, ReadsTlsAndItsFiles) {
  const auto endpoint = parse_url("rediss://u:p@h/2?cacert=/ca.pem&cert=/c.pem&key=/k.pem&sni=name&insecure=true");
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  ASSERT_TRUE(endpoint->tls);
  EXPECT_EQ(endpoint->tls->ca_file, "/ca.pem");
  EXPECT_EQ(endpoint->tls->cert_file, "/c.pem");
  EXPECT_EQ(endpoint->tls->key_file, "/k.pem");
  EXPECT_EQ(endpoint->tls->server_name, "name");
  EXPECT_FALSE(endpoint->tls->verify);
  EXPECT_EQ(endpoint->to_string(), "rediss://h:6379/2");
  EXPECT_TRUE(parse_url("rediss://h")->tls->verify);
}

TEST(RedisUrl, ReadsSentinels) {
  const auto endpoint =
      parse_url("redis-sentinel://u:p%40@s1,s2:26380,[::1]/my%2Dmaster/4?sentinel_username=su&sentinel_password=sp");
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  EXPECT_EQ(endpoint->topology, Topology::sentinel);
  EXPECT_EQ(endpoint->seeds, (std::vector<HostPort>{{"s1", 26379}, {"s2", 26380}, {"::1", 26379}}));
  EXPECT_EQ(endpoint->master_name, "my-master");
  EXPECT_EQ(endpoint->database, 4U);
  EXPECT_EQ(endpoint->username, "u");
  EXPECT_EQ(endpoint->password, "p@");
  EXPECT_EQ(endpoint->sentinel_username, "su");
  EXPECT_EQ(endpoint->sentinel_password, "sp");
  EXPECT_EQ(endpoint->to_string(), "redis-sentinel://s1:26379,s2:26380,[::1]:26379/my-master/4");
}

TEST(RedisUrl, ReadsNodesOfACluster) {
  const auto endpoint = parse_url("rediss-cluster://:p@n1,n2:7001?cacert=/ca.pem");
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  EXPECT_EQ(endpoint->topology, Topology::cluster);
  EXPECT_EQ(endpoint->seeds, (std::vector<HostPort>{{"n1", 6379}, {"n2", 7001}}));
  EXPECT_EQ(endpoint->tls->ca_file, "/ca.pem");
  EXPECT_EQ(endpoint->to_string(), "rediss-cluster://n1:6379,n2:7001");
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
      {"rediss://u:secret@h/?ca=1", "'ca'"},
      {"rediss://u:secret@h/?cert=/c", "both"},
      {"rediss://u:secret@h/?insecure=maybe", "'insecure'"},
      {"redis-sentinel://u:secret@h", "master"},
      {"redis-sentinel://u:secret@h,/m", "host"},
      {"redis-sentinel://u:secret@h:x/m", "port"},
      {"redis-sentinel://u:secret@h/m/x", "'x'"},
      {"redis-sentinel://h/m?sentinel_password=secret&tls=1", "'tls'"},
      {"redis-cluster://u:secret@h/1", "no databases"},
      {"redis-cluster://u:secret@", "host"},
      {"redis-cluster://u:secret@h:0", "port"},
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
