// Two processes of the real binary over one Redis: each answers reads from memory, and neither answers what is not true
// any more.
#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>
#include <thread>

#include "base/random.hpp"
#include "integration/server/http_server.hpp"
#include "server/json.hpp"
#include "support/audit.hpp"
#include "support/http_client.hpp"
#include "support/inkwell_server.hpp"
#include "support/redis_server.hpp"

namespace inkwell::server {
namespace {

using test::HttpClient;
using test::InkwellServer;

InkwellServer::Setup setup_for(const test::RedisServer& redis) {
  return {.arguments = {"--redis", "unix://" + (redis.directory() / "redis.sock").string(), "--server-threads", "2"},
          .environment = {}};
}

class Fleet : public ::testing::Test {
 protected:
  ~Fleet() override { test::expect_clean_audit(redis); }

  static json::value read(HttpClient& client, const std::string& id) {
    const auto answer = client.request("GET", "/v1/conversations/" + id + "/items?order=asc&limit=100");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return *parse_json(answer.body);
  }
  static std::string append(HttpClient& client, const std::string& id, const std::string& text) {
    const auto answer = client.request("POST", "/v1/conversations/" + id + "/items",
                                       fmt::format(R"({{"items":[{{"role":"user","content":"{}"}}]}})", text));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return std::string(parse_json(answer.body)->at("first_id").as_string());
  }
  static double hits(const InkwellServer& server) {
    const auto text = test::http_request(server.port(), "GET", "/metrics").body;
    const std::string name = "\ninkwell_conversations_near_hits_total ";
    return std::stod(text.substr(text.find(name) + name.size()));
  }

  test::RedisServer redis;
  InkwellServer a{setup_for(redis)};
  InkwellServer b{setup_for(redis)};
};

TEST_F(Fleet, EveryNodeSeesWritesItsOwnAtOnceAndOthersWithinARoundTrip) {
  const char* const given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : random_seed();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  // Two connections a node: they may land on different workers.
  HttpClient a1(a.port());
  HttpClient a2(a.port());
  HttpClient b1(b.port());
  HttpClient b2(b.port());
  HttpClient* const clients[] = {&a1, &a2, &b1, &b2};
  const std::string id(parse_json(a1.request("POST", "/v1/conversations", "{}").body)->at("id").as_string());
  std::vector<std::string> expected;
  std::chrono::steady_clock::duration longest{0};
  for (int round = 0; round < 200; ++round) {
    if (expected.size() > 90) {
      const auto popped = a1.request("POST", "/v1/conversations/" + id + "/items/pop", R"({"count":80})");
      ASSERT_EQ(popped.status, 200);
      expected.resize(expected.size() - 80);
    }
    for (auto* client : clients) read(*client, id);
    const auto writer = random() % 4;
    expected.push_back(append(*clients[writer], id, std::to_string(round)));
    const auto acknowledged = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < 4; ++i) {
      const bool same_node = i / 2 == writer / 2;
      for (bool seen = false; !seen;) {
        const auto page = read(*clients[i], id);
        const auto& data = page.at("data").as_array();
        seen = data.size() == expected.size() && page.at("last_id").as_string() == expected.back();
        const auto waited = std::chrono::steady_clock::now() - acknowledged;
        ASSERT_TRUE(seen || !same_node) << "round " << round << ", writer " << writer << ", reader " << i;
        ASSERT_LT(waited, std::chrono::seconds(5));
        if (seen && !same_node) longest = std::max(longest, waited);
      }
    }
  }
  EXPECT_LT(longest, std::chrono::seconds(1));
  for (int i = 0; i < 20; ++i) read(a1, id);
  EXPECT_TRUE(eventually([&] { return hits(a) + hits(b) > 100; })) << "counted four times a second";
}

}  // namespace
}  // namespace inkwell::server
