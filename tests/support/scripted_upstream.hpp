// A server of embeddings inside the test, on the test's own loop, that does what it is told: answers well, shuffled,
// short, twice, with nonsense, late, never, or with an error; in OpenAI's API, Ollama's and TEI's. Every vector it
// gives is computed from its input, so that a test knows what each answer must be.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/gate.hpp"

namespace inkwell::test {

enum class Act : std::uint8_t {
  // right, if oddly
  answer,
  shuffle,  ///< items in any order (OpenAI's API only: the others' have no index)
  base64,
  slow,  ///< after a moment
  // wrong
  drop_one,
  double_one,
  index_beyond,
  null_number,
  huge_number,
  short_vector,
  no_json,
  cut_body,
  close_connection,
  stall,
  rate_limit,
  fail,
  // not worth another attempt
  unauthorized,
  refuse,
};

/// Right answers and faults, as a schedule may mix them.
inline constexpr std::array kRightActs{Act::answer, Act::shuffle, Act::base64, Act::slow};
inline constexpr std::array kFaultyActs{Act::drop_one,         Act::double_one,   Act::index_beyond, Act::null_number,
                                        Act::huge_number,      Act::short_vector, Act::no_json,      Act::cut_body,
                                        Act::close_connection, Act::stall,        Act::rate_limit,   Act::fail};

class ScriptedUpstream {
 public:
  /// `input` is a string or an array of tokens; `dimensions` 0 is its own choice.
  using Embed = std::function<std::vector<float>(const boost::json::value& input, std::uint32_t dimensions)>;

  ScriptedUpstream(asio::io_context& io, Embed embed);
  ScriptedUpstream(const ScriptedUpstream&) = delete;
  ScriptedUpstream& operator=(const ScriptedUpstream&) = delete;

  /// "http://127.0.0.1:PORT", under which each of the APIs is found at its path ("/v1" for OpenAI's).
  std::string url() const;
  asio::awaitable<void> close();

  std::function<Act(std::size_t)> act = [](std::size_t) { return Act::answer; };  ///< by the request's number
  /// By input (as JSON), before `act`: refuses every request that holds such a one, as too long.
  std::function<bool(const std::string&)> refuses;
  std::string retry_after = "retry-after-ms: 30";  ///< header line of rate_limit
  std::chrono::milliseconds delay{5};              ///< of Act::slow
  std::mt19937_64 random{1};

  std::size_t connections = 0;
  std::vector<boost::json::object> requests;
  std::vector<std::string> heads;
  std::size_t inputs = 0;               ///< answered well
  std::map<std::string, int> computed;  ///< how often each input (as JSON) was answered well

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(asio::ip::tcp::socket socket);
  std::string reply(Act now, const std::string& path, const boost::json::object& request);
  std::vector<std::vector<float>> vectors_of(Act now, const boost::json::array& input, std::uint32_t dimensions);
  std::string openai_body(Act now, const boost::json::array& input, std::vector<std::vector<float>> vectors);

  Embed embed_;
  Gate gate_;
  asio::ip::tcp::acceptor acceptor_;
};

}  // namespace inkwell::test
