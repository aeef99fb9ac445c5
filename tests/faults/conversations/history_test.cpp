// Clients that do at random whatever can be done to a conversation, and repeat with their keys what failed: with all
// well, while Redis is killed and restarted, while a cluster's slots move and its masters hand over. | fault |
// production cause |
//   SIGKILL and start        | the server's machine or container dies and comes back with its append-only file
//   a slot moves             | the cluster is given another node, or is balanced anew
//   a replica takes over     | a master is updated
#include "faults/conversations/history.hpp"

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <memory>
#include <random>
#include <thread>

#include "base/gate.hpp"
#include "base/random.hpp"
#include "conversations/conversations.hpp"
#include "support/audit.hpp"
#include "support/cluster_servers.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;
using test::run_on;
using namespace std::chrono_literals;
using Kind = Operation::Kind;

/// A worker of one process: a link of its own, what it keeps in memory, and the marks all of them share.
struct Rig {
  Rig(asio::io_context& io, const redis::Endpoint& endpoint, WriteMarks& marks)
      : client(io.get_executor(), linked(endpoint)),
        store(client, keyspace::Keys("default")),
        near(client.invalidations(), std::size_t{1} << 20, marks),
        conversations(store, {}, {.owner = "ada"}, &near) {}

  static redis::Options linked(const redis::Endpoint& endpoint) {
    redis::Options options;
    options.endpoint = endpoint;
    options.tracking.mode = redis::Tracking::Mode::opted;
    return options;
  }

  redis::Client client;
  keyspace::Store store;
  Near near;
  Conversations conversations;
};

/// What the clients of one run share.
struct Run {
  std::string id;
  std::uint64_t seed = 0;
  int operations = 0;  ///< of each client; 0: until `stop`
  bool stop = false;
  int clients_left = 0;
  History history;
};

class Client {
 public:
  Client(Run& run, Conversations& conversations, int number)
      : run_(run), conversations_(conversations), number_(number), random_(run.seed + static_cast<unsigned>(number)) {}

  static asio::awaitable<void> work(std::unique_ptr<Client> self) {
    const int most = self->run_.operations;
    for (; most == 0 ? !self->run_.stop : self->done_ < most; ++self->done_) co_await self->one();
    --self->run_.clients_left;
  }

