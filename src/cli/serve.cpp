#include "cli/serve.hpp"

#include <fmt/format.h>
#include <mutex>
#include <ostream>
#include <signal.h>
#include <stop_token>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/default_directory.hpp"
#include "cli/exit_code.hpp"
#include "cli/signals.hpp"
#include "cli/version.hpp"
#include "embedded/embedded_redis.hpp"
#include "server/server.hpp"
#include "telemetry/log.hpp"

namespace inkwell::cli {
namespace {

using telemetry::Level;

std::shared_ptr<telemetry::Log> make_log(const config::Config::Log& from) {
  telemetry::LogOptions options;
  if (const auto level = telemetry::parse_level(from.level)) options.level = *level;  // the schema has checked both
  if (const auto format = telemetry::parse_format(from.format)) options.format = *format;
  return std::make_shared<telemetry::Log>(options);
}

// A server's bound on its connections is its own, not the shell's.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Turns signals into requests to stop. Signals come on a thread of their own, perhaps before there is a server.
class Stopper {
 public:
  explicit Stopper(telemetry::Log& log) : log_(log), signals_([this](int signal) { on_signal(signal); }) {}

  std::stop_token token() const { return source_.get_token(); }

  /// From here on, requests go to this server, which has been started; the one that came already, at once.
  void attach(server::Server& server) {
    const std::lock_guard lock(mutex_);
    server_ = &server;
    for (int i = 0; i < requests_; ++i) server.request_stop();
  }
  void detach() {
    const std::lock_guard lock(mutex_);
    server_ = nullptr;
  }

 private:
  void on_signal(int signal) {
    const std::string_view name = signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "SIGHUP";
    if (signal == SIGHUP) {
      log_.write(Level::info, "signal ignored: the configuration is read at the start only", {{"signal", name}});
      return;
    }
    const std::lock_guard lock(mutex_);
    if (++requests_ > 2) ::_exit(128 + signal);  // the redis-server hears of it from the kernel
    log_.write(Level::info, requests_ == 1 ? "stopping: finishing what runs" : "stopping at once", {{"signal", name}});
    source_.request_stop();
    if (server_ != nullptr) server_->request_stop();
  }

  telemetry::Log& log_;
  std::stop_source source_;
  std::mutex mutex_;  // guards the two below
  server::Server* server_ = nullptr;
  int requests_ = 0;
  Signals signals_;  // last: its thread uses all of the above
};

void log_redis_event(telemetry::Log& log, const embedded::Event& event) {
  using Kind = embedded::Event::Kind;
  const bool bad = event.kind == Kind::ended || event.kind == Kind::start_failed || event.kind == Kind::killed;
  log.write(bad ? Level::error : Level::info, "embedded redis", {{"detail", event.detail}});
}

Result<std::unique_ptr<embedded::EmbeddedRedis>> start_redis(const config::Config& config,
                                                             const std::vector<std::string>& environment,
                                                             telemetry::Log& log, std::stop_token stop) {
  embedded::Options options;
  options.data_directory = config.data_dir;
  if (config.data_dir.empty()) {
    const auto directory = default_data_directory(environment);
    if (!directory)
      return fail(ErrorKind::invalid_argument, "data_directory_unusable",
                  "There is no home directory to keep the data in.", "Name a directory with --data-dir.");
    options.data_directory = *directory;
  }
  options.program = config.redis.program;
  options.on_event = [&log](const embedded::Event& event) { log_redis_event(log, event); };
  return embedded::EmbeddedRedis::start(std::move(options), std::move(stop));
}

std::string_view auth_of(const server::Options& options) {
  const bool keys = !options.api_key.empty() || !options.api_keys.empty();
  if (options.tokens.verifier) return keys ? "API key; tokens (JWT) for events" : "tokens (JWT), for events only";
  return keys ? "API key" : "none: this machine only";
}

std::string banner(const config::Config& config, const server::Options& options, const server::Server& server,
                   const embedded::EmbeddedRedis* redis) {
  const std::string& upstream = config.embeddings.upstream.url;
  return fmt::format(
      "inkwell listening on {}\n"
      "  version     {}\n"
      "  redis       {}\n"
      "  embeddings  {}\n"
      "  auth        {}\n",
      server.url(), version(),
      redis == nullptr ? options.redis.endpoint.to_string()
                       : fmt::format("embedded, data in {}", redis->data_directory().string()),
      upstream.empty() ? "built-in lexical embedder (a model: --embeddings-upstream URL)" : upstream, auth_of(options));
}

int exit_code_of(const Error& error) { return error.kind() == ErrorKind::invalid_argument ? kUsage : kFailure; }

int give_up(const Error& error, std::ostream& err) {
  // The server knows nothing of the names by which it is configured.
  if (error.code() == "listen_address_unprotected") {
    err << "inkwell: " << error.message()
        << " Set one by INKWELL_AUTH_API_KEY or --auth-api-key-file, or listen on 127.0.0.1.\n";
  } else {
    err << "inkwell: " << error.to_string() << "\n";
  }
  err.flush();
  return exit_code_of(error);
}

}  // namespace

int serve(const config::Loaded& loaded, server::Options options, const std::vector<std::string>& environment,
          std::ostream& out, std::ostream& err) {
  const auto log = make_log(loaded.config.log);
  Stopper stopper(*log);
  raise_file_limit();
  options.log = log;

  std::unique_ptr<embedded::EmbeddedRedis> redis;
  if (loaded.config.redis.url.empty()) {
    auto started = start_redis(loaded.config, environment, *log, stopper.token());
    if (!started && stopper.token().stop_requested()) return kOk;
    if (!started) return give_up(started.error(), err);
    redis = std::move(*started);
    options.redis.endpoint.unix_path = redis->socket().string();
  }

  server::Server server(options);
  if (auto started = server.start(); !started) return give_up(started.error(), err);
  out << banner(loaded.config, options, server, redis.get()) << std::flush;
  stopper.attach(server);
  server.wait();
  stopper.detach();
  if (redis) redis->stop();
  log->write(Level::info, "stopped");
  return kOk;
}

}  // namespace inkwell::cli
