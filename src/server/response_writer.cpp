#include "server/response_writer.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace inkwell::server {
namespace {

bool breaks_line(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Statuses that never have a body, nor a Content-Length (RFC 9110 sections 8.6, 15.3.5, 15.4.5).
bool bodyless(http::status status) {
  return status == http::status::no_content || status == http::status::not_modified ||
         static_cast<unsigned>(status) < 200;
}

}  // namespace

std::string_view body_of(const HttpResponse& response) noexcept {
  if (bodyless(response.status)) return {};
  return response.shared_body ? std::string_view(*response.shared_body) : std::string_view(response.body);
}

void write_header(std::string& out, const HttpResponse& response, const ResponseFrame& frame) {
  const auto reason = http::obsolete_reason(response.status);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", static_cast<unsigned>(response.status),
                 std::string_view(reason.data(), reason.size()));
  append_field(out, "Server", "inkwell");
  append_field(out, "Date", frame.date);
  append_field(out, "x-request-id", frame.request_id);
  if (!bodyless(response.status)) {
    if (!response.content_type.empty() && !breaks_line(response.content_type)) {
      append_field(out, "Content-Type", response.content_type);
    }
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", body_of(response).size());
  }
  for (const auto& [name, value] : response.headers) {
    if (!breaks_line(name) && !breaks_line(value)) append_field(out, name, value);
  }
  if (!frame.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (frame.http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  out += "\r\n";
}

}  // namespace inkwell::server
