#include "server/page_guard.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

std::string verdict(const PageGuard& guard, const char* host, const char* origin = nullptr) {
  HttpRequest request;
  if (host) request.headers.set(http::field::host, host);
  if (origin) request.headers.set(http::field::origin, origin);
  const auto error = guard.refuse(request);
  if (error) {
    EXPECT_EQ(error->kind(), ErrorKind::permission_denied);
  }
  return error ? error->code() : "";
}

TEST(PageGuard, AddressesAndNamesOfThisMachinePass) {
  const PageGuard guard({});
  for (const auto* host : {"127.0.0.1:4659", "127.0.0.1", "[::1]:4659", "[::1]", "192.168.1.7:80", "localhost",
                           "LOCALHOST:4659", "localhost.:1", "app.localhost:4659", "inkwell:4659"}) {
    EXPECT_EQ(verdict(guard, host), "") << host;
  }
  EXPECT_EQ(verdict(guard, nullptr), "") << "HTTP/1.0 sends none, and no browser speaks it";
}

TEST(PageGuard, ANameThatCouldBeReboundIsRefused) {
  const PageGuard guard({});
  for (const auto* host : {"evil.example", "evil.example:4659", "localhost.evil.example", "evillocalhost.example",
                           "127.0.0.1.evil.example", "[::1", "127.0.0.1@evil.example", ".localhost.example"}) {
    EXPECT_EQ(verdict(guard, host), "foreign_host") << host;
  }
}

TEST(PageGuard, APageOfAForeignOriginIsRefused) {
  const PageGuard guard({});
  for (const auto* origin : {"https://evil.example", "http://evil.example:4659", "null", "", "http://6.6.6.6",
                             "http://localhost.evil.example", "http://evil", "chrome-extension://localhost",
                             "http://localhost@evil.example"}) {
    EXPECT_EQ(verdict(guard, "127.0.0.1:4659", origin), "foreign_origin") << origin;
  }
}

TEST(PageGuard, PagesOfItsOwnAndOfThisMachinePass) {
  const PageGuard guard({});
  EXPECT_EQ(verdict(guard, "192.168.1.7:80", "http://192.168.1.7:80"), "");
  EXPECT_EQ(verdict(guard, "127.0.0.1:4659", "http://localhost:5173"), "");
  EXPECT_EQ(verdict(guard, "127.0.0.1:4659", "http://127.0.0.1:4659"), "");
  EXPECT_EQ(verdict(guard, "localhost:4659", "http://[::1]:3000"), "");
}

TEST(PageGuard, NamedHostsPassAsHostAndAsOrigin) {
  const PageGuard guard({"app.example"});
  EXPECT_EQ(verdict(guard, "app.example", "https://app.example"), "");
  EXPECT_EQ(verdict(guard, "localhost", "https://APP.example:8443"), "");
  EXPECT_EQ(verdict(guard, "api.example"), "foreign_host");
}

}  // namespace
}  // namespace inkwell::server
