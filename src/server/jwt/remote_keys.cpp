#include "server/jwt/remote_keys.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include "server/jwt/key_set.hpp"

namespace inkwell::server {
namespace {

constexpr std::chrono::minutes kInterval{10};
constexpr std::chrono::seconds kShortestInterval{5};
constexpr long kConnectSeconds = 5;
constexpr long kWholeSeconds = 10;
constexpr std::size_t kMaxSetBytes = 1U << 20;

struct CurlFree {
  void operator()(CURL* handle) const noexcept { ::curl_easy_cleanup(handle); }
};

std::size_t take(const char* data, std::size_t, std::size_t size, void* out) {
  auto& body = *static_cast<std::string*>(out);
  if (body.size() + size > kMaxSetBytes) return 0;  // ends the transfer
  body.append(data, size);
  return size;
}

int keep_on(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stopped)->load() ? 1 : 0;
}

}  // namespace

RemoteKeys::RemoteKeys(std::string url) : url_(std::move(url)) {}
RemoteKeys::~RemoteKeys() { stop(); }

void RemoteKeys::start(std::function<void(std::string_view)> on_failure) {
  on_failure_ = std::move(on_failure);
  wanted_ = true;
  thread_ = std::thread([this] { run(); });
}

void RemoteKeys::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const RemoteKeys::Keys> RemoteKeys::current() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::uint64_t RemoteKeys::fetches() const {
  const std::lock_guard lock(mutex_);
  return fetches_;
}

bool RemoteKeys::refresh() {
  const std::lock_guard lock(mutex_);
  if (wanted_ || fetching_) return true;
  if (std::chrono::steady_clock::now() - fetched_at_ < kShortestInterval) return false;
  wanted_ = true;
  changed_.notify_all();
  return true;
}

void RemoteKeys::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    changed_.wait_for(lock, kInterval, [this] { return stopped_ || wanted_; });
    if (stopped_) return;
    wanted_ = false;
    fetching_ = true;
    lock.unlock();
    auto keys = fetch();
    if (!keys && !stopped_ && on_failure_) on_failure_(keys.error().message());
    lock.lock();
    if (keys) keys_ = std::make_shared<const Keys>(std::move(*keys));
    fetching_ = false;
    fetched_at_ = std::chrono::steady_clock::now();
    ++fetches_;
  }
}

Result<RemoteKeys::Keys> RemoteKeys::fetch() const {
  const std::unique_ptr<CURL, CurlFree> handle(::curl_easy_init());
  std::string body;
  CURL* const curl = handle.get();
  ::curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT, kWholeSeconds);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &keep_on);
  ::curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stopped_);
  const CURLcode outcome = ::curl_easy_perform(curl);
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (outcome != CURLE_OK || status != 200) {
    return fail(
        ErrorKind::upstream, "key_set_unreachable",
        fmt::format("The key set could not be fetched: {} (status {}).", ::curl_easy_strerror(outcome), status));
  }
  return parse_key_set(body, SharedSecrets::refused);
}

}  // namespace inkwell::server
