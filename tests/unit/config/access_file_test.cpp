#include "config/access_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace inkwell::config {
namespace {

using testing::HasSubstr;

const std::string kHash(64, 'a');

std::string refusal(const std::string& text) {
  const auto access = parse_access(text, "keys.toml");
  return access ? "it was understood" : access.error().to_string();
}

TEST(AccessFile, HoldsKeysAndWhatTheirTenantsMayUse) {
  const auto access = parse_access("[[keys]]\nid = \"k-1\"\nsha256 = \"" + kHash +
                                       "\"\ntenant = \"acme\"\n"
                                       "[tenants.acme]\nrequests_per_second = 5\nburst = 7\nmax_conversations = 9\n"
                                       "max_conversation_bytes = \"2MiB\"\nconversation_lifetime = \"7d\"\n"
                                       "[tenants.other]\n",
                                   "keys.toml");
  ASSERT_TRUE(access) << access.error().to_string();
  ASSERT_EQ(access->keys.size(), 1U);
  EXPECT_EQ(access->keys[0].id, "k-1");
  EXPECT_EQ(access->keys[0].tenant, "acme");
  EXPECT_EQ(access->keys[0].sha256[31], 0xaa);
  ASSERT_EQ(access->tenants.size(), 2U);
  EXPECT_EQ(access->tenants[0].requests_per_second, 5);
  EXPECT_EQ(access->tenants[0].burst, 7);
  EXPECT_EQ(access->tenants[0].max_conversations, 9);
  EXPECT_EQ(access->tenants[0].max_conversation_bytes, 2 << 20);
  EXPECT_EQ(access->tenants[0].conversation_lifetime, std::chrono::hours(24 * 7));
  EXPECT_EQ(access->tenants[1].requests_per_second, 0);
}

TEST(AccessFile, SaysWhatIsWrongAndWhere) {
  const std::string key = "[[keys]]\nsha256 = \"" + kHash + "\"\ntenant = \"a\"\n";
  EXPECT_THAT(refusal("[[keys]]\nsha256 = \"12\"\ntenant = \"a\"\n"), HasSubstr("keys.toml:2: sha256 is not 64"));
  EXPECT_THAT(refusal("[[keys]]\ntenant = \"a\"\n"), HasSubstr("no sha256"));
  EXPECT_THAT(refusal("[[keys]]\nsha256 = \"" + kHash + "\"\n"), HasSubstr("names no tenant"));
  EXPECT_THAT(refusal("[[keys]]\nsha256 = \"" + kHash + "\"\ntenant = \"a:b\"\n"), HasSubstr("names no tenant"));
  EXPECT_THAT(refusal("[[keys]]\nsha265 = \"x\"\n"), HasSubstr("The nearest is 'sha256'"));
  EXPECT_THAT(refusal(key + key), HasSubstr("the same sha256"));
  EXPECT_THAT(refusal("keys = 1\n"), HasSubstr("[[keys]]"));
  EXPECT_THAT(refusal("keys = [1]\n"), HasSubstr("[[keys]]"));
  EXPECT_THAT(refusal("tenants = 1\n"), HasSubstr("[tenants.NAME]"));
  EXPECT_THAT(refusal("[tenants]\na = 1\n"), HasSubstr("[tenants.NAME]"));
  EXPECT_THAT(refusal("[tenants.\"a b\"]\n"), HasSubstr("can't name a tenant"));
  EXPECT_THAT(refusal("[tenants.a]\nburst = 0\n"), HasSubstr("positive integer"));
  EXPECT_THAT(refusal("[tenants.a]\nburst = \"7\"\n"), HasSubstr("positive integer"));
  EXPECT_THAT(refusal("[tenants.a]\nmax_conversation_bytes = \"many\"\n"), HasSubstr("not a size"));
  EXPECT_THAT(refusal("[tenants.a]\nconversation_lifetime = \"0\"\n"), HasSubstr("1s to 3650d"));
  EXPECT_THAT(refusal("[tenants.a]\nbursts = 1\n"), HasSubstr("'burst'"));
  EXPECT_THAT(refusal("keys = [\n"), HasSubstr("not TOML"));
  EXPECT_FALSE(read_access_file("/nonexistent/keys.toml"));
}

}  // namespace
}  // namespace inkwell::config
