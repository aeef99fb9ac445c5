// A peer on a loopback port that answers whatever it is sent with bytes given in advance: what no real server can be
// made to say. Lives on the test's loop.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <inkwell/redis/options.hpp>

namespace inkwell::test {

namespace asio = boost::asio;

class ScriptedPeer {
 public:
  /// Called with each piece of bytes received; what it returns is sent back.
  using Answer = std::function<std::string(const std::string& received)>;

  ScriptedPeer(asio::io_context& io, Answer answer)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), answer_(std::move(answer)) {
    accept();
  }

  redis::Endpoint endpoint() const {
    redis::Endpoint endpoint;
    endpoint.port = acceptor_.local_endpoint().port();
    return endpoint;
  }
  int accepted() const noexcept { return accepted_; }

  /// As if it were a Redis: agrees to the handshake (four commands, in one piece), then `answer` speaks.
  static Answer after_handshake(Answer answer) {
    return [answer = std::move(answer)](const std::string& received) {
      return received.find("HELLO") != std::string::npos ? "%0\r\n+OK\r\n+OK\r\n+PONG\r\n" : answer(received);
    };
  }

 private:
  struct Session {
    explicit Session(asio::ip::tcp::socket s) : socket(std::move(s)) {}
    asio::ip::tcp::socket socket;
    std::array<char, 65536> block;
  };

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, asio::ip::tcp::socket socket) {
      if (error) return;
      ++accepted_;
      read(std::make_shared<Session>(std::move(socket)));
      accept();
    });
  }
  void read(const std::shared_ptr<Session>& session) {
    session->socket.async_read_some(asio::buffer(session->block),
                                    [this, session](boost::system::error_code error, std::size_t size) {
                                      if (error) return;
                                      const std::string reply = answer_(std::string(session->block.data(), size));
                                      asio::write(session->socket, asio::buffer(reply), error);
                                      if (!error) read(session);
                                    });
  }

  asio::ip::tcp::acceptor acceptor_;
  Answer answer_;
  int accepted_ = 0;
};

}  // namespace inkwell::test
