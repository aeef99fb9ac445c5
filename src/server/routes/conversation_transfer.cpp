// Conversations as JSONL: GET /v1/conversations/{id}/export and POST /v1/conversations/import. The first line is the
// conversation, each further one an item, the last one says how many there were, so that a cut-off copy is noticed.
// Both hold a piece in memory at a time, however long the conversation is.
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "conversations/conversations.hpp"
#include "server/body_source.hpp"
#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/conversation_answer.hpp"
#include "server/routes/conversation_request.hpp"
#include "server/routes/routes.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

using conversations::Conversation;
using conversations::Conversations;

constexpr std::string_view kEndObject = "conversation.export.end";
constexpr std::size_t kMaxLineBytes = conversations::kMaxItemBytes + (std::size_t{64} << 10);
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
/// How long an import's client may send nothing.
constexpr std::chrono::seconds kLongestSilence{60};

// ---- Export ----

class Export final : public BodySource {
 public:
  Export(Conversations conversations, conversations::Snapshot snapshot)
      : conversations_(std::move(conversations)), snapshot_(std::move(snapshot)) {}

  asio::awaitable<Result<std::string>> next() override {
    if (state_ == State::over) co_return std::string();
    if (state_ == State::head) {
      state_ = snapshot_.newest == 0 ? State::end : State::items;
      co_return text_of(snapshot_.conversation) + "\n";
    }
    if (state_ == State::end) {
      state_ = State::over;
      co_return fmt::format("{{\"object\":\"{}\",\"items\":{}}}\n", kEndObject, sent_);
    }
    auto piece = co_await conversations_.items_from(snapshot_.conversation.id, next_, snapshot_.newest);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    next_ = piece->next;
    if (next_ == 0) state_ = State::end;
    sent_ += piece->items.size();
    std::string lines;
    for (const auto& item : piece->items) lines += item.json + "\n";
    // Nothing left of the last ones: the end is due at once, because an empty piece would be it.
    if (lines.empty()) {
      state_ = State::over;
      lines = fmt::format("{{\"object\":\"{}\",\"items\":{}}}\n", kEndObject, sent_);
    }
    co_return lines;
  }

 private:
  enum class State : std::uint8_t { head, items, end, over };
  Conversations conversations_;
  conversations::Snapshot snapshot_;
  State state_ = State::head;
  std::uint64_t next_ = 1;
  std::uint64_t sent_ = 0;
};

asio::awaitable<HandlerResult> export_conversation(Worker& worker, HttpRequest& request) {
  if (auto none = foreign_id(request)) co_return std::move(*none);
  auto conversations = worker.conversations(request.identity);
  auto snapshot = co_await conversations.snapshot(std::string(request.path_param("id")));
  if (!snapshot) co_return error_response(snapshot.error());
  auto source = std::make_unique<Export>(std::move(conversations), std::move(*snapshot));
  co_return send_as_made(worker, request, "application/jsonl", std::move(source));
}

// ---- Import ----

