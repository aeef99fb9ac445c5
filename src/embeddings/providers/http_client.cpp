#include "embeddings/providers/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <curl/curl.h>
#include <fmt/format.h>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

namespace inkwell::embeddings {

namespace asio = boost::asio;

namespace {

void initialise_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::runtime_error("libcurl cannot be initialised");
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Error error_of(CURLcode code, const char* detail) {
  const std::string why = *detail ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Error(ErrorKind::deadline_exceeded, "upstream_timeout", "The embeddings upstream did not answer in time.");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return Error(ErrorKind::unavailable, "upstream_unreachable",
                   fmt::format("The embeddings upstream cannot be reached: {}.", why));
    default:
      return Error(ErrorKind::upstream, "upstream_broken",
                   fmt::format("The embeddings upstream broke the request off: {}.", why));
  }
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

// The part that outlives the client while handlers of it are still queued. `multi` is null once the client is gone.
class HttpClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, std::size_t max_connections) : executor_(executor), timer_(executor) {
    initialise_curl_once();
    multi_ = curl_multi_init();
    if (!multi_) throw std::runtime_error("libcurl cannot make a multi handle");
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(max_connections));
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void shut_down() {
    curl_multi_cleanup(multi_);  // lets go of every socket through on_socket
    multi_ = nullptr;
    timer_.cancel();
    for (auto& [socket, watch] : watches_) watch->let_go();
    watches_.clear();
  }

  asio::any_io_executor executor() const { return executor_; }
  CURLM* multi() const { return multi_; }

 private:
  /// A socket of libcurl's that libcurl wants to hear of. Never closed here.
  struct Watch {
    Watch(asio::any_io_executor executor, curl_socket_t socket) : descriptor(executor, socket) {}
    void let_go() {
      gone = true;
      descriptor.release();
    }
    asio::posix::stream_descriptor descriptor;
    int wanted = 0;
    bool reading = false;
    bool writing = false;
    bool gone = false;
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    static_cast<Impl*>(self)->watch(socket, what);
    return 0;
  }
  static int on_timer(CURLM*, long milliseconds, void* self) {
    static_cast<Impl*>(self)->set_timer(milliseconds);
    return 0;
  }

  void watch(curl_socket_t socket, int what) {
    auto& entry = watches_[socket];
    if (what == CURL_POLL_REMOVE) {
      if (entry) entry->let_go();
      watches_.erase(socket);
      return;
    }
    if (!entry) entry = std::make_shared<Watch>(executor_, socket);
    entry->wanted = what;
    arm(entry, socket);
  }

