// The peer: a server of embeddings on Node that caches in lru-cache over Redis (ioredis), as one would write it.
// usage: node node_cache.mjs PORT REDIS_SOCKET UPSTREAM_URL
import { createHash } from 'node:crypto';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';

const [port, socket, upstream] = process.argv.slice(2);
const redis = new Redis({ path: socket, enableAutoPipelining: true });
const hot = new LRUCache({ maxSize: 256 << 20, sizeCalculation: (value) => value.length });
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

function embed(model, input) {
  return new Promise((resolve, reject) => {
    const call = httpRequest(`${upstream}/embeddings`, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve(JSON.parse(Buffer.concat(chunks)).data);
    });
    call.on('error', reject);
    call.end(JSON.stringify({ model, input, encoding_format: 'base64' }));
  });
}

async function vectors(model, inputs) {
  const keys = inputs.map((text) => `emb:${model}:${createHash('sha256').update(text).digest('hex')}`);
  const found = keys.map((key) => hot.get(key));
  const cold = [...keys.keys()].filter((i) => !found[i]);
  if (cold.length === 0) return found;
  const stored = await redis.mgetBuffer(cold.map((i) => keys[i]));
  const missing = [];
  cold.forEach((i, at) => (stored[at] ? hot.set(keys[i], (found[i] = stored[at])) : missing.push(i)));
  if (missing.length === 0) return found;
  const data = await embed(model, missing.map((i) => inputs[i]));
  for (const row of data) {
    const i = missing[row.index];
    found[i] = Buffer.from(row.embedding, 'base64');
    hot.set(keys[i], found[i]);
    redis.set(keys[i], found[i], 'EX', 2592000);
  }
  return found;
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { model, input, encoding_format: format } = JSON.parse(Buffer.concat(chunks));
  const found = await vectors(model, Array.isArray(input) ? input : [input]);
  const data = found.map((bytes, index) => ({
    object: 'embedding',
    index,
    embedding:
      format === 'base64' ? bytes.toString('base64') : Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)),
  }));
  const body = JSON.stringify({ object: 'list', data, model, usage: { prompt_tokens: 0, total_tokens: 0 } });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(Number(port), '127.0.0.1');
