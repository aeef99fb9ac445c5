// Every resource's routes, a function a file. Called once per server, before its workers start.
#pragma once

namespace inkwell::server {

class Router;

void add_health_routes(Router& router);  ///< /healthz, /readyz, /metrics
void add_conversation_routes(Router& router);
void add_transfer_routes(
    Router& router);  ///< export and import, among those of conversations  ///< /v1/conversations...
void add_channel_routes(Router& router);     ///< /v1/channels...
void add_mercure_routes(Router& router);     ///< /.well-known/mercure, /v1/channels/{name}/mercure
void add_metadata_routes(Router& router);    ///< /.well-known/oauth-protected-resource/...
void add_generation_routes(Router& router);  ///< /v1/channels/{name}/stream
void add_embedding_routes(Router& router);   ///< /v1/embeddings

}  // namespace inkwell::server
