// The real binary on a master that Sentinels watch over: what was acknowledged, and every open event stream, outlives
// the master. And on a cluster.
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/server/http_server.hpp"
#include "support/audit.hpp"
#include "support/cluster_servers.hpp"
#include "support/inkwell_server.hpp"
#include "support/replicated_set.hpp"
#include "support/sse_client.hpp"

namespace inkwell::server {
namespace {

using test::http_request;
using test::InkwellServer;
using test::SseClient;

class BinaryOnSentinels : public testing::Test {
 protected:
  int post(const std::string& target, const std::string& body) const {
    return http_request(inkwell_.port(), "POST", target, body).status;
  }
  bool publishes(const std::string& text) const {
    return eventually([&] { return post("/v1/channels/news/events", fmt::format(R"({{"data":"{}"}})", text)) == 200; });
  }
  /// Publishes and returns the event's id.
  std::string post_for_id(std::string_view text) const {
    const auto answer =
        http_request(inkwell_.port(), "POST", "/v1/channels/news/events", fmt::format(R"({{"data":"{}"}})", text));
    const auto parsed = parse_json(answer.body);
    if (answer.status != 200 || !parsed) throw std::runtime_error("not published: " + answer.body);
    return std::string(parsed->as_object().at("id").as_string());
  }
  /// What the stream gives next.
  static std::string heard(SseClient& stream) {
    const auto event = stream.next();
    return event ? event->type + ":" + event->data : "the end";
  }

