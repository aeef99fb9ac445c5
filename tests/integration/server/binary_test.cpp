// The real binary with its embedded Redis, treated as in production: well, badly, and to its end.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>

#include "integration/server/http_server.hpp"
#include "support/inkwell_server.hpp"
#include "support/process_signal.hpp"

namespace inkwell::server {
namespace {

using test::http_request;
using test::HttpClient;
using test::InkwellServer;

/// Polls /readyz until it answers `status`; false after 20 s.
bool readiness_becomes(const InkwellServer& inkwell, int status) {
  return eventually([&] { return http_request(inkwell.port(), "GET", "/readyz").status == status; });
}

/// The one child of the server: its embedded redis-server.
pid_t redis_of(const InkwellServer& inkwell) {
  const auto pid = std::to_string(inkwell.pid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream children(task.path() / "children");
    pid_t child = -1;
    if (children >> child) return child;
  }
  return -1;
}

TEST(Binary, BecomesReadyServesAndEndsWellOnSigterm) {
  InkwellServer inkwell;
  EXPECT_TRUE(readiness_becomes(inkwell, 200)) << inkwell.log();
  EXPECT_EQ(http_request(inkwell.port(), "GET", "/healthz").status, 200);
  EXPECT_EQ(inkwell.stop(), 0) << inkwell.log();
  inkwell.start();
  EXPECT_TRUE(readiness_becomes(inkwell, 200)) << inkwell.log();
}

TEST(Binary, StaysWellUnderHostileRequests) {
  InkwellServer inkwell;
  ASSERT_TRUE(readiness_becomes(inkwell, 200)) << inkwell.log();
  const std::pair<std::string, int> cases[] = {
      {"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2147483648\r\n\r\n", 405},
      {"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"NONSENSE\r\n\r\n", 400},
      {"DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"GET /v1/unknown HTTP/1.1\r\nHost: a\r\n\r\n", 404},
  };
  for (const auto& [bytes, status] : cases) {
    HttpClient client(inkwell.port());
    EXPECT_EQ(client.exchange(bytes).status, status) << bytes.substr(0, 80);
  }
  EXPECT_EQ(http_request(inkwell.port(), "GET", "/readyz").status, 200);
}

TEST(Binary, IsReadyAgainByItselfAfterItsRedisWasKilled) {
  InkwellServer inkwell;
  ASSERT_TRUE(readiness_becomes(inkwell, 200)) << inkwell.log();
  const pid_t redis = redis_of(inkwell);
  ASSERT_GT(redis, 0);
  const double before = metric(http_request(inkwell.port(), "GET", "/metrics").body, "inkwell_redis_connects_total");
  test::send_signal(redis, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    return metric(http_request(inkwell.port(), "GET", "/metrics").body, "inkwell_redis_connects_total") > before;
  })) << inkwell.log();
  EXPECT_TRUE(readiness_becomes(inkwell, 200)) << inkwell.log();
  EXPECT_NE(redis_of(inkwell), redis);
}

}  // namespace
}  // namespace inkwell::server
