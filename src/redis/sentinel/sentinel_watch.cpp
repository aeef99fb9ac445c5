#include "redis/sentinel/sentinel_watch.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <inkwell/redis/request.hpp>

#include "base/random.hpp"

namespace inkwell::redis::sentinel {
namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 1s;          // a push can be lost with its connection; and Sentinels may be slow to agree
constexpr auto kAnswerWithin = 1s;  // or the next one is asked
constexpr auto kConnectWithin = 1s;

/// The next Sentinel, each time it is asked.
class RoundRobin final : public link::Directory {
 public:
  explicit RoundRobin(std::vector<HostPort> seeds)
      : seeds_(std::move(seeds)), next_(static_cast<std::size_t>(random_seed() % seeds_.size())) {}
  void find(std::function<void(const HostPort&)> found) override { found(seeds_[next_++ % seeds_.size()]); }
  Error why_not() const override { return {ErrorKind::internal, "internal_error", "A Sentinel was not named."}; }
  void on_move(std::function<void(const HostPort&)>) override {}
  void close() override {}

 private:
  std::vector<HostPort> seeds_;
  std::size_t next_;
};

Options options_for_sentinels(const Options& of_link) {
  Options options;
  options.endpoint.username = of_link.endpoint.sentinel_username;
  options.endpoint.password = of_link.endpoint.sentinel_password;
  options.endpoint.tls = of_link.endpoint.tls;
  options.client_name = of_link.client_name + "-sentinel";
  options.connect_timeout = std::min<std::chrono::milliseconds>(of_link.connect_timeout, kConnectWithin);
  options.health_interval = of_link.health_interval;
  options.health_timeout = kAnswerWithin;
  options.backoff_base = of_link.backoff_base;
  options.backoff_cap = std::min<std::chrono::milliseconds>(of_link.backoff_cap, 1s);
  options.max_reply_bytes = 1u << 20;
  return options;
}

std::optional<HostPort> address(std::string_view host, std::string_view port) {
  HostPort at{std::string(host), 0};
  const auto end = std::from_chars(port.data(), port.data() + port.size(), at.port);
  if (host.empty() || end.ec != std::errc() || end.ptr != port.data() + port.size()) return std::nullopt;
  return at;
}

/// Takes the first word off `text`.
std::string_view next_word(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

}  // namespace

class SentinelWatch::Conversation final : public link::Session {
 public:
  Conversation(const asio::any_io_executor& executor, const Options& options)
      : Session(executor, options_for_sentinels(options), Policy(),
                std::make_unique<RoundRobin>(options.endpoint.seeds)),
        name_(options.endpoint.master_name),
        listed_(options.endpoint.to_string()) {}

  void find(std::function<void(const HostPort&)> found) {
    found_ = std::move(found);
    if (ready()) ask();
  }
  void on_move(std::function<void(const HostPort&)> moved) { moved_ = std::move(moved); }
  void close() {
    found_ = moved_ = nullptr;
    shut();
  }
  Error why_not() const {
    std::string reason = !answered_.empty() ? answered_ : offline() ? offline()->message() : "none has answered yet.";
    return {ErrorKind::unavailable, "redis_no_master",
            "No Sentinel of " + listed_ + " says where the master is: " + reason,
            "Check the Sentinels' addresses, the master's name, and their log."};
  }

 private:
  enum class Asked : std::uint8_t { address, subscription, ping };

  void on_ready() override {
    out_.clear();
    asked_.clear();
    send(Asked::subscription, Request("SUBSCRIBE", "+switch-master"));
    ask();
  }

  void ask() {
    if (std::ranges::find(asked_, Asked::address) != asked_.end() && !found_) return;
    answer_by_ = Clock::now() + kAnswerWithin;
    poll_at_ = Clock::now() + kPoll;
    send(Asked::address, Request("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name_));
    wake_at(std::min(*answer_by_, poll_at_));
  }

  void send(Asked what, const Request& request) {
    asked_.push_back(what);
    out_ += request.wire();
    on_turn_end();
  }
  void on_turn_end() override {
    if (!ready() || out_.empty()) return;
    const std::array<std::string_view, 1> pieces{out_};
    out_.erase(0, connection().write(pieces));
  }
  void send_ping() override { send(Asked::ping, Request("PING")); }

  void on_answer(Reply reply) override {
    const View view = reply.view();
    if (view.type() == Type::push) return pushed(view);
    if (asked_.empty()) return;
    const Asked what = asked_.front();
    asked_.pop_front();
    if (what != Asked::address) return;
    answer_by_.reset();
    const auto at = view.size() == 2 ? address(view[0].text(), view[1].text()) : std::nullopt;
    if (at) {
      answered_.clear();
      return learn(*at);
    }
    answered_ = view.is_error() ? std::string(view.text()) : "it doesn't know a master '" + name_ + "'.";
    distrust(Error(ErrorKind::unavailable, "redis_no_master", answered_));  // perhaps another one does
  }

  // "+switch-master" tells "name old-ip old-port new-ip new-port".
  void pushed(View push) {
    if (push.size() != 3) return;
    if (push[0].text() == "subscribe" && !asked_.empty() && asked_.front() == Asked::subscription)
      return asked_.pop_front();
    if (push[0].text() != "message") return;
    std::string_view text = push[2].text();
    if (next_word(text) != name_) return;
    next_word(text);
    next_word(text);
    const auto host = next_word(text);
    if (const auto at = address(host, text)) learn(*at);
  }

  void learn(const HostPort& at) {
    const bool moved = known_ && *known_ != at;
    known_ = at;
    if (auto found = std::exchange(found_, nullptr)) found(at);
    if (moved && moved_) moved_(at);
  }

  void on_lost(const Error&, bool, bool) override { answer_by_.reset(); }
  void on_connect_failed(const Error&, bool, bool) override {}

  Clock::time_point on_time(Clock::time_point now) override {
    if (!ready()) return Clock::time_point::max();
    if (answer_by_ && *answer_by_ <= now) {
      answer_by_.reset();
      answered_ = "it did not answer.";
      distrust(Error(ErrorKind::unavailable, "redis_no_master", answered_));
      return Clock::time_point::max();
    }
    if (poll_at_ <= now) ask();
    return std::min(poll_at_, answer_by_.value_or(Clock::time_point::max()));
  }

  const std::string name_;
  const std::string listed_;
  std::function<void(const HostPort&)> found_;
  std::function<void(const HostPort&)> moved_;
  std::optional<HostPort> known_;
  std::deque<Asked> asked_;
  std::string out_;
  std::string answered_;  ///< the last answer, when it was of no use
  std::optional<Clock::time_point> answer_by_;
  Clock::time_point poll_at_{};
};

SentinelWatch::SentinelWatch(asio::any_io_executor executor, const Options& options)
    : conversation_(std::make_shared<Conversation>(executor, options)) {
  conversation_->start();
}

void SentinelWatch::find(std::function<void(const HostPort&)> found) { conversation_->find(std::move(found)); }
Error SentinelWatch::why_not() const { return conversation_->why_not(); }
void SentinelWatch::on_move(std::function<void(const HostPort&)> moved) { conversation_->on_move(std::move(moved)); }
void SentinelWatch::close() { conversation_->close(); }

}  // namespace inkwell::redis::sentinel
