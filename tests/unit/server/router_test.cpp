#include "server/router.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

#include "server/target.hpp"

namespace inkwell::server {
namespace {

asio::awaitable<HandlerResult> nothing(Worker&, HttpRequest&) { co_return HttpResponse{}; }

Router router_of(std::initializer_list<std::pair<http::verb, const char*>> routes) {
  Router router;
  for (const auto& [method, path] : routes) router.add({method, path, Access::open, nothing});
  return router;
}

HttpRequest request_for(http::verb method, std::string_view target) {
  HttpRequest request;
  request.method = method;
  auto parsed = parse_target(target);
  EXPECT_TRUE(parsed) << target;
  request.path = parsed->path;
  request.raw_path = parsed->raw_path;
  return request;
}

std::string path_found(const Router& router, HttpRequest& request) {
  const auto match = router.match(request);
  const auto* const* route = std::get_if<const Route*>(&match);
  return route ? (*route)->path : "none";
}

TEST(Router, FindsTheRouteAndWhatItsNamesMatched) {
  const Router router = router_of({{http::verb::get, "/v1/conversations/{id}/items/{item_id}"}});
  auto request = request_for(http::verb::get, "/v1/conversations/conv_1/items/msg_2");
  EXPECT_EQ(path_found(router, request), "/v1/conversations/{id}/items/{item_id}");
  EXPECT_EQ(request.path_param("id"), "conv_1");
  EXPECT_EQ(request.path_param("item_id"), "msg_2");
}

TEST(Router, KeepsAnEncodedSlashInsideItsSegmentAndDecodesIt) {
  const Router router = router_of({{http::verb::get, "/v1/channels/{name}/events"}});
  auto request = request_for(http::verb::get, "/v1/channels/a%2Fb%20c/events");
  EXPECT_EQ(path_found(router, request), "/v1/channels/{name}/events");
  EXPECT_EQ(request.path_param("name"), "a/b c");
}

TEST(Router, PrefersALiteralSegmentAndFallsBackToTheNameWhenTheRestDiffers) {
  const Router router = router_of({{http::verb::get, "/a/{x}/end"}, {http::verb::get, "/a/b/other"}});
  auto literal = request_for(http::verb::get, "/a/b/other");
  EXPECT_EQ(path_found(router, literal), "/a/b/other");
  auto named = request_for(http::verb::get, "/a/b/end");
  EXPECT_EQ(path_found(router, named), "/a/{x}/end");
  EXPECT_EQ(named.path_param("x"), "b");
}

TEST(Router, AnsweringTheWrongMethodNamesThoseThatWork) {
  const Router router = router_of({{http::verb::get, "/x/{id}"}, {http::verb::delete_, "/x/{id}"}});
  auto request = request_for(http::verb::put, "/x/1");
  const auto match = router.match(request);
  const auto* wrong = std::get_if<Router::MethodNotAllowed>(&match);
  ASSERT_NE(wrong, nullptr);
  EXPECT_EQ(wrong->allow, "GET, HEAD, DELETE");
}

TEST(Router, HeadFindsTheGetRoute) {
  const Router router = router_of({{http::verb::get, "/x"}});
  auto request = request_for(http::verb::head, "/x");
  EXPECT_EQ(path_found(router, request), "/x");
}

TEST(Router, ANameMatchesNoEmptySegmentAndATrailingSlashIsAnotherPath) {
  const Router router = router_of({{http::verb::get, "/x/{id}"}});
  for (const auto* target : {"/x/", "/x", "/x/1/", "/", "/x//1"}) {
    auto request = request_for(http::verb::get, target);
    EXPECT_TRUE(std::holds_alternative<Router::NotFound>(router.match(request))) << target;
  }
}

TEST(Router, RefusesTwoRoutesOfOneMethodAndShape) {
  Router router = router_of({{http::verb::get, "/x/{id}"}});
  EXPECT_THROW(router.add({http::verb::get, "/x/{other}", Access::open, nothing}), std::logic_error);
  EXPECT_NO_THROW(router.add({http::verb::post, "/x/{id}", Access::open, nothing}));
}

TEST(Router, NumbersItsRoutesInTheOrderTheyWereAdded) {
  const Router router = router_of({{http::verb::get, "/a"}, {http::verb::get, "/b"}});
  EXPECT_EQ(router.routes()[0].index, 0U);
  EXPECT_EQ(router.routes()[1].index, 1U);
}

}  // namespace
}  // namespace inkwell::server
