// The link over TLS: a real server with certificates of an authority of the test's own, right ones and wrong ones.
#include <fstream>

#include "link_fixture.hpp"
#include "support/certificates.hpp"
#include "support/fault_proxy.hpp"

namespace inkwell::redis {
namespace {

using test::Certificates;

class TlsServer {
 public:
  explicit TlsServer(std::string certificate = "server", bool asks_clients = false)
      : certificate_(prepare(certificates_, std::move(certificate))),
        server_({"--tls-port", std::to_string(port_), "--tls-cert-file", certificates_.certificate(certificate_),
                 "--tls-key-file", certificates_.key(certificate_), "--tls-ca-cert-file", certificates_.ca(),
                 "--tls-auth-clients", asks_clients ? "yes" : "no"}) {}

  Options options(const std::string& host = "127.0.0.1") const {
    Options options;
    options.endpoint.host = host;
    options.endpoint.port = port_;
    options.endpoint.tls = Tls{.ca_file = certificates_.ca()};
    options.command_timeout = 2000ms;
    options.backoff_cap = 50ms;
    return options;
  }
  Certificates& certificates() { return certificates_; }
  test::RedisServer& redis() { return server_; }
  std::uint16_t port() const { return port_; }

 private:
  static std::string prepare(Certificates& certificates, std::string name) {
    if (name == "expired") certificates.sign(name, "DNS:localhost,IP:127.0.0.1", -1);
    if (name == "other") certificates.sign(name, "DNS:redis.test");
    return name;
  }
  Certificates certificates_;
  std::uint16_t port_ = test::free_port();
  std::string certificate_;
  test::RedisServer server_;
};

asio::awaitable<void> expect_works(Client& client) {
  auto set = co_await client.command("SET", "key", "value");
  EXPECT_TRUE(set) << (set ? "" : set.error().to_string());
  auto get = co_await client.command("GET", "key");
  EXPECT_TRUE(get && get->view().text() == "value");
  co_await client.close();
}

asio::awaitable<void> expect_refused(Client& client, std::string reason) {
  const CallOptions soon{.timeout = 300ms, .idempotent = false};
  Request ping("PING");
  auto answer = co_await client.execute(std::move(ping), soon);
  EXPECT_FALSE(answer);
  if (!answer) {
    EXPECT_NE(answer.error().message().find(reason), std::string::npos) << answer.error().message();
    EXPECT_FALSE(answer.error().outcome_unknown());
  }
  co_await client.close();
}

TEST(TlsLink, TalksToAServerWhoseAuthorityItTrusts) {
  TlsServer server;
  asio::io_context io{1};
  Client client(io.get_executor(), server.options());
  run_on(io, expect_works(client));
}

TEST(TlsLink, TalksByNameToo) {
  TlsServer server;
  asio::io_context io{1};
  Client client(io.get_executor(), server.options("localhost"));
  run_on(io, expect_works(client));
}

TEST(TlsLink, IsMadeFromAUrl) {
  TlsServer server;
  const auto endpoint = parse_url("rediss://127.0.0.1:" + std::to_string(server.port()) +
                                  "/3?cacert=" + server.certificates().ca() + "&sni=localhost");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->to_string(), "rediss://127.0.0.1:" + std::to_string(server.port()) + "/3");
  Options options;
  options.endpoint = *endpoint;
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_works(client));
}

TEST(TlsLink, RefusesAnAuthorityItDoesNotKnow) {
  TlsServer server;
  Certificates others;
  auto options = server.options();
  options.endpoint.tls->ca_file = others.ca();
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_refused(client, "its certificate is not accepted"));
}

TEST(TlsLink, TakesAnyCertificateWhereItIsToldTo) {
  TlsServer server("expired");
  auto options = server.options();
  options.endpoint.tls->verify = false;
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_works(client));
}

TEST(TlsLink, RefusesACertificateThatHasExpired) {
  TlsServer server("expired");
  asio::io_context io{1};
  Client client(io.get_executor(), server.options());
  run_on(io, expect_refused(client, "certificate has expired"));
}

TEST(TlsLink, RefusesACertificateForAnotherName) {
  TlsServer server("other");
  asio::io_context io{1};
  Client client(io.get_executor(), server.options());
  run_on(io, expect_refused(client, "IP address mismatch"));
}

