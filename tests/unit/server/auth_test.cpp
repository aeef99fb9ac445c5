#include "server/auth.hpp"

#include <gtest/gtest.h>

namespace inkwell::server {
namespace {

HttpRequest with_authorization(const char* value) {
  HttpRequest request;
  if (value) request.headers.set(http::field::authorization, value);
  return request;
}

TEST(ApiKey, WithoutAKeyNothingIsRefused) {
  const ApiKey none("");
  EXPECT_FALSE(none.required());
  EXPECT_FALSE(none.refuse(with_authorization(nullptr)));
}

TEST(ApiKey, TheRightBearerTokenPasses) {
  const ApiKey key("sk-1");
  EXPECT_FALSE(key.refuse(with_authorization("Bearer sk-1")));
  EXPECT_FALSE(key.refuse(with_authorization("bearer   sk-1")));
}

TEST(ApiKey, AWrongOrMissingTokenIsRefusedWithItsOwnCode) {
  const ApiKey key("sk-1");
  for (const auto* wrong : {"Bearer sk-2", "Bearer sk-1x", "Bearer sk-", "Bearer SK-1"}) {
    const auto error = key.refuse(with_authorization(wrong));
    ASSERT_TRUE(error) << wrong;
    EXPECT_EQ(error->code(), "invalid_api_key") << wrong;
    EXPECT_EQ(error->kind(), ErrorKind::unauthenticated);
  }
  for (const auto* missing : {static_cast<const char*>(nullptr), "", "Bearer ", "Bearer", "Basic sk-1", "sk-1"}) {
    const auto error = key.refuse(with_authorization(missing));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), "missing_api_key");
  }
}

}  // namespace
}  // namespace inkwell::server
