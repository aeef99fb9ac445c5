#include "embedded/embedded_redis.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <future>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "embedded/log_file.hpp"
#include "embedded/probe.hpp"
#include "embedded/program.hpp"

namespace inkwell::embedded {
namespace {

constexpr std::chrono::milliseconds kProbeInterval{10};
constexpr std::chrono::seconds kLongEnough{10};  // having run for so long, the next failure is a new one
constexpr std::size_t kLogLines = 6;

std::string_view path_variable() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

// Signals to the process are for the threads that expect them.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Result<std::unique_ptr<EmbeddedRedis>> EmbeddedRedis::start(Options options, std::stop_token stop) {
  auto program = find_program(options.program, path_variable());
  if (!program) return std::unexpected(program.error());
  auto directory = DataDirectory::open(options.data_directory, options.predecessor_timeout, stop);
  if (!directory) return std::unexpected(directory.error());
  auto place = SocketPlace::choose(directory->redis(), options.runtime_directories);
  if (!place) return std::unexpected(place.error());
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail(ErrorKind::internal, "redis_server_failed", fmt::format("eventfd: {}.", std::strerror(errno)));

  std::unique_ptr<EmbeddedRedis> self(new EmbeddedRedis(std::move(options), std::move(*program), std::move(*directory),
                                                        std::move(*place), std::move(wake)));
  std::promise<Result<void>> promise;
  auto started = promise.get_future();
  self->supervisor_ = std::thread([&self = *self, promise = std::move(promise)]() mutable {
    self.supervise([&promise](Result<void> result) { promise.set_value(std::move(result)); });
  });
  const std::stop_callback wake_up(stop, [&self] { ::eventfd_write(self->wake_.get(), 1); });
  if (const auto result = started.get(); !result) return std::unexpected(result.error());
  return self;
}

EmbeddedRedis::EmbeddedRedis(Options options, std::filesystem::path program, DataDirectory directory, SocketPlace place,
                             Descriptor wake)
    : options_(std::move(options)),
      program_(std::move(program)),
      directory_(std::move(directory)),
      place_(std::move(place)),
      wake_(std::move(wake)) {}

EmbeddedRedis::~EmbeddedRedis() { stop(); }

void EmbeddedRedis::stop() {
  if (!supervisor_.joinable()) return;
  ::eventfd_write(wake_.get(), 1);
  supervisor_.join();
}

Stats EmbeddedRedis::stats() const noexcept { return {pid_.load(), restarts_.load()}; }

// The supervising thread, from the first start to the last end. A first start that fails ends it; later ones are tried
// again for ever, as what stands in their way (a full disk, say) may pass.
void EmbeddedRedis::supervise(const std::function<void(Result<void>)>& first_start) {
  block_signals();
  Backoff backoff(options_.backoff_base, options_.backoff_cap, random_seed());
  bool first = true;
  do {
    auto child = launch();
    if (child) pid_ = child->pid();  // before anybody hears that it is ready
    if (first) {
      if (child) tell(Event::Kind::ready, "The redis-server is ready.");
      first_start(child ? Result<void>() : std::unexpected(child.error()));
      if (!child) return;
    } else if (child) {
      ++restarts_;
      tell(Event::Kind::ready, "The redis-server is ready again.");
    } else if (child.error().kind() == ErrorKind::cancelled) {
      return;
    } else {
      tell(Event::Kind::start_failed, child.error().to_string());
    }
    first = false;
    if (!child) continue;

    const auto since = std::chrono::steady_clock::now();
    pollfd watched[] = {{child->pidfd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (watched[1].revents != 0) return end(*child);
    const auto how = child->wait(std::chrono::milliseconds(-1));
    tell(Event::Kind::ended, failed(*how).to_string());
    if (std::chrono::steady_clock::now() - since > kLongEnough) backoff.reset();
  } while (!told_to_stop_within(backoff.next()));
}

// Starts it and waits until it answers.
Result<ChildProcess> EmbeddedRedis::launch() {
  rotate_log(log(), options_.max_log_bytes);
  std::error_code none;
  log_offset_ = std::filesystem::file_size(log(), none);
  if (none) log_offset_ = 0;
  auto child = ChildProcess::start({program_, arguments(), log(), directory_.redis_lock()});
  if (!child) return child;
  directory_.note_redis_pid(child->pid());
  if (auto ready = wait_until_ready(*child); !ready) return std::unexpected(ready.error());
  if (auto fit = check_version(); !fit) {
    end(*child);
    return std::unexpected(fit.error());
  }
  return child;
}

Result<void> EmbeddedRedis::wait_until_ready(ChildProcess& child) {
  auto until = std::chrono::steady_clock::now() + options_.start_timeout;
  bool loading = false;
  for (;;) {
    const Health health = probe(place_.socket());
    if (health == Health::ready) return {};
    if (health == Health::loading) {
      if (!loading) tell(Event::Kind::loading, "The redis-server reads its data back.");
      loading = true;
      until = std::chrono::steady_clock::now() + options_.start_timeout;
    }
    if (const auto how = child.wait(std::chrono::milliseconds(0))) return std::unexpected(failed(*how));
    if (told_to_stop_within(kProbeInterval)) {
      end(child);
      return fail(ErrorKind::cancelled, "cancelled", "Told to stop before the redis-server was ready.");
    }
    if (std::chrono::steady_clock::now() >= until) {
      end(child);
      return std::unexpected(failed("did not answer in time"));
    }
  }
}

Result<void> EmbeddedRedis::check_version() const {
  const auto version = redis_version(place_.socket());
  if (!version) return {};
  int major = 0;
  std::from_chars(version->data(), version->data() + version->size(), major);
  if (major >= 7) return {};
  return fail(
      ErrorKind::unavailable, "redis_server_too_old",
      fmt::format("{} is Redis {}; Inkwell needs Redis 7.0 or Valkey 7.2, or newer.", program_.string(), *version),
      "Install a newer one and name it with --redis-program, or use a Redis of your own with --redis URL.");
}

void EmbeddedRedis::end(ChildProcess& child) {
  child.send(SIGTERM);
  if (child.wait(options_.stop_timeout)) return;
  tell(Event::Kind::killed,
       fmt::format("The redis-server did not end within {} ms and is killed.", options_.stop_timeout.count()));
  child.send(SIGKILL);
  child.wait(std::chrono::milliseconds(-1));
}

bool EmbeddedRedis::told_to_stop_within(std::chrono::milliseconds wait) const {
  pollfd watched{wake_.get(), POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(wait.count())) > 0;  // a signal shortens the wait, which harms nothing
}

Error EmbeddedRedis::failed(std::string_view what) const {
  std::string tail = last_lines(log(), log_offset_, kLogLines);
  if (tail.empty()) tail = "(nothing)";
  return Error(ErrorKind::unavailable, "redis_server_failed",
               fmt::format("The redis-server {} {}.", program_.string(), what),
               fmt::format("The end of its log ({}):\n{}", log().string(), tail));
}

void EmbeddedRedis::tell(Event::Kind kind, std::string detail) const {
  if (options_.on_event) options_.on_event({kind, std::move(detail)});
}

std::vector<std::string> EmbeddedRedis::arguments() const {
  return {"--port",
          "0",
          "--unixsocket",
          place_.socket().string(),
          "--unixsocketperm",
          "700",  //
          "--dir",
          directory_.redis().string(),
          "--logfile",
          log().string(),  //
          "--appendonly",
          "yes",
          "--appendfsync",
          "everysec",
          "--save",
          "",  //
          "--maxmemory-policy",
          "noeviction",
          "--daemonize",
          "no",
          "--supervised",
          "no"};
}

}  // namespace inkwell::embedded
