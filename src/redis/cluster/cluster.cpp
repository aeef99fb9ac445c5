#include "redis/cluster/cluster.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <ranges>

#include "base/random.hpp"
#include "redis/cluster/routing.hpp"
#include "redis/link/encoded.hpp"

namespace inkwell::redis::cluster {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kMapWithin = 1000ms;  // for one node to tell the map of slots
constexpr std::string_view kAsking = "*1\r\n$6\r\nASKING\r\n";
constexpr std::string_view kCaching = "*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n";
constexpr std::string_view kAnswered = "Redis answered: ";  // server_error() puts it before the server's own line

/// "MOVED 3999 127.0.0.1:6381": where to. An empty host means the one that answered.
std::optional<HostPort> redirection(std::string_view message) {
  if (message.starts_with(kAnswered)) message.remove_prefix(kAnswered.size());
  const auto address = message.substr(std::min(message.size(), message.rfind(' ') + 1));
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort at{std::string(address.substr(0, colon)), 0};
  const auto port = address.substr(colon + 1);
  const auto end = std::from_chars(port.data(), port.data() + port.size(), at.port);
  if (end.ec != std::errc() || at.port == 0) return std::nullopt;
  return at;
}

void add(ClientStats& sum, const ClientStats& one) {
  sum.connected = sum.connected || one.connected;
  for (const auto field :
       {&ClientStats::requests, &ClientStats::replies, &ClientStats::errors, &ClientStats::timeouts,
        &ClientStats::unknown, &ClientStats::resent, &ClientStats::rejected, &ClientStats::connects,
        &ClientStats::connect_failures, &ClientStats::writes, &ClientStats::bytes_written, &ClientStats::bytes_read})
    sum.*field += one.*field;
  sum.pending += one.pending;
}

/// An integer, or the array of what `parts` hold, as one reply.
Reply sum_of(std::int64_t value) {
  Node node;
  node.type = Type::integer;
  std::memcpy(&node.length, &value, sizeof value);
  return Reply(node, SharedBytes(), nullptr);
}

Reply array_of(const std::vector<Reply>& parts) {
  std::size_t size = 0;
  for (const Reply& part : parts) size += part.view().text().size();
  const SharedBytes bytes = SharedBytes::allocate(size + 1);
  std::vector<Node> nodes(1);
  nodes[0].type = Type::array;
  nodes[0].children = static_cast<std::uint32_t>(parts.size());
  nodes[0].extent = nodes[0].children + 1;
  std::size_t at = 0;
  for (const Reply& part : parts) {
    const auto text = part.view().text();
    Node node;
    node.type = part.view().is_null() ? Type::null : Type::string;
    node.offset = at;
    node.length = text.size();
    text.copy(bytes.data() + at, text.size());
    at += text.size();
    nodes.push_back(node);
  }
  const char* const base = bytes.data();
  return Reply(std::move(nodes), bytes, base);
}

// WAIT is about what its own connection wrote. Asked where a redirected command went to in the end, it might be
// answered over a newer connection, which has written nothing and is told of every replica.
std::unexpected<Error> not_waited_for() {
  return fail(ErrorKind::unavailable, "redis_not_waited_for",
              "The command before was redirected to another node; how many replicas have it is not known.",
              "Write it again where that is safe.");
}

}  // namespace

/// What to do about an error.
struct Cluster::Verdict {
  enum class Next : std::uint8_t { give_up, go_there, ask_there, read_map } next = Next::give_up;
  HostPort there{};
  bool at_once = false;  ///< no pause before
};

Cluster::Cluster(asio::any_io_executor executor, Options options)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      invalidations_(std::make_shared<Invalidations>(options_.tracking)) {}

Cluster::~Cluster() { close({ErrorKind::cancelled, "redis_closed", "The Redis client is closed."}); }

void Cluster::start() { link_to(options_.endpoint.seeds[random_seed() % options_.endpoint.seeds.size()]); }

void Cluster::close(const Error& why) {
  if (closed_) return;
  closed_ = why;
  for (const auto& [at, link] : links_) link->close(why);
  for (const auto& [at, link] : replica_links_) link->close(why);
  for (auto* timer : waiting_) timer->cancel();
}

