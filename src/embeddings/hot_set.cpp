#include "embeddings/hot_set.hpp"

#include <charconv>
#include <fmt/format.h>
#include <set>

#include <inkwell/redis/scan.hpp>

#include "inkwell_embeddings_texts.hpp"

namespace inkwell::embeddings {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxNoted = 8192;
constexpr std::size_t kMaxNotedAtOnce = 1024;  // in one step of Lua
constexpr std::size_t kReadAtOnce = 256;       // in one pipeline
constexpr std::int64_t kCreditSeconds = 60;
constexpr std::int64_t kAheadSeconds = 86'400;

const redis::Script& note_script() {
  static const redis::Script script(scripts::kNoteHot);
  return script;
}

struct Member {
  std::uint32_t dimensions;
  Digest256 input;
};

std::optional<Member> member_of(std::string_view text) {
  Member member{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), member.dimensions);
  if (ec != std::errc{} || end == text.data() + text.size() || *end != ':') return std::nullopt;
  const auto digest = digest_of_hex(text.substr(static_cast<std::size_t>(end - text.data()) + 1));
  if (!digest) return std::nullopt;
  member.input = *digest;
  return member;
}

}  // namespace

bool HotSet::note(const ModelChoice& choice, const Digest256& input) {
  if (options_.hot_set_size == 0) return false;
  auto& noted = noted_[digest_.choice(choice)];
  if (noted.uses.empty()) noted.choice = choice;
  const auto found = noted.uses.find(input);
  if (found != noted.uses.end()) {
    ++found->second;
    return false;
  }
  if (noted_inputs_ >= kMaxNoted) return false;
  noted.uses.emplace(input, 1);
  return ++noted_inputs_ == 1;
}

asio::awaitable<void> HotSet::write() {
  const auto noted = std::exchange(noted_, {});
  noted_inputs_ = 0;
  if (!redis_.is_worth_asking()) co_return;
  const auto lifetime = keyspace::rule(keyspace::Family::hot_set).lifetime;
  redis::CallOptions call;
  call.timeout = options_.redis_write_timeout;
  for (const auto& [digest, of_choice] : noted) {
    const auto& choice = of_choice.choice;
    const auto keys = choice.tenant.empty() ? store_.keys() : store_.keys().of(choice.tenant);
    for (auto at = of_choice.uses.begin(); at != of_choice.uses.end();) {
      std::vector<std::string> arguments{std::to_string(lifetime.count()), std::to_string(options_.hot_set_size),
                                         std::to_string(kCreditSeconds), std::to_string(kAheadSeconds)};
      for (std::size_t n = 0; n < kMaxNotedAtOnce && at != of_choice.uses.end(); ++n, ++at) {
        arguments.push_back(std::to_string(at->second));
        arguments.push_back(fmt::format("{}:{}", choice.dimensions, hex(at->first)));
      }
      std::vector<keyspace::Key> set;
      set.push_back(keys.hot_set(choice.model));
      const auto written = co_await store_.run(note_script(), std::move(set), std::move(arguments), call);
      if (!written) co_return;  // a sample: what is lost is noted again
    }
  }
}

bool HotSet::enough(Clock::time_point until) const {
  if (Clock::now() >= until || !store_.client().connected()) return true;
  const auto stats = hot_.stats();
  return stats.bytes > stats.max_bytes / 10 * 9;
}

asio::awaitable<void> HotSet::warm(std::vector<std::string> models) {
  const auto until = Clock::now() + options_.warm_limit;
  if (options_.warm_limit <= milliseconds(0) || options_.hot_set_size == 0) co_return;
  auto ready = co_await store_.client().command("PING");  // waits for the first connection
  if (!ready) co_return;
  std::set<std::pair<std::string, std::string>> done;
  for (auto& model : models) {
    co_await warm_model({}, model, until);
    done.emplace(store_.keys().tenant(), std::move(model));
  }
  redis::Scan scan(store_.client(), {.match = store_.keys().any_hot_set_pattern(), .type = "zset", .count = 5000});
  while (!enough(until)) {
    auto page = co_await scan.next();
    if (!page || page->empty()) co_return;
    for (const auto& key : *page) {
      const auto name = store_.keys().parse_hot_set(key);
      if (!name || !done.emplace(name->tenant, name->model).second) continue;
      co_await warm_model(name->tenant == store_.keys().tenant() ? std::string() : name->tenant, name->model, until);
    }
  }
}

asio::awaitable<void> HotSet::warm_model(std::string tenant, std::string model, Clock::time_point until) {
  if (enough(until)) co_return;
  const auto keys = tenant.empty() ? store_.keys() : store_.keys().of(tenant);
  const auto reply = co_await store_.read("ZRANGE", keys.hot_set(model), 0, options_.hot_set_size - 1, "REV");
  if (!reply) co_return;
  std::map<std::uint32_t, std::vector<Place>> places;  // by length, in order of heat
  for (const redis::View text : reply->view()) {
    const auto member = member_of(text.text());
    if (!member) continue;
    const ModelChoice choice{model, member->dimensions, tenant};
    const Digest256 hot = hot_key(member->input, digest_.choice(choice));
    if (hot_.contains(hot, Clock::now())) continue;
    places[member->dimensions].push_back(redis_.place_of(choice, member->input, hot));
  }
  for (auto& [dimensions, all] : places) {
    for (std::size_t start = 0; start < all.size() && !enough(until); start += kReadAtOnce) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(start);
      const auto to = all.begin() + static_cast<std::ptrdiff_t>(std::min(start + kReadAtOnce, all.size()));
      std::vector<Place> some(std::make_move_iterator(from), std::make_move_iterator(to));
      const auto found = co_await redis_.read(std::move(some), dimensions);
      for (const auto& vector : found) stats_.warmed += vector ? 1 : 0;
    }
  }
}

}  // namespace inkwell::embeddings