/// SHA-256 of a request as it arrives.
class Fingerprint {
 public:
  explicit Fingerprint(std::string_view start) : context_(::EVP_MD_CTX_new()) {
    ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr);
    add(start);
  }
  void add(std::string_view bytes) { ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, 32> digest{};
    ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return fmt::format("{:02x}", fmt::join(digest, ""));
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// One import: lines in, a conversation out.
class Import {
 public:
  Import(Conversations conversations, BodyStream& body, std::string_view path)
      : conversations_(std::move(conversations)), body_(body), fingerprint_(path) {}

  /// Removes what it has made when it fails.
  asio::awaitable<Result<Conversation>> run(conversations::Write write) {
    auto whole = co_await read_all();
    if (whole && !ended_) whole = refuse("The last line, which says how many items there are, is missing.");
    if (!whole) {
      const conversations::Write plain;
      if (!made_.id.empty()) co_await conversations_.erase(made_.id, plain);
      co_return std::unexpected(std::move(whole.error()));
    }
    write.fingerprint = fingerprint_.hex();
    auto settled = co_await conversations_.settle(made_, std::move(write));
    if (!settled || settled->id != made_.id) co_return settled;
    auto now = co_await conversations_.get(made_.id);
    co_return now;
  }

 private:
  std::unexpected<Error> refuse(const std::string& why, const std::optional<std::string>& param = {}) const {
    Error error(ErrorKind::invalid_argument, "invalid_import", fmt::format("Line {}: {}", line_, why));
    if (param) return std::unexpected(std::move(error).with_param(*param));
    return std::unexpected(std::move(error));
  }

  asio::awaitable<Result<void>> read_all() {
    auto heard = std::chrono::steady_clock::now();
    for (;;) {
      auto piece = co_await body_.next(std::chrono::seconds(1));
      using Kind = BodyStream::Piece::Kind;
      const auto now = std::chrono::steady_clock::now();
      if (piece.kind == Kind::broken) co_return refuse("The request broke off.");
      if (piece.kind == Kind::nothing && now - heard > kLongestSilence)
        co_return refuse("Nothing has come for a minute.");
      if (piece.kind == Kind::bytes) heard = now;
      fingerprint_.add(piece.bytes);
      rest_ += piece.bytes;
      const bool over = piece.kind == Kind::end;
      if (over && !rest_.empty()) rest_ += '\n';
      auto taken = co_await take_lines();
      if (!taken || over) co_return taken;
      if (rest_.size() > kMaxLineBytes) co_return refuse("The line is too long.");
    }
  }

  asio::awaitable<Result<void>> take_lines() {
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      std::string line = rest_.substr(begin, end - begin);
      begin = end + 1;
      ++line_;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      auto taken = co_await take(std::move(line));
      if (!taken) co_return taken;
    }
    rest_.erase(0, begin);
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> take(std::string line) {
    if (ended_) co_return refuse("There is more behind the last line.");
    auto value = parse_json(line);
    if (!value || !value->is_object()) co_return refuse("This is not a JSON object.");
    const json::object& object = value->get_object();
    if (made_.id.empty()) {
      auto begun = co_await begin(object);
      co_return begun;
    }
    const auto* const kind = object.if_contains("object");
    if (kind != nullptr && kind->is_string() && kind->get_string() == kEndObject) {
      auto ended = co_await end(object);
      co_return ended;
    }
    auto item = conversations::normalise_item(line, object, fmt::format("line {}", line_));
    if (!item) co_return refuse(item.error().message(), item.error().param());
    if (item->again) co_return refuse("An import takes items, not references to them.");
    bytes_ += item->json.size();
    batch_.push_back(std::move(*item));
    if (batch_.size() < conversations::kMaxItemsAtOnce && bytes_ < kBatchBytes) co_return Result<void>{};
    auto flushed = co_await flush();
    co_return flushed;
  }

  asio::awaitable<Result<void>> begin(const json::object& object) {
    auto metadata = metadata_of(object);
    if (!metadata) co_return refuse(metadata.error().message(), metadata.error().param());
    auto lifetime = lifetime_of(object);
    if (!lifetime) co_return refuse(lifetime.error().message(), lifetime.error().param());
    conversations::NewConversation wanted;
    wanted.metadata = std::move(*metadata);
    wanted.lifetime = *lifetime;
    const conversations::Write plain;
    auto made = co_await conversations_.create(std::move(wanted), plain);
    if (!made) co_return std::unexpected(std::move(made.error()));
    made_ = std::move(*made);
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> flush() {
    if (batch_.empty()) co_return Result<void>{};
    imported_ += batch_.size();
    const conversations::Write plain;
    std::vector<conversations::NewItem> batch;
    batch.swap(batch_);
    auto stored = co_await conversations_.append(made_.id, std::move(batch), plain);
    bytes_ = 0;
    if (!stored) co_return std::unexpected(std::move(stored.error()));
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> end(const json::object& object) {
    auto flushed = co_await flush();
    if (!flushed) co_return flushed;
    const auto count = optional_integer(object, "items", 0, std::numeric_limits<std::int64_t>::max());
    if (!count || !*count || static_cast<std::uint64_t>(**count) != imported_)
      co_return refuse(fmt::format("It says another number of items than the {} that came.", imported_));
    ended_ = true;
    co_return Result<void>{};
  }

  Conversations conversations_;
  BodyStream& body_;
  Fingerprint fingerprint_;
  std::string rest_;
  std::size_t line_ = 0;
  Conversation made_;
  std::vector<conversations::NewItem> batch_;
  std::size_t bytes_ = 0;
  std::uint64_t imported_ = 0;
  bool ended_ = false;
};

asio::awaitable<HandlerResult> import_conversation(Worker& worker, HttpRequest& request, BodyStream& body) {
  auto write = write_of(request);
  if (!write) co_return error_response(write.error());
  auto conversations = worker.conversations(request.identity);
  auto import = std::make_unique<Import>(std::move(conversations), body, "POST " + request.path + "\n");
  auto made = co_await import->run(std::move(*write));
  if (!made) co_return write_error(made.error());
  co_return conversation_response(*made);
}

}  // namespace

void add_transfer_routes(Router& router) {
  using http::verb;
  router.add({.method = verb::get, .path = "/v1/conversations/{id}/export", .handler = export_conversation});
  router.add({.method = verb::post, .path = "/v1/conversations/import", .body_handler = import_conversation});
}

}  // namespace inkwell::server
