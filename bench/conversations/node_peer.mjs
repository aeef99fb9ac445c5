// The common way: a plain Node server with ioredis. A list of items and a hash a conversation, a sorted set of
// conversations, each request a pipeline, lifetimes set on each use. No idempotency, no item ids in order, no versions.
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import Redis from "ioredis";

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = new Redis(redisPort, "127.0.0.1", { enableAutoPipelining: true });
const month = 30 * 24 * 3600;

const bodyOf = async (request) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString() || "{}");
};
const answer = (response, value) => {
  const text = JSON.stringify(value);
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
};

const create = async (response) => {
  const id = "conv_" + randomBytes(24).toString("hex");
  const now = Date.now();
  await redis.multi().hset(id, { created: now, metadata: "{}" }).expire(id, month).zadd("convs", now, id).exec();
  answer(response, { id, object: "conversation", created_at: Math.floor(now / 1000), metadata: {} });
};
const append = async (request, response, id) => {
  const { items } = await bodyOf(request);
  const stored = items.map((item) => ({ id: "msg_" + randomBytes(24).toString("hex"), type: "message", ...item }));
  const key = id + ":items";
  await redis.multi().rpush(key, ...stored.map((item) => JSON.stringify(item))).expire(key, month).expire(id, month)
    .zadd("convs", Date.now(), id).exec();
  answer(response, { object: "list", data: stored, has_more: false });
};
const read = async (response, id) => {
  const key = id + ":items";
  const [[, items]] = await redis.multi().lrange(key, -20, -1).expire(key, month).expire(id, month).exec();
  answer(response, { object: "list", data: items.map((item) => JSON.parse(item)).reverse(), has_more: true });
};
const list = async (response) => {
  const ids = await redis.zrange("convs", 0, 19, "REV");
  const all = await Promise.all(ids.map((id) => redis.hgetall(id)));
  const data = ids.map((id, i) => ({ id, object: "conversation", ...all[i] }));
  answer(response, { object: "list", data, has_more: true });
};

createServer((request, response) => {
  const [path] = request.url.split("?");
  const id = path.split("/")[3];
  if (request.method === "POST" && !id) return create(response);
  if (request.method === "POST") return append(request, response, id);
  return id ? read(response, id) : list(response);
}).listen(port, "127.0.0.1", () => console.log("listening"));
