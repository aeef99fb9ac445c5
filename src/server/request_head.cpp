#include "server/request_head.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <cctype>
#include <fmt/format.h>

#include "server/target.hpp"

namespace inkwell::server {
namespace {

std::string_view std_view(boost::beast::string_view text) { return {text.data(), text.size()}; }

HttpResponse malformed(std::string_view message) {
  return error_response(http::status::bad_request, "malformed_request", message);
}

/// Whether the request line ends in a version that is well-formed but not ours: " HTTP/2.0".
bool other_version(std::string_view bytes) {
  const auto line = bytes.substr(0, bytes.find("\r\n"));
  constexpr std::string_view kName = " HTTP/";
  constexpr std::size_t kSize = kName.size() + 3;
  if (line.size() < kSize) return false;
  const auto end = line.substr(line.size() - kSize);
  const auto digit = [&](std::size_t i) { return end[i] >= '0' && end[i] <= '9'; };
  return end.starts_with(kName) && digit(kSize - 3) && end[kSize - 2] == '.' && digit(kSize - 1);
}

HttpResponse parse_failure(const boost::system::error_code& ec, std::string_view bytes) {
  if (ec == http::error::bad_version && other_version(bytes)) {
    return error_response(http::status::http_version_not_supported, "http_version_not_supported",
                          "This server speaks HTTP/1.1 and HTTP/1.0.");
  }
  return malformed(fmt::format("The request is not well-formed HTTP: {}.", ec.message()));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Beast has refused a Content-Length beside a Transfer-Encoding, and differing lengths; the rest is ours.
std::optional<HttpResponse> framing_fault(const http::fields& fields, unsigned version) {
  if (fields.count(http::field::content_length) > 1) return malformed("More than one Content-Length.");
  const auto length = fields.find(http::field::content_length);
  if (length != fields.end() && !all_digits(std_view(length->value()))) {
    return malformed("Content-Length is not a decimal number.");
  }
  const auto encodings = fields.count(http::field::transfer_encoding);
  if (encodings == 0) return std::nullopt;
  if (version < 11) return malformed("Transfer-Encoding does not exist in HTTP/1.0.");
  const auto coding = std_view(fields[http::field::transfer_encoding]);
  if (encodings > 1 || !boost::beast::iequals(coding, "chunked")) {
    return error_response(http::status::not_implemented, "transfer_encoding_unsupported",
                          "The only Transfer-Encoding this server takes is chunked.");
  }
  return std::nullopt;
}

std::optional<HttpResponse> host_fault(const http::fields& fields, unsigned version) {
  const auto hosts = fields.count(http::field::host);
  if (hosts > 1) return malformed("More than one Host.");
  if (hosts == 0 && version >= 11) return malformed("HTTP/1.1 needs a Host.");
  return std::nullopt;
}

std::optional<HttpResponse> expectation_fault(const http::fields& fields, bool& expects_continue) {
  const auto expect = fields.find(http::field::expect);
  if (expect == fields.end()) return std::nullopt;
  expects_continue = boost::beast::iequals(expect->value(), "100-continue");
  if (expects_continue) return std::nullopt;
  return error_response(http::status::expectation_failed, "expectation_failed",
                        "The only expectation this server meets is 100-continue.");
}

}  // namespace

std::expected<RequestHead, HttpResponse> parse_head(RequestParser& parser, std::string_view bytes) {
  boost::system::error_code ec;
  parser.eager(false);
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
  parser.body_limit(boost::none);
  parser.put(asio::buffer(bytes), ec);
  if (ec) return std::unexpected(parse_failure(ec, bytes));
  if (!parser.is_header_done()) return std::unexpected(malformed("The request's header is incomplete."));

  auto& message = parser.get();
  RequestHead head;
  if (auto fault = framing_fault(message, message.version())) return std::unexpected(std::move(*fault));
  if (auto fault = host_fault(message, message.version())) return std::unexpected(std::move(*fault));
  head.http_1_0 = message.version() < 11;
  head.chunked = parser.chunked();
  head.content_length = parser.content_length().value_or(0);
  head.keep_alive = parser.keep_alive();
  if (!head.http_1_0) {
    if (auto fault = expectation_fault(message, head.expects_continue)) return std::unexpected(std::move(*fault));
  }
  auto target = parse_target(std_view(message.target()));
  if (!target) return std::unexpected(error_response(target.error()));
  head.request.method = message.method();
  head.request.is_query = message.method() == http::verb::unknown && message.method_string() == "QUERY";
  head.request.path = std::move(target->path);
  head.request.raw_path = std::move(target->raw_path);
  head.request.query = std::move(target->query);
  head.request.headers = std::move(static_cast<http::fields&>(message));
  return head;
}

bool sane_request_id(std::string_view text) noexcept {
  if (text.empty() || text.size() > 128) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return std::isalnum(u) != 0 || std::string_view("-_.:/+=").find(c) != std::string_view::npos;
  });
}

}  // namespace inkwell::server
