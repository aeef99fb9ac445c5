// What no client should send: each gets a clear error in the API's shape, and the server is well afterwards.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { Inkwell } from './support/inkwell.mjs';

const PATH = '/v1/channels/hostile/events';

describe('hostile requests', () => {
  let server;
  before(async () => (server = await Inkwell.start({ args: ['--server-header-timeout', '1s', '--server-body-timeout', '1s'] })));
  after(() => server?.remove());
  afterEach(async () => {
    const response = await fetch(`${server.url}/healthz`);
    assert.equal(response.status, 200, 'the server is well afterwards');
  });

  /** Sends bytes as they are; resolves with all that comes back until the server closes. */
  function raw(...pieces) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(server.port, '127.0.0.1');
      let text = '';
      socket.setTimeout(20_000, () => {
        socket.destroy();
        reject(new Error(`the server neither answered nor closed; so far: ${JSON.stringify(text)}`));
      });
      socket.on('data', (piece) => (text += piece));
      socket.on('error', (error) => (text ? resolve(text) : reject(error)));
      socket.on('close', () => resolve(text));
      for (const piece of pieces) socket.write(piece);
    });
  }

  function assertError(text, status, code) {
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    const { error } = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    assert.equal(typeof error.message, 'string');
    assert.ok(error.message.length > 10, `a sentence, not "${error.message}"`);
    assert.equal(typeof error.type, 'string');
    if (code) assert.equal(error.code, code);
  }

  const head = (start, ...lines) => [start, 'Host: localhost', 'Connection: close', ...lines, '', ''].join('\r\n');
  const post = (path, body) =>
    raw(head(`POST ${path} HTTP/1.1`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`) + body);

  it('a body of 2 GiB is refused before it is sent', async () => {
    assertError(await raw(head(`POST ${PATH} HTTP/1.1`, `Content-Length: ${2 * 1024 ** 3}`)), 413);
  });

  it('a chunked body without end is refused once it is too large', async () => {
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    const pieces = Array.from({ length: 64 }, () => chunk);
    assertError(await raw(head(`POST ${PATH} HTTP/1.1`, 'Transfer-Encoding: chunked'), ...pieces), 413);
  });

  it('malformed JSON is a 400', async () => {
    for (const body of ['{"metadata": ', '{"metadata": {}} trailing', '\u0000', '[1,2', '{"a":01}']) {
      assertError(await post(PATH, body), 400);
    }
  });

  it('JSON nested too deep is a 400', async () => {
    assertError(await post(PATH, '['.repeat(100_000)), 400);
  });

  it('JSON of the wrong shape is a 400', async () => {
    for (const body of ['null', '[]', '"text"', '12', '[5]', '{"data":"x","type":5}']) {
      assertError(await post(PATH, body), 400);
    }
  });

  it('a wrong method is a 405 that names the right ones', async () => {
    const text = await raw(head(`PATCH ${PATH} HTTP/1.1`, 'Content-Length: 0'));
    assertError(text, 405);
    assert.match(text, /^Allow: .*POST/im);
  });

  it('an unknown path is a 404', async () => {
    assertError(await raw(head('GET /v1/nothing-here HTTP/1.1')), 404);
  });

  it('a half-sent request is told that it took too long', async () => {
    assertError(await raw('GET /healthz HTTP/1.1\r\nHost: loc'), 408);
  });

  it('a half-sent body is told that it took too long', async () => {
    assertError(await raw(head(`POST ${PATH} HTTP/1.1`, 'Content-Length: 100') + '{"meta'), 408);
  });

  it('an oversized header is a 431', async () => {
    assertError(await raw(head('GET /healthz HTTP/1.1', `X-Large: ${'x'.repeat(100_000)}`)), 431);
  });

  it('a NUL in a name is a 400', async () => {
    assertError(await raw(head('GET /v1/conversations/conv_%00 HTTP/1.1')), 400);
    assertError(await raw(head('GET /v1/channels/a%00b/events HTTP/1.1')), 400);
    assertError(await post('/v1/channels/a%00b/events', '{"data":"x"}'), 400);
  });

  it('what is no HTTP at all is a 400', async () => {
    assertError(await raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n'), 400);
  });

  it('two lengths that contradict each other are refused', async () => {
    assertError(await raw(head(`POST ${PATH} HTTP/1.1`, 'Content-Length: 2', 'Content-Length: 3') + '{}'), 400);
    assertError(
      await raw(head(`POST ${PATH} HTTP/1.1`, 'Content-Length: 2', 'Transfer-Encoding: chunked') + '0\r\n\r\n'),
      400,
    );
  });
});