bool Cluster::connected() const noexcept {
  return std::ranges::any_of(links_ | std::views::values, [](const LinkPtr& link) { return link->ready(); });
}

ClientStats Cluster::stats() const noexcept {
  ClientStats sum = gone_;
  for (const auto& [at, link] : links_) add(sum, link->stats());
  for (const auto& [at, link] : replica_links_) add(sum, link->stats());
  sum.invalidations = invalidations_->count();
  return sum;
}

// ---- Links ----

Options Cluster::options_for(const HostPort& at) const {
  Options options = options_;
  options.endpoint.topology = Topology::standalone;
  options.endpoint.seeds.clear();
  options.endpoint.host = at.host;
  options.endpoint.port = at.port;
  return options;
}

Cluster::LinkPtr Cluster::link_to(const HostPort& at) {
  auto& link = links_[at];
  if (!link) {
    link = std::make_shared<link::Link>(
        executor_, options_for(at), link::Link::Policy{.reconnects = true, .watches_health = true, .patient = false},
        invalidations_);
    link->start();
  }
  return link;
}

// A command without keys goes to whoever is connected.
Cluster::LinkPtr Cluster::link_for(std::optional<std::uint16_t> slot, ReadFrom from) {
  if (!map_) return nullptr;
  if (slot) {
    if (from == ReadFrom::replica) {
      if (auto replica = replica_for(*slot)) return replica;
    }
    const auto* const master = map_->master_of(*slot);
    return master != nullptr ? link_to(*master) : nullptr;
  }
  for (const auto& at : map_->masters()) {
    const auto found = links_.find(at);
    if (found != links_.end() && found->second->ready()) return found->second;
  }
  return link_to(map_->masters().front());
}

// In turn, of those that are connected; the others are connected to on the way, for later.
Cluster::LinkPtr Cluster::replica_for(std::uint16_t slot) {
  const auto& replicas = map_->replicas_of(slot);
  LinkPtr found;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const HostPort& at = replicas[(next_replica_ + i) % replicas.size()];
    auto& link = replica_links_[at];
    if (!link) {
      const link::Link::Policy policy{
          .reconnects = true, .watches_health = true, .of_a_replica = true, .patient = false};
      link = std::make_shared<link::Link>(executor_, options_for(at), policy, invalidations_);
      link->start();
    }
    if (link->ready() && !found) found = link;
  }
  ++next_replica_;
  return found;
}

// ---- The map of slots ----

std::vector<HostPort> Cluster::candidates() const {
  std::vector<HostPort> all;
  for (const auto& [at, link] : links_) {
    if (link->ready()) all.push_back(at);
  }
  if (!all.empty()) std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(random_seed() % all.size()));
  for (const auto& at : options_.endpoint.seeds) {
    if (std::ranges::find(all, at) == all.end()) all.push_back(at);
  }
  return all;
}

asio::awaitable<std::optional<Error>> Cluster::refresh(Clock::time_point deadline) {
  if (closed_) co_return closed_;
  if (reading_) {
    co_await wait_for_map(deadline);
    co_return closed_;
  }
  reading_ = true;
  struct Done {
    Cluster& cluster;
    ~Done() {
      cluster.reading_ = false;
      for (auto* timer : cluster.waiting_) timer->cancel();
    }
  } const done{*this};
  auto failure = co_await read_map(deadline);
  co_return failure;
}

