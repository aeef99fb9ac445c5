// An EventSource for tests: follows a URL's path on 127.0.0.1 and gives one event after the other. Blocking, with a
// deadline on everything; reconnects only when told to, with the last id it saw.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/http_client.hpp"

namespace inkwell::test {

class SseClient {
 public:
  struct Event {
    std::string type;  ///< "message" when the stream named none
    std::string data;
    std::string id;  ///< the last event id as it stands after this event
  };

  /// Connects and reads the response header. `extra` are whole header lines ending in CRLF.
  SseClient(std::uint16_t port, std::string target, std::string extra = {}) : target_(std::move(target)) {
    connect(port, std::move(extra));
  }

  const HttpAnswer& header() const { return header_; }
  const std::string& last_event_id() const { return last_event_id_; }
  const std::vector<std::string>& comments() const { return comments_; }
  std::optional<std::uint32_t> retry() const { return retry_; }

  /// The next event; nothing when the stream ends first. Throws at the client's deadline.
  std::optional<Event> next() {
    Event event{.type = "message", .data = {}, .id = {}};
    bool has_data = false;
    while (auto line = client_->read_line()) {
      if (line->empty()) {
        event.id = last_event_id_;
        if (has_data) return event;
        event = {.type = "message", .data = {}, .id = {}};
      } else if (line->front() == ':') {
        comments_.push_back(*line);
      } else {
        take(*line, event, has_data);
      }
    }
    return std::nullopt;
  }

  /// Reads on until a line of the stream begins with `prefix`, and gives that line; nothing when the stream ends.
  std::optional<std::string> line_with(std::string_view prefix) {
    while (auto line = client_->read_line()) {
      if (line->starts_with(prefix)) return line;
    }
    return std::nullopt;
  }

  /// Closes, and connects again with the last event id.
  void reconnect(std::uint16_t port) {
    connect(port, last_event_id_.empty() ? "" : "Last-Event-ID: " + last_event_id_ + "\r\n");
  }
  void close() { client_->close(); }
  HttpClient& http() { return *client_; }

 private:
  void connect(std::uint16_t port, std::string extra) {
    client_ = std::make_unique<HttpClient>(port);
    client_->send("GET " + target_ + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + extra + "\r\n");
    header_ = client_->receive_header();
  }

  void take(const std::string& line, Event& event, bool& has_data) {
    const auto colon = line.find(": ");
    const std::string name = line.substr(0, colon);
    const std::string value = colon == std::string::npos ? "" : line.substr(colon + 2);
    if (name == "data") {
      if (has_data) event.data += '\n';
      event.data += value;
      has_data = true;
    } else if (name == "event") {
      event.type = value;
    } else if (name == "id") {
      last_event_id_ = value;
    } else if (name == "retry") {
      retry_ = static_cast<std::uint32_t>(std::stoul(value));
    }
  }

  std::string target_;
  std::unique_ptr<HttpClient> client_;
  HttpAnswer header_;
  std::string last_event_id_;
  std::vector<std::string> comments_;
  std::optional<std::uint32_t> retry_;
};

}  // namespace inkwell::test
