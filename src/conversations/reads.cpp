// The reads of Conversations: from memory where they were read before, else from Redis.
#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "conversations/answers.hpp"
#include "conversations/conversations.hpp"
#include "conversations/packing.hpp"
#include "conversations/steps.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::Script;
using redis::View;

constexpr std::size_t kMaxWindowBytes = std::size_t{64} << 20;

Page page_with(std::vector<Item> items, std::int64_t version, std::size_t most) {
  Page page;
  page.version = version;
  page.has_more = items.size() > most;
  if (page.has_more) items.pop_back();
  page.items = ItemList(std::move(items));
  return page;
}

/// From what list.lua answers to a question for one more than `most` items behind `after`.
Result<Page> page_of(View answer, std::string_view id, std::size_t most, std::string_view after) {
  if (!answer.is_aggregate()) {
    return std::unexpected(Error(ErrorKind::invalid_argument, "invalid_cursor",
                                 fmt::format("No item with id '{}' found in conversation '{}'.", after, id),
                                 "Give the id of an item of this conversation.")
                               .with_param("after"));
  }
  auto found = items_of(answer, id);
  if (!found) return std::unexpected(std::move(found.error()));
  return page_with(std::move(found->items), found->version, most);
}

/// From what window.lua answers to a question for items of `bytes`.
Result<Page> window_of(View answer, std::string_view id, WindowLimits limits, std::size_t bytes) {
  auto found = items_of(answer, id);
  if (!found) return std::unexpected(std::move(found.error()));
  std::vector<Item>& items = found->items;
  std::ranges::reverse(items);
  std::size_t read = 0;
  std::vector<std::string_view> texts;
  texts.reserve(items.size());
  for (const auto& item : items) {
    texts.emplace_back(item.json);
    read += item.json.size();
  }
  // The step stops behind the first item that is too much: whether others come before that one isn't known.
  const bool cut = texts.size() > limits.items || read > bytes;
  if (read > bytes && limits.tokens == 0) limits.items = std::min(limits.items, texts.size() - 1);
  const auto begin = window_begin(texts, cut, limits);
  Page page;
  page.version = found->version;
  page.has_more = begin > 0;
  items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(begin));
  page.items = ItemList(std::move(items));
  return page;
}

Result<Item> found_item(View answer, std::string_view item_id, std::string_view id) {
  if (!answer.is_aggregate()) return std::unexpected(no_item(item_id, id));
  auto found = items_of(answer, id);
  if (!found) return std::unexpected(std::move(found.error()));
  if (found->items.empty()) return std::unexpected(damaged(id));
  return std::move(found->items.front());
}

/// The number that an id of the form of ours ends in; 0 for any other.
std::uint64_t own_number(std::string_view id) {
  const auto middle = id.find('_');
  if (middle == 0 || middle == std::string_view::npos || id.size() < middle + 1 + 16) return 0;
  if (id.substr(0, middle).find_first_not_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos) return 0;
  const auto digits = id.substr(middle + 1);
  if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return 0;
  std::uint64_t number = 0;
  const auto last = digits.substr(digits.size() - 16);
  const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), number, 16);
  return error == std::errc() ? number : 0;
}

std::uint64_t number_in(View view) {
  const auto text = view.text();
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Entries of the stream, as XRANGE answers them.
Result<std::vector<Item>> items_in(View entries, std::string_view seed, std::string_view id) {
  std::vector<Item> items;
  items.reserve(entries.size());
  for (const View entry : entries) {
    const View fields = entry[1];
    if (entry.size() != 2 || fields.size() != 4) return std::unexpected(damaged(id));
    auto json = unpacked(fields[3].text());
    if (!json) return std::unexpected(damaged(id));
    items.push_back(item_of(item_id_of(fields[1].text(), seed, number_in(entry[0])), *json));
  }
  return items;
}

}  // namespace

/// A step that reads, or its answer from memory. `decode` turns what the step answers into a Result<T>; `query` tells
/// it from others on the conversation.
template <class T, class Decode>
awaitable<Result<T>> Conversations::read(const Script& script, std::string id, std::string query,
                                         std::vector<std::string> arguments, Decode decode) {
  if (near_ == nullptr) {
    auto reply = co_await step(script, id, std::move(arguments));
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    co_return decode(answer_of(*reply));
  }
  const std::string key = keys_.conversation(id).str();
  query += '\n';
  query += scope_.owner;
  if (const auto* const found = near_->find(key, query)) co_return std::get<T>(*found);
  auto ticket = near_->begin(key, query);
  auto reply = co_await step(script, id, std::move(arguments), true);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<T> value = decode(answer_of(*reply));
  if (value) near_->keep(std::move(ticket), *value, slide_due_in(*reply));
  co_return value;
}

awaitable<Result<Conversation>> Conversations::get(std::string id) {
  const auto decode = [id](View answer) { return conversation_of(answer, id); };
  auto got = co_await read<Conversation>(steps().get, id, "get", {}, decode);
  co_return got;
}

