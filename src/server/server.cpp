#include "server/server.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <thread>

#include "server/jwt/remote_keys.hpp"
#include "server/jwt/token_verifier.hpp"
#include "server/listener.hpp"
#include "server/routes/embedding_response.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

Options completed(Options options) {
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  if (!options.log) {
    telemetry::LogOptions quiet;
    quiet.level = telemetry::Level::warn;
    options.log = std::make_shared<telemetry::Log>(quiet);
  }
  return options;
}

/// Signals are for the thread that waits for them: a worker must not be the one the kernel picks.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

std::string_view version() noexcept { return INKWELL_VERSION; }

Shared::Shared(Options options_)
    : options(completed(std::move(options_))),
      version(server::version()),
      log(options.log),
      authenticator(options.api_key, options.tenant, options.api_keys, options.tokens),
      tenants(options.tenants),
      cors(options.cors_origins),
      page_guard(options.allowed_hosts),
      hub(options.threads),
      stream_limits(options.stream_limits),
      embeddings(options.embeddings.hot),
      vector_texts(std::make_unique<VectorTexts>(options.embeddings.text_bytes)) {
  add_health_routes(router);
  add_conversation_routes(router);
  add_channel_routes(router);
  add_mercure_routes(router);
  add_metadata_routes(router);
  add_generation_routes(router);
  add_embedding_routes(router);
}

Shared::~Shared() {
  if (auto* const keys = remote_keys()) keys->stop();
}

RemoteKeys* Shared::remote_keys() const noexcept {
  return options.tokens.verifier ? options.tokens.verifier->remote().get() : nullptr;
}

void Shared::post_to(std::size_t index, std::move_only_function<void(Worker&)> fn) {
  Worker& worker = *workers[index];
  asio::post(worker.io(), [&worker, fn = std::move(fn)]() mutable { fn(worker); });
}

struct Server::State {
  explicit State(Options options) : shared(std::move(options)) {}
  Shared shared;
  asio::ip::tcp::endpoint endpoint;
  std::vector<std::thread> threads;
};

Server::Server(Options options) : state_(std::make_unique<State>(std::move(options))) {}

Server::~Server() {
  if (state_->threads.empty()) return;
  request_stop();
  request_stop();
  wait();
}

Router& Server::router() noexcept { return state_->shared.router; }

Result<void> Server::start() {
  Shared& shared = state_->shared;
  // A write to a connection the peer has closed is an error code here, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  auto sockets =
      listen_all(shared.options.address, shared.options.port, shared.authenticator.required(), shared.options.threads);
  if (!sockets) return std::unexpected(std::move(sockets.error()));
  state_->endpoint = sockets->endpoint();
  // All of them first: post_to() and the metrics look at every worker from the first request on.
  for (std::size_t i = 0; i < shared.options.threads; ++i)
    shared.workers.push_back(std::make_unique<Worker>(i, shared));
  const SignalsBlocked blocked;
  if (auto* const keys = shared.remote_keys()) {
    keys->start([log = shared.log](std::string_view why) {
      log->write(telemetry::Level::warn, "keys of tokens", {{"detail", why}});
    });
  }
  for (const auto& worker : shared.workers) {
    auto acceptor = sockets->take(worker->io());
    state_->threads.emplace_back(
        [&worker = *worker, listening = std::move(acceptor)]() mutable { worker.run(std::move(listening)); });
  }
  return {};
}

asio::ip::tcp::endpoint Server::endpoint() const { return state_->endpoint; }

std::string Server::url() const {
  const auto address = state_->endpoint.address();
  const auto host = address.is_v6() ? fmt::format("[{}]", address.to_string()) : address.to_string();
  return fmt::format("http://{}:{}", host, state_->endpoint.port());
}

void Server::request_stop() {
  const bool again = state_->shared.draining.exchange(true);
  for (const auto& worker : state_->shared.workers) worker->request_stop(again);
}

void Server::wait() {
  for (auto& thread : state_->threads) thread.join();
  state_->threads.clear();  // the workers stay until the destructor: request_stop() may still come from a signal thread
}

}  // namespace inkwell::server
