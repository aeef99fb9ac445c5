// A hub on npm's better-sse: POST /pub?id=NAME publishes the body to whoever follows GET /sub?id=NAME.
import http from "node:http";
import { createChannel, createSession } from "better-sse";

const channels = new Map();
const channelOf = (id) => channels.get(id) ?? channels.set(id, createChannel()).get(id);

const server = http.createServer(async (request, response) => {
  const id = new URL(request.url, "http://localhost").searchParams.get("id") ?? "";
  if (request.method === "POST") {
    let body = "";
    for await (const piece of request) body += piece;
    channelOf(id).broadcast(body, "message");
    response.end();
    return;
  }
  channelOf(id).register(await createSession(request, response, { keepAlive: null }));
});
server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
