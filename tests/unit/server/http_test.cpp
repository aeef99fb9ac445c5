#include "server/http.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <set>

#include "server/response_writer.hpp"

namespace inkwell::server {
namespace {

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

boost::json::object error_in(const HttpResponse& response) {
  return boost::json::parse(response.body).as_object().at("error").as_object();
}

TEST(Http, EveryErrorKindHasItsStatus) {
  const std::pair<ErrorKind, unsigned> table[] = {
      {ErrorKind::invalid_argument, 400},    {ErrorKind::not_found, 404},       {ErrorKind::conflict, 409},
      {ErrorKind::precondition_failed, 412}, {ErrorKind::unauthenticated, 401}, {ErrorKind::permission_denied, 403},
      {ErrorKind::too_large, 413},           {ErrorKind::overloaded, 503},      {ErrorKind::unavailable, 503},
      {ErrorKind::deadline_exceeded, 504},   {ErrorKind::cancelled, 503},       {ErrorKind::upstream, 502},
      {ErrorKind::data_corrupt, 500},        {ErrorKind::internal, 500},        {ErrorKind::quota_exceeded, 429}};
  std::set<std::string_view> names;
  for (const auto& [kind, status] : table) {
    EXPECT_EQ(static_cast<unsigned>(status_of(kind)), status) << name_of(kind);
    names.insert(name_of(kind));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorKind::internal) + 1) << "a kind is missing from this table";
}

TEST(Http, AnErrorHasTheShapeOfTheOpenAiApi) {
  const Error error =
      Error(ErrorKind::invalid_argument, "invalid_type", "'limit' must be an integer.", "Send 1 to 100.")
          .with_param("limit");
  const auto response = error_response(error);
  const auto body = error_in(response);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(body.at("message").as_string(), "'limit' must be an integer. Send 1 to 100.");
  EXPECT_EQ(body.at("type").as_string(), "invalid_request_error");
  EXPECT_EQ(body.at("param").as_string(), "limit");
  EXPECT_EQ(body.at("code").as_string(), "invalid_type");
}

TEST(Http, AnErrorWithoutAParamSaysNull) {
  const auto body = error_in(error_response(Error(ErrorKind::internal, "internal_error", "A bug.")));
  EXPECT_TRUE(body.at("param").is_null());
  EXPECT_EQ(body.at("type").as_string(), "server_error");
}

TEST(Http, UnavailableSaysWhenToComeBack) {
  const Error known =
      Error(ErrorKind::unavailable, "redis_unavailable", "Away.").with_retry_after(std::chrono::milliseconds(1500));
  EXPECT_EQ(header_of(error_response(known), "Retry-After"), "2");
  EXPECT_EQ(header_of(error_response(known), "retry-after-ms"), "1500");
  EXPECT_EQ(header_of(error_response(Error(ErrorKind::unavailable, "x", "Away.")), "Retry-After"), "1");
}

TEST(Http, AClientIsToldNotToRetryWhatMayHaveBeenApplied) {
  const Error unknown = Error(ErrorKind::unavailable, "x", "Lost.").with_unknown_outcome();
  EXPECT_EQ(header_of(error_response(unknown), "x-should-retry"), "false");
  EXPECT_EQ(header_of(error_response(unknown), "Retry-After"), "");
  EXPECT_EQ(header_of(error_response(Error(ErrorKind::unavailable, "x", "Away.")), "x-should-retry"), "");
}

TEST(Http, MessagesWithAnyBytesStayOneJsonString) {
  const auto body = error_in(error_response(Error(ErrorKind::internal, "c", "quote \" newline \n backslash \\")));
  EXPECT_EQ(body.at("message").as_string(), "quote \" newline \n backslash \\");
}

TEST(Http, DatesAreWrittenAsHttpWantsThem) {
  EXPECT_EQ(http_date(std::chrono::system_clock::from_time_t(1445412480)), "Wed, 21 Oct 2015 07:28:00 GMT");
}

std::string written(const HttpResponse& response, bool keep_alive = true, bool http_1_0 = false) {
  ResponseFrame frame;
  frame.request_id = "req_1";
  frame.date = "today";
  frame.keep_alive = keep_alive;
  frame.http_1_0 = http_1_0;
  std::string out;
  write_header(out, response, frame);
  return out;
}

TEST(ResponseWriter, WritesStatusLineAndFields) {
  HttpResponse response;
  response.body = "{}";
  response.headers.emplace_back("ETag", "\"7\"");
  EXPECT_EQ(written(response),
            "HTTP/1.1 200 OK\r\nServer: inkwell\r\nDate: today\r\nx-request-id: req_1\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\nETag: \"7\"\r\n\r\n");
}

TEST(ResponseWriter, SaysHowTheConnectionGoesOn) {
  EXPECT_NE(written({}, false).find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(written({}, true, true).find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  EXPECT_EQ(written({}, true).find("Connection"), std::string::npos);
}

TEST(ResponseWriter, NoContentHasNoLengthAndNoBody) {
  HttpResponse response;
  response.status = http::status::no_content;
  response.body = "never";
  EXPECT_EQ(written(response).find("Content-"), std::string::npos);
  EXPECT_EQ(body_of(response), "");
}

TEST(ResponseWriter, AFieldThatWouldEndItsLineIsLeftOut) {
  HttpResponse response;
  response.headers.emplace_back("X-Evil", "a\r\nSet-Cookie: b");
  response.headers.emplace_back("X-Good", "c");
  const auto out = written(response);
  EXPECT_EQ(out.find("Set-Cookie"), std::string::npos);
  EXPECT_NE(out.find("X-Good: c"), std::string::npos);
}

TEST(ResponseWriter, ASharedBodyIsSentInsteadOfTheOwnedOne) {
  HttpResponse response;
  response.body = "mine";
  response.shared_body = std::make_shared<const std::string>("shared");
  EXPECT_EQ(body_of(response), "shared");
  EXPECT_NE(written(response).find("Content-Length: 6"), std::string::npos);
}

}  // namespace
}  // namespace inkwell::server