  void arm(const std::shared_ptr<Watch>& watch, curl_socket_t socket) {
    if (!watch->reading && (watch->wanted & CURL_POLL_IN)) {
      watch->reading = true;
      watch->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                   [self = shared_from_this(), watch, socket](boost::system::error_code error) {
                                     watch->reading = false;
                                     self->ready(watch, socket, CURL_CSELECT_IN, CURL_POLL_IN, error);
                                   });
    }
    if (!watch->writing && (watch->wanted & CURL_POLL_OUT)) {
      watch->writing = true;
      watch->descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                                   [self = shared_from_this(), watch, socket](boost::system::error_code error) {
                                     watch->writing = false;
                                     self->ready(watch, socket, CURL_CSELECT_OUT, CURL_POLL_OUT, error);
                                   });
    }
  }

  void ready(const std::shared_ptr<Watch>& watch, curl_socket_t socket, int event, int wanted,
             boost::system::error_code error) {
    if (watch->gone || !multi_) return;
    if (watch->wanted & wanted) act(socket, error ? CURL_CSELECT_ERR : event);
    if (!watch->gone && multi_) arm(watch, socket);
  }

  void set_timer(long milliseconds) {
    const auto generation = ++timer_generation_;
    timer_.cancel();
    if (milliseconds < 0) return;
    // Never from inside this callback: libcurl must not be entered again here.
    timer_.expires_after(std::chrono::milliseconds(milliseconds));
    timer_.async_wait([self = shared_from_this(), generation](boost::system::error_code) {
      if (self->multi_ && generation == self->timer_generation_) self->act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void act(curl_socket_t socket, int events);

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::uint64_t timer_generation_ = 0;
  CURLM* multi_ = nullptr;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
};

/// One request: its easy handle and what has come of the answer. Ends the request when destroyed.
class HttpClient::Transfer {
 public:
  Transfer(std::shared_ptr<Impl> impl, HttpCall call)
      : impl_(std::move(impl)), call_(std::move(call)), done_timer_(impl_->executor()), easy_(curl_easy_init()) {
    if (!easy_) throw std::runtime_error("libcurl cannot make an easy handle");
    for (const auto& line : call_.headers) headers_ = curl_slist_append(headers_, line.c_str());
    headers_ = curl_slist_append(headers_, "Expect:");
    set_options();
    curl_multi_add_handle(impl_->multi(), easy_);
    added_ = true;
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    leave();
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }

  asio::awaitable<Result<HttpAnswer>> result() {
    // libcurl keeps the time-out; ours is only there for the day it doesn't.
    done_timer_.expires_after(call_.timeout + std::chrono::seconds(5));
    while (!done_) {
      const auto [error] = co_await done_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        co_return fail(ErrorKind::cancelled, "cancelled", "The request to the embeddings upstream was cancelled.");
      }
      if (!error) code_ = CURLE_OPERATION_TIMEDOUT;
      if (!error) break;
    }
    leave();
    if (too_large_) {
      co_return fail(ErrorKind::upstream, "upstream_answer_too_large",
                     fmt::format("The embeddings upstream answered with more than {} bytes.", call_.max_answer_bytes));
    }
    if (code_ != CURLE_OK) co_return std::unexpected(error_of(code_, detail_.data()));
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    answer_.status = static_cast<int>(status);
    co_return std::move(answer_);
  }

  void finished(CURLcode code) {
    code_ = code;
    done_ = true;
    done_timer_.cancel();
  }

 private:
  void set_options() {
    const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_, option, value); };
    set(CURLOPT_URL, call_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call_.body.size()));
    set(CURLOPT_POSTFIELDS, call_.body.data());
    set(CURLOPT_HTTPHEADER, headers_);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(call_.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min<std::int64_t>(call_.timeout.count(), 10'000)));
    set(CURLOPT_ACCEPT_ENCODING, "");
    set(CURLOPT_USERAGENT, "inkwell");
    if (!call_.ca_file.empty()) set(CURLOPT_CAINFO, call_.ca_file.c_str());
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_PIPEWAIT, 1L);
    set(CURLOPT_ERRORBUFFER, detail_.data());
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t bytes, void* to) {
    auto& self = *static_cast<Transfer*>(to);
    if (self.answer_.body.size() + bytes > self.call_.max_answer_bytes) {
      self.too_large_ = true;
      return 0;
    }
    self.answer_.body.append(data, bytes);
    return bytes;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t bytes, void* to) {
    auto& self = *static_cast<Transfer*>(to);
    const std::string_view line(data, bytes);
    if (line.starts_with("HTTP/")) self.answer_.headers.clear();  // a new head, after a 100 or a proxy's
    if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      self.answer_.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
    return bytes;
  }

  void leave() {
    if (added_ && impl_->multi()) curl_multi_remove_handle(impl_->multi(), easy_);
    added_ = false;
  }

  std::shared_ptr<Impl> impl_;
  HttpCall call_;
  asio::steady_timer done_timer_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  bool added_ = false;
  bool done_ = false;
  bool too_large_ = false;
  CURLcode code_ = CURLE_OK;
  std::array<char, CURL_ERROR_SIZE> detail_{};
  HttpAnswer answer_;
};

void HttpClient::Impl::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  int queued = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    static_cast<Transfer*>(transfer)->finished(message->data.result);
  }
}

HttpClient::HttpClient(asio::any_io_executor executor, std::size_t max_connections)
    : impl_(std::make_shared<Impl>(executor, max_connections)) {}

HttpClient::~HttpClient() { impl_->shut_down(); }

asio::awaitable<Result<HttpAnswer>> HttpClient::post(HttpCall call) {
  Transfer transfer(impl_, std::move(call));
  auto result = co_await transfer.result();
  co_return result;
}

}  // namespace inkwell::embeddings