 private:
  asio::awaitable<void> one() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        return append();
      case 3:
        return pop();
      case 4:
        return erase();
      case 5:
        return update();
      default:
        return read();
    }
  }

  /// `attempt` until it succeeds or is refused for good; nothing then. With a key, so that it happens once.
  template <class Attempt>
  auto repeat(const Attempt& attempt) -> std::invoke_result_t<Attempt, const Write&> {
    Write write;
    write.idempotency_key = fmt::format("{}/{}", number_, done_);
    write.fingerprint = std::string(64, 'f');
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (;;) {
      auto answer = co_await attempt(write);
      if (answer || answer.error().kind() == ErrorKind::not_found) co_return answer;
      EXPECT_NE(answer.error().kind(), ErrorKind::conflict) << answer.error().to_string();
      EXPECT_NE(answer.error().kind(), ErrorKind::internal) << answer.error().to_string();
      pause.expires_after(2ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  Operation begun(Kind kind) { return {.kind = kind, .asked = run_.history.tick()}; }

  asio::awaitable<void> append() {
    std::vector<NewItem> items;
    for (auto count = 1 + random_() % 3; count > 0; --count) {
      const auto text =
          fmt::format("{}/{}/{}{}", number_, done_, count, random_() % 8 == 0 ? std::string(6000, 'x') : "");
      json::object item{{"role", "user"}, {"content", text}};
      if (random_() % 4 == 0) item["id"] = fmt::format("own-{}-{}-{}", number_, done_, count);
      const auto raw = json::serialize(item);
      items.push_back(*normalise_item(raw, json::parse(raw).as_object(), "items[0]"));
    }
    Operation operation = begun(Kind::append);
    const auto attempt = [&](const Write& write) { return conversations_.append(run_.id, items, write); };
    auto stored = co_await repeat(attempt);
    if (!stored) throw std::runtime_error(stored.error().to_string());
    operation.version = stored->version;
    take(operation, stored->items);
    run_.history.add(std::move(operation));
  }

  asio::awaitable<void> pop() {
    const int most = 1 + static_cast<int>(random_() % 4);
    Operation operation = begun(Kind::pop);
    const auto attempt = [&](const Write& write) { return conversations_.pop(run_.id, most, write); };
    auto popped = co_await repeat(attempt);
    if (!popped) throw std::runtime_error(popped.error().to_string());
    operation.version = popped->version;
    take(operation, popped->items);
    // An empty pop changed nothing, and says that there was nothing.
    if (operation.ids.empty()) operation.kind = Kind::read;
    run_.history.add(std::move(operation));
  }

  asio::awaitable<void> erase() {
    if (known_.empty()) co_return;
    const std::string item = known_[random_() % known_.size()];
    Operation operation = begun(Kind::erase);
    const auto attempt = [&](const Write& write) { return conversations_.erase_item(run_.id, item, write); };
    auto erased = co_await repeat(attempt);
    if (!erased) co_return;
    operation.version = erased->version;
    operation.ids.push_back(item);
    run_.history.add(std::move(operation));
  }

  asio::awaitable<void> update() {
    Change change;
    change.metadata.emplace(1, std::pair<std::string, std::string>("by", std::to_string(number_)));
    Operation operation = begun(Kind::update);
    const auto attempt = [&](const Write& write) { return conversations_.update(run_.id, change, write); };
    auto updated = co_await repeat(attempt);
    if (!updated) throw std::runtime_error(updated.error().to_string());
    operation.version = updated->version;
    run_.history.add(std::move(operation));
  }

  asio::awaitable<void> read() {
    Operation operation = begun(Kind::read);
    const auto way = random_() % 3;
    if (way == 0) {
      operation.kind = Kind::look;
      auto got = co_await conversations_.get(run_.id);
      if (!got) co_return;
      operation.version = got->version;
      run_.history.add(std::move(operation));
      co_return;
    }
    auto reading = way == 1 ? conversations_.window(run_.id, WindowLimits())
                            : conversations_.list(run_.id, Order::ascending, kMaxPage, "");
    auto page = co_await std::move(reading);
    if (!page || page->has_more) co_return;
    operation.version = page->version;
    take(operation, page->items.all());
    known_ = operation.ids;
    run_.history.add(std::move(operation));
  }

  void take(Operation& operation, const std::vector<Item>& items) {
    for (const auto& item : items) {
      operation.ids.push_back(item.id);
      run_.history.note_text(item.id, item.json);
    }
  }

  Run& run_;
  Conversations& conversations_;
  int number_;
  std::mt19937_64 random_;
  int done_ = 0;
  std::vector<std::string> known_;
};

asio::awaitable<void> start(Run& run, Conversations& conversations) {
  NewConversation wanted;
  const Write plain;
  auto made = co_await conversations.create(std::move(wanted), plain);
  if (!made) throw std::runtime_error(made.error().to_string());
  run.id = made->id;
}

asio::awaitable<void> run_clients(Run& run, std::vector<std::unique_ptr<Rig>>& rigs, int clients) {
  Gate gate(co_await asio::this_coro::executor);
  run.clients_left = clients;
  for (int i = 0; i < clients; ++i) {
    auto& rig = *rigs[static_cast<std::size_t>(i) % rigs.size()];
    auto client = std::make_unique<Client>(run, rig.conversations, i);
    gate.spawn("client", Client::work(std::move(client)));
  }
  co_await gate.wait_until_empty();
}

asio::awaitable<std::vector<std::string>> all_items(Conversations& conversations, std::string id) {
  std::vector<std::string> ids;
  auto snapshot = co_await conversations.snapshot(id);
  for (std::uint64_t next = 1; next != 0;) {
    auto piece = co_await conversations.items_from(id, next, snapshot->newest);
    if (!piece) throw std::runtime_error(piece.error().to_string());
    for (const auto& item : piece->items) ids.push_back(item.id);
    next = piece->next;
  }
  co_return ids;
}

/// One conversation, its clients, and what is done to its Redis meanwhile.
class Scenario {
 public:
  explicit Scenario(const redis::Endpoint& endpoint) {
    const char* const given = std::getenv("INKWELL_SEED");
    run_.seed = given != nullptr ? std::stoull(given) : random_seed();
    for (int i = 0; i < 4; ++i) rigs_.push_back(std::make_unique<Rig>(io_, endpoint, marks_));
    run_on(io_, start(run_, rigs_.front()->conversations));
  }
  ~Scenario() {
    for (auto& rig : rigs_) run_on(io_, rig->client.close());
  }

  Run& run() { return run_; }
  std::string place() const { return fmt::format("INKWELL_SEED={}", run_.seed); }

  void go(int clients) { run_on(io_, run_clients(run_, rigs_, clients), 120s); }

  /// With `trouble` made on a thread of its own, which the clients go on beside, until it is over.
  void go_through(int clients, const std::function<void()>& trouble) { run_on(io_, troubled(clients, trouble), 120s); }
  /// With a server that is killed and started again, three times.
  void go_killing(int clients, test::RedisServer& server) { run_on(io_, killing(clients, server), 120s); }

  void check() {
    const auto last = run_on(io_, all_items(rigs_.front()->conversations, run_.id));
    run_.history.check(last);
    std::printf("%zu operations\n", run_.history.size());
  }

 private:
  static asio::awaitable<void> beside(const std::function<void()>& trouble) {
    std::atomic<bool> over{false};
    std::thread maker([&] {
      trouble();
      over = true;
    });
    const bool ended = co_await test::eventually([&] { return over.load(); }, 100s);
    maker.join();
    EXPECT_TRUE(ended);
  }

  asio::awaitable<void> troubled(int clients, const std::function<void()>& trouble) {
    Gate gate(co_await asio::this_coro::executor);
    gate.spawn("clients", run_clients(run_, rigs_, clients));
    co_await beside(trouble);
    run_.stop = true;
    co_await gate.wait_until_empty();
  }

  asio::awaitable<void> killing(int clients, test::RedisServer& server) {
    Gate gate(co_await asio::this_coro::executor);
    gate.spawn("clients", run_clients(run_, rigs_, clients));
    for (int kill = 0; kill < 3; ++kill) {
      const auto enough = run_.history.size() + 150;
      const bool came = co_await test::eventually([&] { return run_.history.size() >= enough; });
      EXPECT_TRUE(came);
      const std::function<void()> kills = [&] { server.kill(); };
      co_await beside(kills);  // so that commands are cut off wherever they are
      server.start();          // by this thread: the server dies with the thread that started it
    }
    run_.stop = true;
    co_await gate.wait_until_empty();
  }

  asio::io_context io_{1};
  WriteMarks marks_;
  Run run_;
  std::vector<std::unique_ptr<Rig>> rigs_;
};

class ConversationHistories : public testing::TestWithParam<int> {};

TEST_P(ConversationHistories, AreExplainedByOneOrder) {
  test::RedisServer server;
  {
    Scenario scenario(server.endpoint());
    SCOPED_TRACE(scenario.place());
    scenario.run().operations = 1600 / GetParam();
    scenario.go(GetParam());
    scenario.check();
  }
  test::expect_clean_audit(server);
}

INSTANTIATE_TEST_SUITE_P(Clients, ConversationHistories, testing::Values(1, 2, 5, 16));

TEST(ConversationHistoriesUnderFaults, AreExplainedByOneOrderWhileRedisIsKilled) {
  test::RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  {
    Scenario scenario(server.endpoint());
    SCOPED_TRACE(scenario.place());
    scenario.go_killing(8, server);
    scenario.check();
  }
  test::expect_clean_audit(server);
}

TEST(ConversationHistoriesUnderFaults, AreExplainedByOneOrderWhileAClusterMovesTheSlotAndItsMastersHandOver) {
  test::ClusterServers cluster;
  Scenario scenario(cluster.endpoint());
  SCOPED_TRACE(scenario.place());
  const auto key = keyspace::Keys("default").conversation(scenario.run().id).str();
  const auto slot = static_cast<std::uint16_t>(std::stoi(cluster.node(0).cli({"CLUSTER", "KEYSLOT", key})));
  scenario.go_through(8, [&] {
    for (int round = 0; round < 3; ++round) {
      const auto from = cluster.master_of(slot);
      cluster.move_slot(slot, (from + 1) % 3);
    }
    cluster.fail_over(cluster.master_of(slot) % 3);
  });
  scenario.check();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (cluster.node(i).cli({"ROLE"}).starts_with("master")) test::expect_clean_audit(cluster.node(i));
  }
}

}  // namespace
}  // namespace inkwell::conversations
