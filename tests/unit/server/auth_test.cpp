#include "server/auth.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

HttpRequest with_authorization(const char* value) {
  HttpRequest request;
  if (value) request.headers.set(http::field::authorization, value);
  return request;
}

TEST(Authenticator, WithoutKeysEveryRequestIsTheTenants) {
  const Authenticator none("", "home");
  EXPECT_FALSE(none.required());
  EXPECT_EQ(none.identify(with_authorization(nullptr))->tenant, "home");
  EXPECT_EQ(none.identify(with_authorization("Bearer whatever"))->tenant, "home");
}

TEST(Authenticator, TheRightBearerTokenPasses) {
  const Authenticator one("sk-1", "home");
  EXPECT_EQ(one.identify(with_authorization("Bearer sk-1"))->tenant, "home");
  EXPECT_EQ(one.identify(with_authorization("bearer   sk-1"))->tenant, "home");
}

TEST(Authenticator, EachKeyOpensItsOwnTenant) {
  const Authenticator keys("sk-1", "home", {{key_digest_of("sk-a"), "a"}, {key_digest_of("sk-b"), "b"}});
  EXPECT_EQ(keys.identify(with_authorization("Bearer sk-a"))->tenant, "a");
  EXPECT_EQ(keys.identify(with_authorization("Bearer sk-b"))->tenant, "b");
  EXPECT_EQ(keys.identify(with_authorization("Bearer sk-1"))->tenant, "home");
  EXPECT_FALSE(keys.identify(with_authorization("Bearer sk-")));
  const Authenticator no_first("", "home", {{key_digest_of("sk-a"), "a"}});
  EXPECT_TRUE(no_first.required());
  EXPECT_FALSE(no_first.identify(with_authorization("Bearer ")));
}

TEST(Authenticator, AWrongOrMissingTokenIsRefusedWithItsOwnCode) {
  const Authenticator key("sk-1", "home");
  for (const auto* wrong : {"Bearer sk-2", "Bearer sk-1x", "Bearer sk-", "Bearer SK-1"}) {
    const auto who = key.identify(with_authorization(wrong));
    ASSERT_FALSE(who) << wrong;
    EXPECT_EQ(who.error().code(), "invalid_api_key") << wrong;
    EXPECT_EQ(who.error().kind(), ErrorKind::unauthenticated);
  }
  for (const auto* missing : {static_cast<const char*>(nullptr), "", "Bearer ", "Bearer", "Basic sk-1", "sk-1"}) {
    const auto who = key.identify(with_authorization(missing));
    ASSERT_FALSE(who);
    EXPECT_EQ(who.error().code(), "missing_api_key");
  }
}

TEST(Authenticator, AnOwnerIsWhoTheHeaderNames) {
  const Authenticator none("", "home");
  HttpRequest request;
  EXPECT_EQ(none.identify(request)->owner, "");
  request.headers.set("Inkwell-Owner", "user-7");
  EXPECT_EQ(none.identify(request)->owner, "user-7");
  for (const auto& wrong : {std::string(), std::string(257, 'x'), std::string("a\tb")}) {
    request.headers.set("Inkwell-Owner", wrong);
    const auto who = none.identify(request);
    ASSERT_FALSE(who) << wrong;
    EXPECT_EQ(who.error().code(), "invalid_owner");
  }
}

}  // namespace
}  // namespace inkwell::server
