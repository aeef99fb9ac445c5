// POST /v1/embeddings and GET /v1/models, in the shape of the OpenAI API.
//
// usage counts what this request cost: the tokens of inputs that were computed for it, as the model's server counts
// them (the built-in embedder: a quarter of the bytes); inputs found in a cache, or computed for another request at the
// same time, cost nothing. x-inkwell-cache says where the inputs were found, as a dictionary (RFC 9651); sent with a
// request, it says what to do with the cache.
#include "embeddings/embeddings.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "embeddings/providers/lexical.hpp"
#include "server/json.hpp"
#include "server/router.hpp"
#include "server/routes/embedding_request.hpp"
#include "server/routes/embedding_response.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

asio::awaitable<HandlerResult> create(Worker& worker, HttpRequest& request) {
  const auto body = json_object_body(request);
  if (!body) co_return error_response(body.error());
  auto asked = read_embedding_request(*body);
  if (!asked) co_return error_response(asked.error());
  const auto longest = worker.shared().options.embeddings.lifetime;
  const auto control = read_cache_control(request, std::chrono::floor<std::chrono::seconds>(longest));
  if (!control) co_return error_response(control.error());
  const std::string model = asked->choice.model;
  asked->choice.tenant = request.identity.tenant;
  auto answer = co_await worker.embeddings().embed(std::move(asked->choice), std::move(asked->inputs), *control);
  if (!answer) co_return error_response(answer.error());
  HttpResponse response;
  response.headers.emplace_back(kCacheHeader,
                                fmt::format("hot={}, redis={}, miss={}", answer->hot, answer->redis, answer->missed));
  response.body = embedding_response(*answer, model, asked->base64, *worker.shared().vector_texts);
  co_return response;
}

asio::awaitable<HandlerResult> list_models(Worker& worker, HttpRequest&) {
  json::array data;
  for (const auto& model : worker.embeddings().models()) {
    json::object entry;
    entry["id"] = model;
    entry["object"] = "model";
    entry["created"] = 0;
    entry["owned_by"] = model == embeddings::kLexicalModel ? "inkwell" : "upstream";
    data.push_back(std::move(entry));
  }
  json::object body;
  body["object"] = "list";
  body["data"] = std::move(data);
  co_return json_response(std::move(body));
}

}  // namespace

void add_embedding_routes(Router& router) {
  router.add({http::verb::post, "/v1/embeddings", Access::authenticated, create});
  router.add({http::verb::get, "/v1/models", Access::authenticated, list_models});
}

}  // namespace inkwell::server
