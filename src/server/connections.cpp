#include "server/connections.hpp"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

#include "base/random.hpp"
#include "server/http.hpp"
#include "server/shared.hpp"

namespace inkwell::server {

void Connection::cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Connections::Connections(Shared& shared) : shared_(shared), id_prefix_("req_" + random_hex(10)) {}

Connections::~Connections() { assert(open_ == 0); }

void Connections::sweep(Connection::Clock::time_point now) {
  for (Connection& connection : list_) {
    if (connection.deadline_ > now) continue;
    // Again at every sweep until it is armed anew: this one may fall between two operations and cancel nothing.
    connection.expired_ = true;
    connection.cancel();
  }
}

std::chrono::milliseconds Connections::sweep_interval() const {
  const Timeouts& t = shared_.options.timeouts;
  const auto shortest = std::min({t.header_read, t.body_progress, t.idle, t.write_stall, t.linger});
  return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

std::shared_ptr<void> Connections::admit() {
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= shared_.options.limits.max_connections) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  ++open_;
  const auto release = [this](void*) {
    --open_;
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  };
  return {this, release};
}

void Connections::drain() {
  if (draining_) return;
  draining_ = true;
  for (Connection& connection : list_) {
    if (connection.idle_) connection.cancel();
  }
  for (const auto& entry : *callbacks_) {
    const auto callback = entry;  // a callback may end its own registration, and others'
    if (callback) callback();
  }
}

std::shared_ptr<void> Connections::on_drain(std::function<void()> callback) {
  if (draining_) {
    callback();
    return nullptr;
  }
  const auto place = callbacks_->insert(callbacks_->end(), std::move(callback));
  return {this, [this, callbacks = std::weak_ptr(callbacks_), place](void*) {
            const auto alive = callbacks.lock();
            if (!alive) return;
            if (draining_) {
              *place = nullptr;  // drain() may be walking the list
            } else {
              alive->erase(place);
            }
          }};
}

std::string Connections::next_request_id() { return fmt::format("{}{:08x}", id_prefix_, next_id_++); }

const std::string& Connections::date() {
  const auto now = std::chrono::system_clock::now();
  if (now >= date_until_ || now < date_until_ - std::chrono::seconds(1)) {
    date_ = http_date(now);
    date_until_ = std::chrono::floor<std::chrono::seconds>(now) + std::chrono::seconds(1);
  }
  return date_;
}

}  // namespace inkwell::server
