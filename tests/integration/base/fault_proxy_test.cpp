// The fault proxy is what the fault suites stand on, so it is tested itself: against an echo server, with blocking
// sockets.
#include "support/fault_proxy.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

namespace inkwell::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Echoes every connection, each on a thread, until destroyed.
class EchoServer {
 public:
  EchoServer() : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accepting_ = std::jthread([this] { accept_all(); });
  }
  ~EchoServer() {
    // close() does not wake a blocked accept; a connection does.
    stopping_ = true;
    tcp::socket waker(io_);
    boost::system::error_code ignored;
    waker.connect(acceptor_.local_endpoint(), ignored);
    accepting_.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept_all() {
    for (;;) {
      boost::system::error_code error;
      tcp::socket socket = acceptor_.accept(error);
      if (stopping_ || error) return;
      serving_.emplace_back([s = std::move(socket)]() mutable {
        std::array<char, 4096> block;
        boost::system::error_code ended;
        while (!ended) {
          const auto size = s.read_some(asio::buffer(block), ended);
          if (!ended) asio::write(s, asio::buffer(block, size), ended);
        }
      });
    }
  }
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::vector<std::jthread> serving_;
  std::jthread accepting_;
};

class FaultProxyTest : public testing::Test {
 protected:
  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), proxy_.port()));
    return socket;
  }
  static std::string round_trip(tcp::socket& socket, std::string text) {
    boost::system::error_code error;
    asio::write(socket, asio::buffer(text), error);
    if (error) return "";
    const auto size = asio::read(socket, asio::buffer(text), error);
    return text.substr(0, size);
  }
  EchoServer echo_;
  FaultProxy proxy_{FaultProxy::Tcp{echo_.port()}};
  asio::io_context io_;
};

TEST_F(FaultProxyTest, PassesBytesBothWays) {
  auto socket = connect();
  EXPECT_EQ(round_trip(socket, "hello"), "hello");
  // The echo can be here before the proxy has counted it.
  while (proxy_.bytes(Way::to_server) < 5 || proxy_.bytes(Way::to_client) < 5) std::this_thread::yield();
  EXPECT_EQ(proxy_.open_connections(), 1U);
}

TEST_F(FaultProxyTest, CutsAfterTheGivenNumberOfBytes) {
  auto socket = connect();
  ASSERT_EQ(round_trip(socket, "x"), "x");
  proxy_.cut_after(Way::to_client, 3);
  EXPECT_EQ(round_trip(socket, "abcdef"), "abc");
  auto second = connect();
  EXPECT_EQ(round_trip(second, "fires once"), "fires once");
}

TEST_F(FaultProxyTest, DropsConnectionsAndRefusesNewOnesUntilHealed) {
  auto socket = connect();
  ASSERT_EQ(round_trip(socket, "x"), "x");
  proxy_.refuse(true);
  proxy_.drop_all();
  EXPECT_EQ(round_trip(socket, "gone"), "");
  auto refused = connect();
  EXPECT_EQ(round_trip(refused, "refused"), "");
  proxy_.heal();
  auto healed = connect();
  EXPECT_EQ(round_trip(healed, "healed"), "healed");
}

TEST_F(FaultProxyTest, HoldsBytesBackForTheDelay) {
  auto socket = connect();
  proxy_.delay(Way::to_client, std::chrono::milliseconds(50));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(round_trip(socket, "late"), "late");
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(50));
}

TEST_F(FaultProxyTest, SwallowsBytesInABlackHoleAndKeepsTheConnectionOpen) {
  auto socket = connect();
  ASSERT_EQ(round_trip(socket, "x"), "x");
  proxy_.black_hole(Way::to_client, true);
  asio::write(socket, asio::buffer(std::string("lost")));
  while (proxy_.bytes(Way::to_server) < 5) std::this_thread::yield();
  auto other = connect();
  proxy_.heal();
  // Whether the first answer was swallowed or is still on its way, what comes next on a fresh connection is whole.
  EXPECT_EQ(round_trip(other, "back"), "back");
  EXPECT_EQ(proxy_.open_connections(), 2U);
}

}  // namespace
}  // namespace inkwell::test
