#include "conversations/item.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "conversations/conversations.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;

Result<NewItem> normalise(std::string_view raw) {
  return normalise_item(raw, json::parse(raw).as_object(), "items[0]");
}

struct Case {
  std::string_view raw;
  std::string_view prefix;
  std::string_view json;
};

const Case kCases[] = {
    {R"({"role":"user","content":"hi"})", "msg_",
     R"(,"type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"hi"}]})"},
    {R"({"type":"message","role":"assistant","status":"in_progress","content":"a \"b\" \u00e9"})", "msg_",
     R"(,"type":"message","role":"assistant","status":"in_progress","content":[{"type":"output_text","text":"a \"b\" \u00e9","annotations":[]}]})"},
    {R"({"type":"message","role":"user","content":[{"type":"input_image","image_url":"x"}]})", "msg_",
     R"(,"status":"completed","type":"message","role":"user","content":[{"type":"input_image","image_url":"x"}]})"},
    {R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"})", "fc_",
     R"(,"type":"function_call","call_id":"c","name":"f","arguments":"{}"})"},
    {R"( { "type" : "from_the_future" , "n" : 123456789012345678901234567890.125e400 , "o" : { "k" : [ 1 , { } ] } } )",
     "item_", R"(,"type":"from_the_future","n":123456789012345678901234567890.125e400,"o":{ "k" : [ 1 , { } ] }})"},
    {R"({"type":"message","id":"msg_1","role":"system","content":"x","\u0069d":"again"})", "msg_",
     R"(,"status":"completed","type":"message","role":"system","content":[{"type":"input_text","text":"x"}]})"},
    {R"({"type":"t","s":"]},{[\\\"","e":"","z":null,"b":true})", "item_",
     R"(,"type":"t","s":"]},{[\\\"","e":"","z":null,"b":true})"},
};

TEST(Item, ShorthandIsWrittenOutAndAllElseStaysAsItCame) {
  for (const auto& [raw, prefix, expected] : kCases) {
    const auto item = normalise(raw);
    ASSERT_TRUE(item) << raw << ": " << item.error().message();
    EXPECT_EQ(item->prefix, prefix);
    EXPECT_EQ(item->json, expected);
  }
}

TEST(Item, KeepsTheIdThatAClientGave) {
  EXPECT_EQ(normalise(R"({"type":"t","id":"rs_0a.b-C"})")->client_id, "rs_0a.b-C");
  EXPECT_EQ(normalise(R"({"type":"t","id":null})")->client_id, "");
}

struct Refusal {
  std::string_view raw;
  std::string_view param;
};

const Refusal kRefusals[] = {
    {R"({})", "items[0].type"},
    {R"({"type":7})", "items[0].type"},
    {R"({"content":"x"})", "items[0].type"},
    {R"({"type":"message","content":"x"})", "items[0].role"},
    {R"({"role":"nobody","content":"x"})", "items[0].role"},
    {R"({"role":"user"})", "items[0].content"},
    {R"({"role":"user","content":7})", "items[0].content"},
    {R"({"type":"t","id":7})", "items[0].id"},
    {R"({"type":"t","id":""})", "items[0].id"},
    {R"({"type":"t","id":"a b"})", "items[0].id"},
};

TEST(Item, ARefusalNamesTheField) {
  for (const auto& [raw, param] : kRefusals) {
    const auto item = normalise(raw);
    ASSERT_FALSE(item) << raw;
    EXPECT_EQ(item.error().kind(), ErrorKind::invalid_argument);
    EXPECT_EQ(item.error().param(), param) << raw;
  }
}

TEST(RawElements, GivesTheTextOfEachElement) {
  const auto elements = raw_elements(R"({"a":[1],"items" : [ {"x":"}"} , "s,]" , 1.50 , [ ] , null ],"b":2})", "items");
  EXPECT_EQ(elements, (std::vector<std::string_view>{R"({"x":"}"})", R"("s,]")", "1.50", "[ ]", "null"}));
  EXPECT_TRUE(raw_elements(R"({"items":[]})", "items").empty());
  EXPECT_TRUE(raw_elements(R"({"other":[1]})", "items").empty());
  EXPECT_EQ(raw_elements(R"({"items":[1],"it\u0065ms":[2,3]})", "items").size(), 2U);
}

TEST(Metadata, HasTheLimitsOfTheApi) {
  Metadata metadata;
  for (int i = 0; i < 16; ++i) metadata.emplace_back("k" + std::to_string(i), "v");
  EXPECT_TRUE(check_metadata(metadata));
  metadata.emplace_back("one more", "v");
  EXPECT_FALSE(check_metadata(metadata));
  std::string wide;
  for (int i = 0; i < 64; ++i) wide += "\xC3\xA9";  // 64 characters of two bytes
  EXPECT_TRUE(check_metadata({{wide, "v"}}));
  EXPECT_FALSE(check_metadata({{wide + "x", "v"}}));
  EXPECT_TRUE(check_metadata({{"k", std::string(512, 'v')}}));
  EXPECT_FALSE(check_metadata({{"k", std::string(513, 'v')}}));
}

TEST(ConversationId, IsRecognisedByItsForm) {
  EXPECT_TRUE(is_conversation_id("conv_" + std::string(48, 'a')));
  EXPECT_FALSE(is_conversation_id("conv_" + std::string(47, 'a')));
  EXPECT_FALSE(is_conversation_id("conv_" + std::string(48, 'A')));
  EXPECT_FALSE(is_conversation_id("conv_"));
  EXPECT_FALSE(is_conversation_id(std::string(53, 'a')));
}

TEST(Item, AReferenceNamesAnItemAndHoldsNothing) {
  const auto normalised = [](std::string_view raw) {
    return normalise_item(raw, boost::json::parse(raw).as_object(), "items[0]");
  };
  const auto item = normalised(R"({"type":"item_reference","id":"msg_1"})");
  ASSERT_TRUE(item);
  EXPECT_TRUE(item->again);
  EXPECT_EQ(item->client_id, "msg_1");
  EXPECT_EQ(item->json, "");
  for (const auto* raw : {R"({"id":"msg_1"})", R"({"id":"msg_1","type":null})"}) {
    const auto bare = normalised(raw);
    ASSERT_TRUE(bare) << raw;
    EXPECT_TRUE(bare->again);
  }
  EXPECT_FALSE(normalised(R"({"id":"msg_1","text":"x"})"));
  const auto untyped = normalised(R"({"type":null,"role":"user","content":"x"})");
  ASSERT_TRUE(untyped);
  EXPECT_EQ(untyped->json.find("null"), std::string::npos) << untyped->json;
  const auto nothing = normalised(R"({"type":"item_reference"})");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().param(), "items[0].id");
}

}  // namespace
}  // namespace inkwell::conversations