TEST(TlsLink, AcceptsThatCertificateWhenToldTheName) {
  TlsServer server("other");
  auto options = server.options();
  options.endpoint.tls->server_name = "redis.test";
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_works(client));
}

TEST(TlsLink, ShowsItsOwnCertificateWhereTheServerAsks) {
  TlsServer server("server", true);
  server.certificates().sign("client", "DNS:client");
  auto options = server.options();
  options.endpoint.tls->cert_file = server.certificates().certificate("client");
  options.endpoint.tls->key_file = server.certificates().key("client");
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_works(client));
}

TEST(TlsLink, NamesTheFileItCannotRead) {
  TlsServer server;
  auto options = server.options();
  options.endpoint.tls->ca_file = "/nonexistent/ca.pem";
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_refused(client, "/nonexistent/ca.pem"));
}

TEST(TlsLink, IsNotTakenInByAServerWithoutTls) {
  TlsServer server;
  auto options = server.options();
  options.endpoint.port = server.redis().port();
  options.connect_timeout = 100ms;
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, expect_refused(client, "connect timeout"));
}

// More than every buffer on the way holds, in both directions at once.
asio::awaitable<void> echo_large(Client& client, std::size_t size, int& done) {
  const std::string value(size, static_cast<char>('a' + size % 26));
  auto answer = co_await client.command("ECHO", value);
  EXPECT_TRUE(answer && answer->view().text() == value) << size;
  ++done;
}

asio::awaitable<void> echo_many(Client& client, int& done) {
  Gate gate(co_await asio::this_coro::executor);
  for (std::size_t size : {1u, 16'383u, 16'384u, 16'385u, 65'536u, 1'000'003u, 9'000'001u, 17u, 200'000u})
    gate.spawn("echo", echo_large(client, size, done));
  co_await gate.wait_until_empty();
  EXPECT_EQ(client.stats().connects, 1U);
  co_await client.close();
}

TEST(TlsLink, CarriesMoreThanItsBuffersHold) {
  TlsServer server;
  asio::io_context io{1};
  auto options = server.options();
  options.command_timeout = 20'000ms;
  Client client(io.get_executor(), options);
  int done = 0;
  run_on(io, echo_many(client, done), 30s);
  EXPECT_EQ(done, 9);
}

asio::awaitable<void> outlives_cuts(Client& client, test::FaultProxy& proxy) {
  for (std::size_t cut = 1; cut < 6000; cut += cut / 2 + 7) {
    proxy.cut_after(test::Way::to_client, cut);
    const CallOptions safe{.timeout = 5000ms, .idempotent = true};
    Request get("ECHO", std::string(3000, 'x'));
    auto answer = co_await client.execute(std::move(get), safe);
    EXPECT_TRUE(answer && answer->view().text().size() == 3000) << cut;
  }
  co_await client.close();
}

TEST(TlsLink, RecoversFromACutAnywhere) {
  TlsServer server;
  test::FaultProxy proxy(test::FaultProxy::Tcp{server.port()});
  auto options = server.options();
  options.endpoint.port = proxy.port();
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, outlives_cuts(client, proxy), 60s);
}

asio::awaitable<void> takes_up_new_files(Client& client, TlsServer& server, const std::string& ca_file) {
  auto first = co_await client.command("PING");
  EXPECT_TRUE(first);
  std::ofstream(ca_file, std::ios::trunc).close();
  server.redis().cli({"CLIENT", "KILL", "TYPE", "normal"});
  co_await must([&] { return client.stats().connect_failures > 0; }, "the emptied file is noticed");
  std::filesystem::copy_file(server.certificates().ca(), ca_file, std::filesystem::copy_options::overwrite_existing);
  auto again = co_await client.command("PING");
  EXPECT_TRUE(again);
  co_await client.close();
}

TEST(TlsLink, ReadsItsFilesAnewForEachConnection) {
  TlsServer server;
  auto options = server.options();
  const std::string ca_file = options.endpoint.tls->ca_file + ".copy";
  std::filesystem::copy_file(options.endpoint.tls->ca_file, ca_file);
  options.endpoint.tls->ca_file = ca_file;
  asio::io_context io{1};
  Client client(io.get_executor(), options);
  run_on(io, takes_up_new_files(client, server, ca_file));
}

}  // namespace
}  // namespace inkwell::redis
