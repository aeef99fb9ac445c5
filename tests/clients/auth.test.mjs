// With an API key configured, nothing of /v1 is open without it, and the official clients work with it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI, { AuthenticationError } from 'openai';
import { Inkwell } from './support/inkwell.mjs';

const KEY = 'a-key-for-this-test';

describe('an API key', () => {
  let server;
  before(async () => (server = await Inkwell.start({ env: { INKWELL_AUTH_API_KEY: KEY } })));
  after(() => server?.remove());
  const client = (apiKey) => new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });

  it('opens the server to the SDK', async () => {
    const created = await client(KEY).conversations.create();
    assert.equal((await client(KEY).conversations.retrieve(created.id)).id, created.id);
  });

  it('is asked for: another one is an AuthenticationError', async () => {
    await assert.rejects(client('another').conversations.create(), AuthenticationError);
  });

  it('is asked for on every path of the API, and by the name of the scheme', async () => {
    for (const path of ['/v1/conversations/conv_x', '/v1/channels/c/events', '/metrics']) {
      const response = await fetch(server.url + path);
      assert.equal(response.status, 401, path);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/, path);
      assert.equal((await response.json()).error.type, 'invalid_request_error', path);
    }
  });

  it('is not asked for by the health checks', async () => {
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  });

  it('is not written to the log', () => {
    assert.ok(!server.log.includes(KEY));
  });
});
