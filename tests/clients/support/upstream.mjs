// A server of embeddings for tests, in the shape of the OpenAI API, on a loopback port the kernel picks: each vector is
// computed from its input, so a test knows what every answer must be.
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createHash } from 'node:crypto';
import { once } from 'node:events';

/** The one vector that is right for `input`: a string or an array of tokens. */
export function vectorOf(input, dimensions = 8) {
  const bytes = createHash('sha256').update(JSON.stringify(input)).digest();
  return Array.from({ length: dimensions }, (_, i) => Math.fround((bytes[i % 32] - 128) / 97 + i / 7));
}

export class Upstream {
  /** @param {{key: string, cert: string}} [tls] then it speaks HTTP/2 over TLS, and HTTP/1.1 to who can't */
  static async start(tls) {
    const upstream = new Upstream();
    upstream.requests = [];
    upstream.behave = null; // (request) => {status, headers, body}, or nothing: answer well
    const serve = (request, response) => upstream.#serve(request, response);
    upstream.server = tls ? createSecureServer({ ...tls, allowHTTP1: true }, serve) : createServer(serve);
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    upstream.url = `${tls ? 'https' : 'http'}://127.0.0.1:${upstream.server.address().port}/v1`;
    return upstream;
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks));
    this.requests.push({ body, headers: request.headers, version: request.httpVersion });
    const other = this.behave?.(body);
    response.writeHead(other?.status ?? 200, { 'content-type': 'application/json', ...other?.headers });
    response.end(JSON.stringify(other?.body ?? this.#answer(body)));
  }

  #answer({ input, model, dimensions }) {
    const data = input.map((one, index) => ({ object: 'embedding', index, embedding: vectorOf(one, dimensions) }));
    data.reverse(); // `index` counts, not the order
    return { object: 'list', model, data, usage: { prompt_tokens: 7 * input.length, total_tokens: 7 * input.length } };
  }

  stop() {
    this.server.closeAllConnections?.();
    this.server.close();
  }
}