asio::awaitable<void> Cluster::wait_for_map(Clock::time_point deadline) {
  asio::steady_timer timer(executor_, deadline);
  struct Waiting {
    std::list<asio::steady_timer*>& list;
    std::list<asio::steady_timer*>::iterator position;
    ~Waiting() { list.erase(position); }
  } const waiting{waiting_, waiting_.insert(waiting_.end(), &timer)};
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<std::optional<Error>> Cluster::read_map(Clock::time_point deadline) {
  std::optional<Error> failure;
  const auto all = candidates();
  for (const HostPort& at : all) {
    failure = co_await read_map_from(at, std::min(deadline, Clock::now() + kMapWithin));
    if (!failure || closed_) break;
  }
  co_return failure;
}

asio::awaitable<std::optional<Error>> Cluster::read_map_from(HostPort at, Clock::time_point deadline) {
  auto link = link_to(at);
  constexpr Manner kRead{.idempotent = true, .tracked = false, .asking = false, .from = ReadFrom::master};
  const bool tls = options_.endpoint.tls.has_value();
  std::string shards = Request("CLUSTER", "SHARDS").wire();
  auto answer = co_await ask(link, std::move(shards), kRead, deadline);
  std::optional<SlotMap> map;
  if (answer) {
    map = SlotMap::from_shards(*answer, at, tls);
  } else if (answer.error().kind() == ErrorKind::invalid_argument) {
    std::string slots = Request("CLUSTER", "SLOTS").wire();
    answer = co_await ask(link, std::move(slots), kRead, deadline);
    if (answer) map = SlotMap::from_slots(*answer, at);
  }
  if (!answer) co_return answer.error();
  if (!map) {
    co_return Error(ErrorKind::unavailable, "redis_clusterdown",
                    "The node " + at.host + ":" + std::to_string(at.port) + " knows of no master that serves a slot.",
                    "Look at CLUSTER INFO and CLUSTER NODES.");
  }
  take_up(std::move(*map));
  co_return std::nullopt;
}

// Links to nodes that serve nothing now are closed once nobody waits for them; a seed's stays, to ask.
void Cluster::take_up(SlotMap map) {
  map_ = std::move(map);
  const auto& masters = map_->masters();
  const auto& seeds = options_.endpoint.seeds;
  drop_links(links_, [&](const HostPort& at) {
    return std::ranges::find(masters, at) != masters.end() || std::ranges::find(seeds, at) != seeds.end();
  });
  drop_links(replica_links_, [&](const HostPort& at) { return map_->has_replica(at); });
}

void Cluster::drop_links(std::map<HostPort, LinkPtr>& links, const std::function<bool(const HostPort&)>& wanted) {
  std::erase_if(links, [&](const auto& entry) {
    const auto& [at, link] = entry;
    if (wanted(at) || link->stats().pending > 0) return false;
    auto stats = link->stats();
    stats.connected = false;
    add(gone_, stats);
    link->close({ErrorKind::unavailable, "redis_connection_lost", "The node has left the cluster, or its role."});
    return true;
  });
}

// ---- Commands ----

Cluster::Clock::time_point Cluster::deadline_of(const CallOptions& options) const {
  return Clock::now() + (options.timeout.count() > 0 ? options.timeout : options_.command_timeout);
}

asio::awaitable<Result<Reply>> Cluster::execute(std::string wire, CallOptions options) {
  const auto deadline = deadline_of(options);
  const auto arguments = arguments_of(wire);
  const Routing routing = routing_of(arguments);
  if (routing.splits) {
    std::vector<std::string> copied(arguments.begin(), arguments.end());
    auto whole = co_await send_parts(std::move(copied), options.idempotent, deadline);
    co_return whole;
  }
  const Manner manner{.idempotent = options.idempotent, .tracked = false, .asking = false, .from = options.read_from};
  auto answer = co_await send(std::move(wire), routing.slot, manner, deadline);
  co_return answer;
}

asio::awaitable<Result<Reply>> Cluster::ask(LinkPtr link, std::string wire, Manner manner, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (manner.asking) wire.insert(0, kAsking);
  if (manner.tracked) wire.insert(0, kCaching);
  const std::uint32_t before = (manner.asking ? 1U : 0U) + (manner.tracked ? 1U : 0U);
  link::Call call(std::move(wire), before + 1, manner.idempotent);
  auto refused = link->submit(call, std::max(left, 1ms));
  if (refused) co_return std::unexpected(std::move(*refused));
  auto answered = link->wait(call);
  co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  if (before > 0) co_return std::move(call.answers.back());
  co_return std::move(call.single);
}

Cluster::Verdict Cluster::judge(const Error& error, std::optional<std::uint16_t> slot, bool idempotent) {
  using Next = Verdict::Next;
  const std::string& code = error.code();
  if (code == "redis_moved" || code == "redis_ask") {
    const auto there = redirection(error.message());
    if (!there || there->host.empty()) return {.next = Next::read_map, .at_once = true};
    if (code == "redis_ask") return {.next = Next::ask_there, .there = *there, .at_once = true};
    if (map_ && slot) map_->set_master(*slot, *there);
    return {.next = Next::go_there, .there = *there, .at_once = true};
  }
  if (error.kind() != ErrorKind::unavailable) return {};
  if (error.outcome_unknown() && !idempotent) return {};
  if (code == "redis_oom" || code == "redis_misconf" || code == "redis_noreplicas" || code == "redis_busy" ||
      code == "redis_unkillable")
    return {};  // nothing that another map or a moment would change
  return {.next = Next::read_map};
}

asio::awaitable<void> Cluster::pause(Backoff& backoff, Clock::time_point deadline) {
  asio::steady_timer timer(executor_, std::min(deadline, Clock::now() + 5ms + backoff.next()));
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<Result<Reply>> Cluster::send(std::string wire, std::optional<std::uint16_t> slot, Manner manner,
                                             Clock::time_point deadline) {
  Backoff backoff(10ms, 300ms, random_seed());
  LinkPtr target = link_for(slot, manner.from);
  bool stale = target == nullptr;
  std::optional<Error> last;
  for (;;) {
    if (closed_) co_return std::unexpected(*closed_);
    if (stale) {
      auto failure = co_await refresh(deadline);
      if (failure) last = std::move(failure);
      target = link_for(slot);
      stale = false;
    }
    Verdict verdict{.next = Verdict::Next::read_map};
    if (target) {
      auto answer = co_await ask(std::exchange(target, nullptr), wire, manner, deadline);
      if (answer) co_return answer;
      verdict = judge(answer.error(), slot, manner.idempotent);
      if (verdict.next == Verdict::Next::give_up) co_return answer;
      last = std::move(answer.error());
    }
    if (!verdict.at_once) co_await pause(backoff, deadline);
    if (Clock::now() >= deadline) break;
    manner.asking = verdict.next == Verdict::Next::ask_there;
    stale = verdict.next == Verdict::Next::read_map;
    if (!stale) target = link_to(verdict.there);
  }
  if (last) co_return std::unexpected(std::move(*last));
  co_return fail(ErrorKind::unavailable, "redis_clusterdown", "No node of the cluster serves the key's slot.",
                 "Look at CLUSTER INFO and CLUSTER NODES.");
}

// As so many commands of one key, whose answers are put together: atomic for each key only.
asio::awaitable<Result<Reply>> Cluster::send_parts(std::vector<std::string> arguments, bool idempotent,
                                                   Clock::time_point deadline) {
  const bool mget = arguments[0].front() == 'M' || arguments[0].front() == 'm';
  Request request;
  for (std::size_t i = 1; i < arguments.size(); ++i) request.add(mget ? "GET" : arguments[0], arguments[i]);
  const std::size_t commands = request.size();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  const CallOptions options{.timeout = std::max(left, 1ms), .idempotent = idempotent};
  auto answers = co_await execute_all(std::move(request).wire(), commands, options);
  std::vector<Reply> parts;
  std::int64_t sum = 0;
  for (auto& answer : answers) {
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    sum += answer->view().integer().value_or(0);
    parts.push_back(std::move(*answer));
  }
  if (mget) co_return array_of(parts);
  co_return sum_of(sum);
}

/// One command of several that are sent together, and the WAITs about it: in one call, so that no loss and no reconnect
/// can come between them.
struct Cluster::Asking {
  Asking(std::string command, Routing to, Manner manner)
      : wire(command),
        routing(to),
        call(manner.tracked ? std::string(kCaching) + command : std::move(command), manner.tracked ? 2 : 1,
             manner.idempotent),
        at(call.commands - 1) {}
  bool over() const noexcept { return refused || !link || call.answered == call.commands; }
  Result<Reply>& answer() { return call.commands == 1 ? call.single : call.answers[at]; }
  bool takes_waits() const noexcept { return !routing.splits && !routing.follows; }
  void add_wait(std::string_view command) {
    call.wire += command;
    call.answers.reserve(++call.commands);
    ++waits;
  }

  std::string wire;  ///< without what was added
  Routing routing;
  LinkPtr link;
  link::Call call;
  std::size_t at;  ///< of the command's own answer
  std::size_t waits = 0;
  std::optional<Error> refused;
};

asio::awaitable<std::vector<Result<Reply>>> Cluster::execute_all(std::string wire, std::size_t commands,
                                                                 CallOptions options) {
  const Manner manner{.idempotent = options.idempotent, .tracked = false, .asking = false, .from = options.read_from};
  auto answers = co_await send_all(std::move(wire), commands, manner, deadline_of(options));
  co_return answers;
}

asio::awaitable<std::vector<Result<Reply>>> Cluster::execute_tracked(std::string wire, std::size_t commands,
                                                                     CallOptions options) {
  const bool opted = options_.tracking.mode == Tracking::Mode::opted;
  const Manner manner{.idempotent = true, .tracked = opted, .asking = false, .from = options.read_from};
  auto answers = co_await send_all(std::move(wire), commands, manner, deadline_of(options));
  co_return answers;
}

bool Cluster::final(Asking& asking, Manner manner) {
  return judge(asking.answer().error(), asking.routing.slot, manner.idempotent).next == Verdict::Next::give_up;
}

// All are sent in one turn, and pipelined so. What a node would not do then is asked for one by one.
asio::awaitable<std::vector<Result<Reply>>> Cluster::send_all(std::string wire, std::size_t commands, Manner manner,
                                                              Clock::time_point deadline) {
  if (!map_) co_await refresh(deadline);
  std::vector<std::unique_ptr<Asking>> all;
  all.reserve(commands);
  for (std::string_view rest = wire; !rest.empty();) {
    const auto length = link::length_of_command(rest);
    const auto command = rest.substr(0, length);
    const auto routing = routing_of(arguments_of(rest));
    rest.remove_prefix(length);
    if (routing.follows && !all.empty() && all.back()->takes_waits()) {
      all.back()->add_wait(command);
    } else {
      all.push_back(std::make_unique<Asking>(std::string(command), routing, manner));
    }
  }
  co_await send_first(all, manner.from, deadline);
  std::vector<Result<Reply>> answers;
  answers.reserve(commands);
  for (const auto& asking : all) {
    const bool settled = asking->refused || (asking->link && (asking->answer() || final(*asking, manner)));
    if (asking->refused) {
      answers.push_back(std::unexpected(*asking->refused));
    } else if (settled) {
      answers.push_back(std::move(asking->answer()));
    } else if (asking->routing.splits) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      const CallOptions options{.timeout = std::max(left, 1ms), .idempotent = manner.idempotent};
      auto answer = co_await execute(std::move(asking->wire), options);
      answers.push_back(std::move(answer));
    } else {
      Manner at_the_master = manner;
      at_the_master.from = ReadFrom::master;
      auto answer = co_await send(std::move(asking->wire), asking->routing.slot, at_the_master, deadline);
      answers.push_back(std::move(answer));
    }
    for (std::size_t i = 1; i <= asking->waits; ++i) {
      if (asking->refused) {
        answers.push_back(std::unexpected(*asking->refused));
      } else {
        answers.push_back(settled ? std::move(asking->call.answers[asking->at + i]) : not_waited_for());
      }
    }
  }
  co_return answers;
}

asio::awaitable<void> Cluster::send_first(std::vector<std::unique_ptr<Asking>>& all, ReadFrom from,
                                          Clock::time_point deadline) {
  for (const auto& asking : all) {
    // The answer of what is split is put together from those of other commands, which nobody asked to be watched.
    if (closed_ || asking->routing.splits) continue;
    asking->link = link_for(asking->routing.slot, from);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (asking->link) asking->refused = asking->link->submit(asking->call, std::max(left, 1ms));
  }
  for (const auto& asking : all) {
    if (asking->over()) continue;
    auto answered = asking->link->wait(asking->call);
    co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  }
}

}  // namespace inkwell::redis::cluster
