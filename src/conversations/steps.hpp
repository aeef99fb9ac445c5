// The atomic steps on a conversation: Lua scripts, one a file under lua/. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>

#include <inkwell/redis/client.hpp>

#include "inkwell_conversations_texts.hpp"

namespace inkwell::conversations {

/// The steps, each behind what all of them, or all writes, begin with.
struct Steps {
  static redis::Script reading(std::string_view body) {
    return redis::Script(std::string(lua::kStep) + "local function body()\n" + std::string(body) +
                         "end\nreturn finish(body())\n");
  }
  static redis::Script writing(std::string_view body) {
    return redis::Script(std::string(lua::kStep) + std::string(lua::kWrite) + "local function body()\n" +
                         std::string(body) + "end\nreturn finish(body())\n");
  }
  const redis::Script reserve{lua::kReserve};
  const redis::Script create = writing(lua::kCreate);
  const redis::Script update = writing(lua::kUpdate);
  const redis::Script erase = writing(lua::kErase);
  const redis::Script append = writing(lua::kAppend);
  const redis::Script pop = writing(lua::kPop);
  const redis::Script erase_item = writing(lua::kEraseItem);
  const redis::Script get = reading(lua::kGet);
  const redis::Script list = reading(lua::kList);
  const redis::Script window = reading(lua::kWindow);
  const redis::Script fork_point = reading(lua::kForkPoint);
  const redis::Script numbered = reading(lua::kNumbered);
  const redis::Script restore = reading(lua::kRestore);
  const redis::Script index_add{lua::kIndexAdd};
  const redis::Script index_remove{lua::kIndexRemove};
  const redis::Script index_page{lua::kIndexPage};
  const redis::Script usage{lua::kUsage};
  const redis::Script get_item = reading(lua::kGetItem);
};

const Steps& steps();

}  // namespace inkwell::conversations
