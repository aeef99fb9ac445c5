#include "events/hub.hpp"

#include <boost/asio/post.hpp>

namespace inkwell::events {
namespace {

bool counts(const Message& message) noexcept {
  return message.kind == Message::Kind::snapshot || message.kind == Message::Kind::append;
}

}  // namespace

Hub::Hub(std::size_t workers, std::size_t max_waiting) : max_waiting_(max_waiting), mailboxes_(workers) {}

std::size_t Hub::owner_of(std::string_view channel) const noexcept {
  return std::hash<std::string_view>{}(channel) % mailboxes_.size();
}

void Hub::open(std::size_t worker, asio::any_io_executor executor, Receive receive) {
  auto& mailbox = mailboxes_[worker];
  const std::lock_guard lock(mailbox.mutex);
  mailbox.executor = std::move(executor);
  mailbox.receive = std::move(receive);
}

void Hub::close(std::size_t worker) {
  auto& mailbox = mailboxes_[worker];
  std::vector<Message> dropped;  // freed outside the lock
  const std::lock_guard lock(mailbox.mutex);
  mailbox.executor.reset();
  mailbox.receive = nullptr;
  dropped.swap(mailbox.waiting);
}

bool Hub::post(std::size_t worker, Message message) {
  auto& mailbox = mailboxes_[worker];
  std::optional<asio::any_io_executor> executor;
  {
    const std::lock_guard lock(mailbox.mutex);
    if (!mailbox.executor) return false;
    if (counts(message) && mailbox.waiting.size() >= max_waiting_) return false;
    mailbox.waiting.push_back(std::move(message));
    if (mailbox.scheduled) return true;
    mailbox.scheduled = true;
    executor = mailbox.executor;
  }
  asio::post(*executor, [this, &mailbox] { deliver(mailbox); });
  return true;
}

void Hub::deliver(Mailbox& mailbox) {
  std::vector<Message> batch;
  Receive receive;
  {
    const std::lock_guard lock(mailbox.mutex);
    mailbox.scheduled = false;
    if (!mailbox.receive) return;
    batch.swap(mailbox.waiting);
    receive = mailbox.receive;
  }
  receive(batch);
}

}  // namespace inkwell::events
