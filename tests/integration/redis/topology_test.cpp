// What a link does on a topology it cannot serve: it says so and connects to nobody.
#include "link_fixture.hpp"

namespace inkwell::redis {
namespace {

// The host and port of a cluster's endpoint mean nothing: here a server listens there that must hear nothing.
class OnACluster : public LinkTest {
 protected:
  Options on_a_cluster() const {
    Options options;
    options.endpoint = server_.tcp_endpoint();
    options.endpoint.topology = Topology::cluster;
    options.endpoint.seeds = {{"127.0.0.1", test::free_port()}};
    options.connect_timeout = 100ms;
    return options;
  }
};

asio::awaitable<void> borrows(Pool& pool, std::string& code) {
  auto lease = co_await pool.acquire();
  if (!lease) code = lease.error().code();
  co_await pool.close();
}

TEST_F(OnACluster, APoolSaysThatItCannotAndConnectsToNobody) {
  Pool pool(io_.get_executor(), on_a_cluster());
  std::string code;
  run_on(io_, borrows(pool, code));
  EXPECT_EQ(code, "redis_not_on_cluster");
}

}  // namespace
}  // namespace inkwell::redis
