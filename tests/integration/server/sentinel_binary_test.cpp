// The real binary on a master that Sentinels watch over: what was acknowledged, and every open event stream, outlives
// the master.
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/server/http_server.hpp"
#include "support/audit.hpp"
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
  SseClient stream(inkwell_.port(), "/v1/channels/news/events");
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

}  // namespace
}  // namespace inkwell::server