  test::ReplicatedSet set_;
  InkwellServer inkwell_{
      {.arguments = {"--redis-url", set_.url(), "--redis-health-interval", "200ms", "--redis-health-timeout", "300ms"},
       .environment = {}}};
};

TEST_F(BinaryOnSentinels, KeepsConversationsAndEventStreamsThroughTheDeathOfTheMaster) {
  ASSERT_TRUE(eventually([&] { return http_request(inkwell_.port(), "GET", "/readyz").status == 200; }))
      << inkwell_.log();
  const auto made = http_request(inkwell_.port(), "POST", "/v1/conversations",
                                 R"({"items":[{"type":"message","role":"user","content":"before"}]})");
  ASSERT_EQ(made.status, 200) << made.body;
  const auto parsed = parse_json(made.body);
  ASSERT_TRUE(parsed);
  const std::string path = "/v1/conversations/" + std::string(parsed->as_object().at("id").as_string());
  // With a cursor: a stream without one begins when the node's subscription is confirmed, which may be a moment later.
  const auto first = post_for_id("start");
  SseClient stream(inkwell_.port(), "/v1/channels/news/events", "Last-Event-ID: " + first + "\r\n");
  ASSERT_TRUE(publishes("before"));
  EXPECT_EQ(heard(stream), "message:before");
  EXPECT_EQ(post("/v1/embeddings", R"({"input":"before","model":"inkwell-lexical"})"), 200);
  set_.make_whole();  // Redis replicates asynchronously: what no replica has dies with the master

  set_.server(0).kill();
  set_.wait_for_another_master(0);

  ASSERT_TRUE(publishes("after")) << inkwell_.log();
  EXPECT_EQ(heard(stream), "message:after") << "repeated, lost or told as a gap";
  EXPECT_TRUE(eventually([&] { return http_request(inkwell_.port(), "GET", "/readyz").status == 200; }));
  const auto found = http_request(inkwell_.port(), "GET", path + "/items");
  EXPECT_EQ(found.status, 200) << found.body;
  EXPECT_NE(found.body.find("before"), std::string::npos) << found.body;
  EXPECT_EQ(post(path + "/items", R"({"items":[{"type":"message","role":"user","content":"after"}]})"), 200);
  EXPECT_EQ(post("/v1/embeddings", R"({"input":"before","model":"inkwell-lexical"})"), 200);
  test::expect_clean_audit(set_.server(set_.master()));
  EXPECT_EQ(inkwell_.stop(), 0) << inkwell_.log();
}

TEST_F(BinaryOnSentinels, AcknowledgesAWriteOnlyWhenTheReplicasHaveItWhereThatIsAsked) {
  InkwellServer careful(
      {.arguments = {"--redis-url", set_.url(), "--redis-wait-replicas", "2", "--redis-wait-timeout", "300ms"},
       .environment = {}});
  ASSERT_TRUE(eventually([&] { return http_request(careful.port(), "GET", "/readyz").status == 200; }))
      << careful.log();
  const auto publish = [&] {
    return http_request(careful.port(), "POST", "/v1/channels/news/events", R"({"data":"x","idempotency_key":"one"})");
  };
  ASSERT_TRUE(eventually([&] { return publish().status == 200; })) << careful.log();
  set_.server(2).pause();
  const auto refused = publish();
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_NE(refused.body.find("only 1 of 2 replicas confirmed it within 300 ms"), std::string::npos) << refused.body;
  const auto made = http_request(careful.port(), "POST", "/v1/conversations", "{}");
  EXPECT_EQ(made.status, 503) << made.body;
  set_.server(2).resume();
  EXPECT_TRUE(eventually([&] { return publish().status == 200; })) << "the same key: the same answer, confirmed now";
  const auto metrics = http_request(careful.port(), "GET", "/metrics").body;
  EXPECT_EQ(metrics.find("inkwell_redis_unconfirmed_writes_total 0"), std::string::npos);
  EXPECT_NE(metrics.find("inkwell_redis_unconfirmed_writes_total"), std::string::npos);
  EXPECT_EQ(careful.stop(), 0) << careful.log();
}

TEST(BinaryOnACluster, KeepsConversationsEmbeddingsAndEventStreamsThroughAFailover) {
  test::ClusterServers cluster;
  InkwellServer inkwell({.arguments = {"--redis-url", cluster.url()}, .environment = {}});
  const auto post = [&](const std::string& target, const std::string& body) {
    return http_request(inkwell.port(), "POST", target, body);
  };
  ASSERT_TRUE(eventually([&] { return http_request(inkwell.port(), "GET", "/readyz").status == 200; }))
      << inkwell.log();
  std::vector<std::string> paths;
  for (int i = 0; i < 6; ++i) {  // enough to lie on more than one master
    const auto made = post("/v1/conversations", R"({"items":[{"type":"message","role":"user","content":"before"}]})");
    ASSERT_EQ(made.status, 200) << made.body;
    const auto parsed = parse_json(made.body);
    ASSERT_TRUE(parsed);
    paths.push_back("/v1/conversations/" + std::string(parsed->as_object().at("id").as_string()));
  }
  // Channels on more than one master too; each is followed while its master changes.
  std::vector<std::unique_ptr<SseClient>> streams;
  const auto channel = [](std::size_t i) { return "/v1/channels/news" + std::to_string(i) + "/events"; };
  for (std::size_t i = 0; i < 6; ++i) streams.push_back(std::make_unique<SseClient>(inkwell.port(), channel(i)));
  const auto all_hear = [&](const std::string& text) {
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const auto published = post(channel(i), R"({"data":")" + text + "\"}");
      ASSERT_EQ(published.status, 200) << published.body;
      const auto event = streams[i]->next();
      ASSERT_TRUE(event) << channel(i);
      EXPECT_EQ(event->data, text) << channel(i) << ": repeated, lost or told as a gap";
    }
  };
  all_hear("before");
  for (std::size_t i = 0; i < 3; ++i) cluster.fail_over(i);  // in agreement with the master: it hands over all it has
  all_hear("after");
  for (const auto& path : paths) {
    const auto found = http_request(inkwell.port(), "GET", path + "/items");
    EXPECT_NE(found.body.find("before"), std::string::npos) << found.status << found.body;
    EXPECT_EQ(post(path + "/items", R"({"items":[{"type":"message","role":"user","content":"after"}]})").status, 200);
  }
  EXPECT_EQ(post("/v1/embeddings", R"({"input":["a","b","c"],"model":"inkwell-lexical"})").status, 200);
  EXPECT_EQ(inkwell.stop(), 0) << inkwell.log();
}

}  // namespace
}  // namespace inkwell::server
