// What clients did to one conversation, and whether one order explains it. Every change has a version, so the order to
// try is known: the changes by version, each applied to a list in memory, must give what each client was answered; each
// read must be what the list was at the version it names; and nothing may come before what was answered before it was
// asked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

namespace inkwell::conversations {

struct Operation {
  enum class Kind : std::uint8_t { append, pop, erase, update, look, read };
  Kind kind = Kind::look;  ///< look: saw a version, and no items
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::int64_t version = 0;
  std::vector<std::string> ids{};  ///< appended, popped, erased or read, the oldest first

  bool changes() const { return kind < Kind::look; }
};

class History {
 public:
  std::uint64_t tick() { return ++clock_; }
  void add(Operation operation) {
    operation.answered = tick();
    operations_.push_back(std::move(operation));
  }
  void note_text(const std::string& id, const std::string& text) {
    EXPECT_EQ(texts_.try_emplace(id, text).first->second, text) << id << " has changed";
  }
  std::size_t size() const { return operations_.size(); }

  /// The conversation was made empty, at version 1. `last` is what it holds in the end.
  void check(const std::vector<std::string>& last) const {
    const auto states = replayed();
    EXPECT_EQ(states.rbegin()->second, last);
    for (const Operation& operation : operations_) {
      if (operation.kind != Operation::Kind::read && operation.kind != Operation::Kind::look) continue;
      const auto state = states.find(operation.version);
      ASSERT_NE(state, states.end()) << "a read saw version " << operation.version << ", which was never made";
      if (operation.kind == Operation::Kind::look) continue;
      ASSERT_EQ(operation.ids, state->second) << "a read at version " << operation.version;
    }
    check_order();
  }

 private:
  using States = std::map<std::int64_t, std::vector<std::string>>;

  States replayed() const {
    std::map<std::int64_t, const Operation*> changes;
    for (const Operation& operation : operations_) {
      if (!operation.changes()) continue;
      EXPECT_TRUE(changes.emplace(operation.version, &operation).second)
          << "two changes have version " << operation.version;
    }
    States states{{1, {}}};
    std::vector<std::string> items;
    for (const auto& [version, change] : changes) {
      EXPECT_EQ(version, states.rbegin()->first + 1) << "a change that nobody was answered";
      apply(*change, items);
      states.emplace(version, items);
    }
    return states;
  }

  static void apply(const Operation& change, std::vector<std::string>& items) {
    using Kind = Operation::Kind;
    if (change.kind == Kind::append) items.insert(items.end(), change.ids.begin(), change.ids.end());
    if (change.kind == Kind::pop) {
      const auto count = std::min(change.ids.size(), items.size());
      const std::vector<std::string> newest(items.end() - static_cast<std::ptrdiff_t>(count), items.end());
      EXPECT_EQ(change.ids, newest) << "a pop at version " << change.version;
      items.resize(items.size() - count);
    }
    if (change.kind == Kind::erase) {
      EXPECT_EQ(std::erase(items, change.ids.front()), 1U) << "an item erased at version " << change.version;
    }
  }

  void check_order() const {
    std::vector<std::pair<std::uint64_t, const Operation*>> moments;
    for (const Operation& operation : operations_) {
      moments.emplace_back(operation.asked, &operation);
      moments.emplace_back(operation.answered, &operation);
    }
    std::ranges::sort(moments);
    std::map<const Operation*, std::int64_t> known;  // the newest version answered before it was asked
    std::int64_t newest = 1;
    for (const auto& [moment, operation] : moments) {
      if (moment == operation->asked) {
        known[operation] = newest;
        continue;
      }
      const auto least = known.at(operation) + (operation->changes() ? 1 : 0);
      EXPECT_GE(operation->version, least) << "asked at " << operation->asked << ", answered at " << moment;
      newest = std::max(newest, operation->version);
    }
  }

  std::uint64_t clock_ = 0;
  std::vector<Operation> operations_;
  std::map<std::string, std::string> texts_;
};

}  // namespace inkwell::conversations
