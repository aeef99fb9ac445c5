#include "support/fault_proxy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace inkwell::test {
namespace asio = boost::asio;
namespace {

using Socket = asio::generic::stream_protocol::socket;
using asio::ip::tcp;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::size_t index_of(Way way) { return way == Way::to_server ? 0 : 1; }

struct Faults {
  std::chrono::milliseconds delay{0};
  bool black_hole = false;
  bool stall = false;
  std::optional<std::size_t> cut_after;
};

struct Pair {
  Pair(Socket c, Socket s) : client(std::move(c)), server(std::move(s)) {}
  Socket client;
  Socket server;

  void close(bool reset) {
    for (Socket* socket : {&client, &server}) {
      boost::system::error_code ignored;
      // RST instead of FIN; a Unix socket has no such option and needs none.
      if (reset) socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }
};

}  // namespace

struct FaultProxy::State {
  explicit State(Target t)
      : target(std::move(t)), acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), changed(io) {
    changed.expires_at(asio::steady_timer::time_point::max());
    port = acceptor.local_endpoint().port();
    spawn(accept_all());
    thread = std::thread([this] { io.run(); });
  }
  ~State() {
    run_inside([this] {
      closing = true;
      boost::system::error_code ignored;
      acceptor.close(ignored);
      for (const auto& pair : pairs) pair->close(false);
      changed.cancel();
    });
    io.stop();
    thread.join();
  }

  template <class F>
  void run_inside(F change) {
    std::promise<void> done;
    asio::post(io, [&] {
      change();
      done.set_value();
    });
    done.get_future().wait();
  }

  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io, std::move(task), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  }

  asio::awaitable<bool> connect(Socket& server) {
    asio::generic::stream_protocol::endpoint endpoint;
    if (const auto* by_port = std::get_if<Tcp>(&target)) {
      endpoint = tcp::endpoint(asio::ip::address_v4::loopback(), by_port->port);
    } else {
      endpoint = asio::local::stream_protocol::endpoint(std::get<Unix>(target).path.string());
    }
    const auto [error] = co_await server.async_connect(endpoint, kTuple);
    co_return !error;
  }

  asio::awaitable<void> accept_all() {
    while (!closing) {
      auto [error, socket] = co_await acceptor.async_accept(kTuple);
      if (error) co_return;
      ++accepted;
      if (refusing) continue;
      socket.set_option(tcp::no_delay(true));
      Socket server(io);
      const bool connected = co_await connect(server);
      if (!connected) continue;
      auto pair = std::make_shared<Pair>(Socket(std::move(socket)), std::move(server));
      pairs.insert(pair);
      spawn(pump(pair, Way::to_server));
      spawn(pump(pair, Way::to_client));
    }
  }

  asio::awaitable<void> pump(std::shared_ptr<Pair> pair, Way way) {
    Socket& from = way == Way::to_server ? pair->client : pair->server;
    Socket& to = way == Way::to_server ? pair->server : pair->client;
    Faults& fault = faults[index_of(way)];
    std::array<char, 16384> block;
    for (;;) {
      while (fault.stall && !closing) co_await changed.async_wait(kTuple);
      const auto [read_error, size] = co_await from.async_read_some(asio::buffer(block), kTuple);
      if (read_error) break;
      if (fault.delay.count() > 0) {
        asio::steady_timer timer(io, fault.delay);
        co_await timer.async_wait(kTuple);
      }
      if (fault.black_hole) continue;
      // Counted before the write: a cut asked for while these bytes are on their way starts with the next ones.
      const std::size_t pass = fault.cut_after ? std::min(*fault.cut_after, size) : size;
      if (fault.cut_after) *fault.cut_after -= pass;
      const bool cut = fault.cut_after == 0U;
      if (cut) fault.cut_after.reset();
      const auto [write_error, written] = co_await asio::async_write(to, asio::buffer(block.data(), pass), kTuple);
      passed[index_of(way)] += written;
      if (write_error || cut) break;
    }
    pair->close(false);
    pairs.erase(pair);
  }

  asio::io_context io{1};
  Target target;
  tcp::acceptor acceptor;
  asio::steady_timer changed;
  std::uint16_t port = 0;
  std::array<Faults, 2> faults;
  bool refusing = false;
  bool closing = false;
  std::set<std::shared_ptr<Pair>> pairs;
  std::atomic<std::uint64_t> accepted{0};
  std::array<std::atomic<std::uint64_t>, 2> passed{};
  std::thread thread;
};

FaultProxy::FaultProxy(Target target) : state_(std::make_unique<State>(std::move(target))) {}
FaultProxy::~FaultProxy() = default;

std::uint16_t FaultProxy::port() const noexcept { return state_->port; }

void FaultProxy::delay(Way way, std::chrono::milliseconds by) {
  state_->run_inside([&] { state_->faults[index_of(way)].delay = by; });
}

void FaultProxy::black_hole(Way way, bool on) {
  state_->run_inside([&] { state_->faults[index_of(way)].black_hole = on; });
}

void FaultProxy::stall(Way way, bool on) {
  state_->run_inside([&] {
    state_->faults[index_of(way)].stall = on;
    state_->changed.cancel();
  });
}

void FaultProxy::cut_after(Way way, std::size_t bytes) {
  state_->run_inside([&] { state_->faults[index_of(way)].cut_after = std::max<std::size_t>(bytes, 1); });
}

void FaultProxy::refuse(bool on) {
  state_->run_inside([&] { state_->refusing = on; });
}

void FaultProxy::drop_all(bool reset) {
  state_->run_inside([&] {
    for (const auto& pair : state_->pairs) pair->close(reset);
  });
}

void FaultProxy::heal() {
  state_->run_inside([&] {
    state_->faults = {};
    state_->refusing = false;
    state_->changed.cancel();
  });
}

std::size_t FaultProxy::open_connections() const {
  std::size_t count = 0;
  state_->run_inside([&] { count = state_->pairs.size(); });
  return count;
}

std::uint64_t FaultProxy::accepted() const { return state_->accepted; }
std::uint64_t FaultProxy::bytes(Way way) const { return state_->passed[index_of(way)]; }

}  // namespace inkwell::test