// Not by the step: Lua would turn each entry into tables and back, which costs Redis three times as much. Commands of
// others may come between these, so the version is asked for before and behind them. A step is asked where the cursor
// is an id that a client chose, and whenever a lifetime must be set anew.
awaitable<Conversations::Listed> Conversations::list_plainly(std::string id, Order order, std::size_t most,
                                                             std::string after) {
  Listed listed;
  const std::uint64_t number = own_number(after);
  if (!after.empty() && number == 0) co_return listed;
  const bool ascending = order == Order::ascending;
  std::string from = ascending ? "-" : "+";
  if (number != 0) from = fmt::format("({}-0", number);
  const auto hash = keys_.conversation(id);
  std::vector<keyspace::Store::Read> reads;
  reads.push_back({"HMGET", hash, {"version", "seq", "lifetime", "seed", "owner"}});
  reads.push_back({"PTTL", hash, {}});
  reads.push_back({ascending ? "XRANGE" : "XREVRANGE",
                   keys_.conversation_items(id),
                   {from, ascending ? "+" : "-", "COUNT", std::to_string(most + 1)}});
  reads.push_back({"HGET", hash, {"version"}});
  if (!after.empty()) reads.push_back({"HGET", keys_.conversation_item_ids(id), {after}});
  const auto answers = co_await store_.read_all(reads, near_ != nullptr);
  for (const auto& answer : answers) {
    if (!answer) {
      listed.page = std::unexpected(answer.error());
      co_return listed;
    }
  }
  const View fields = answers[0]->view();
  const bool there = fields.size() == 5 && !fields[0].is_null();
  if (!there || (!scope_.owner.empty() && fields[4].text() != scope_.owner)) {
    listed.page = std::unexpected(no_conversation(id));
    co_return listed;
  }
  const bool chosen_by_client = !after.empty() && !answers[4]->view().is_null();
  const bool torn = fields[0].text() != answers[3]->view().text();
  const std::chrono::milliseconds lifetime(number_in(fields[2]));
  listed.slide_due_in =
      std::chrono::milliseconds(answers[1]->view().integer().value_or(0)) - (lifetime - lifetime / 30);
  if (chosen_by_client || torn || number > number_in(fields[1]) || listed.slide_due_in.count() <= 0) co_return listed;
  auto items = items_in(answers[2]->view(), fields[3].text(), id);
  if (!items) {
    listed.page = std::unexpected(std::move(items.error()));
    co_return listed;
  }
  listed.page = page_with(std::move(*items), static_cast<std::int64_t>(number_in(fields[0])), most);
  co_return listed;
}

awaitable<Result<Page>> Conversations::list_by_step(std::string id, Order order, std::size_t most, std::string after) {
  std::vector<std::string> arguments{order == Order::ascending ? "asc" : "desc", std::to_string(most + 1), after};
  auto reply = co_await step(steps().list, id, std::move(arguments));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return page_of(answer_of(*reply), id, most, after);
}

awaitable<Result<Page>> Conversations::list(std::string id, Order order, int limit, std::string after) {
  const auto most = static_cast<std::size_t>(std::clamp(limit, 1, kMaxPage));
  const std::string key = keys_.conversation(id).str();
  std::optional<Near::Ticket> ticket;
  if (near_ != nullptr) {
    const auto query =
        fmt::format("{} {} {}\n{}", order == Order::ascending ? "asc" : "desc", most, after, scope_.owner);
    if (const auto* const found = near_->find(key, query)) co_return std::get<Page>(*found);
    ticket.emplace(near_->begin(key, query));
  }
  auto listed = co_await list_plainly(id, order, most, after);
  if (!listed.page) {
    auto page = co_await list_by_step(std::move(id), order, most, std::move(after));
    co_return page;
  }
  if (ticket && *listed.page) near_->keep(std::move(*ticket), **listed.page, listed.slide_due_in);
  co_return std::move(*listed.page);
}

awaitable<Result<Page>> Conversations::window(std::string id, WindowLimits limits) {
  limits.items = std::clamp<std::size_t>(limits.items, 1, kMaxWindow);
  std::size_t bytes = kMaxWindowBytes;  // an item of N tokens has 4 N bytes at most
  if (limits.tokens != 0) bytes = std::min(bytes, std::min(limits.tokens, kMaxWindowBytes) * 4);
  std::vector<std::string> arguments{std::to_string(limits.items), std::to_string(bytes)};
  auto query = fmt::format("window {} {}", limits.items, limits.tokens);
  const auto decode = [&](View answer) { return window_of(answer, id, limits, bytes); };
  auto page = co_await read<Page>(steps().window, id, std::move(query), std::move(arguments), decode);
  co_return page;
}

awaitable<Result<Item>> Conversations::item(std::string id, std::string item_id) {
  std::vector<std::string> arguments(1, item_id);
  const auto decode = [&](View answer) { return found_item(answer, item_id, id); };
  auto query = "item " + item_id;
  auto item = co_await read<Item>(steps().get_item, id, std::move(query), std::move(arguments), decode);
  co_return item;
}

}  // namespace inkwell::conversations
