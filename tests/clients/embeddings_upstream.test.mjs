// OpenAI's official SDK through Inkwell to an upstream: what reaches the upstream, what comes back, and what a request
// may ask of the cache.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import OpenAI, { APIError, BadRequestError } from 'openai';
import { Inkwell } from './support/inkwell.mjs';
import { Upstream, vectorOf } from './support/upstream.mjs';

const MODEL = 'text-embedding-3-small';

describe('embeddings of an upstream over TLS', () => {
  let directory;
  let upstream;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'inkwell-upstream-'));
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=upstream', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    upstream = await Upstream.start({ key: await readFile(key), cert: await readFile(cert) });
  });
  after(async () => {
    upstream?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const asked = async (env) => {
    const server = await Inkwell.start({ env: { INKWELL_EMBEDDINGS_UPSTREAM_URL: upstream.url, ...env } });
    try {
      const client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 });
      const answer = await client.embeddings.create({ model: MODEL, input: ['one', 'two'] });
      return answer.data.map((row) => row.embedding.map(Math.fround));
    } finally {
      await server.remove();
    }
  };

  it('speaks HTTP/2 to one whose authority it was told to trust', async () => {
    const vectors = await asked({ INKWELL_EMBEDDINGS_UPSTREAM_CA_FILE: join(directory, 'cert.pem') });
    assert.deepEqual(vectors, [vectorOf('one'), vectorOf('two')]);
    assert.equal(upstream.requests[0].version, '2.0');
  });

  it('refuses one whose certificate nobody vouches for', async () => {
    upstream.requests.length = 0;
    await assert.rejects(asked({}), (error) => error.status === 503 && error.code === 'upstream_unreachable');
    assert.equal(upstream.requests.length, 0);
  });
});

describe('embeddings of an upstream, with the OpenAI SDK', () => {
  let upstream;
  let server;
  let client;
  before(async () => {
    upstream = await Upstream.start();
    server = await Inkwell.start({
      env: {
        INKWELL_EMBEDDINGS_UPSTREAM_URL: upstream.url,
        INKWELL_EMBEDDINGS_UPSTREAM_API_KEY: 'sk-upstream',
        INKWELL_EMBEDDINGS_UPSTREAM_MODELS: `${MODEL},renamed=vendor/model`,
      },
    });
    client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 });
  });
  after(async () => {
    await server?.remove();
    upstream?.stop();
  });
  beforeEach(() => {
    upstream.requests.length = 0;
    upstream.behave = null;
  });
  const ask = (input, more = {}, options = {}) =>
    client.embeddings.create({ model: MODEL, input, ...more }, options).withResponse();
  const near = (actual, expected) => assert.deepEqual(actual.map(Math.fround), expected);

  it('gives every kind of input its own vector, at its own index', async () => {
    const kinds = [
      ['one text', ['one text']],
      [['first', 'second', 'first'], ['first', 'second', 'first']],
      [[1, 2, 3], [[1, 2, 3]]],
      [[[1, 2, 3], [4]], [[1, 2, 3], [4]]],
    ];
    for (const [input, each] of kinds) {
      const { data } = await ask(input);
      assert.equal(data.data.length, each.length);
      each.forEach((one, i) => {
        near(data.data[i].embedding, vectorOf(one));
        assert.equal(data.data[i].index, i);
      });
      const floats = await ask(input, { encoding_format: 'float' });
      each.forEach((one, i) => near(floats.data.data[i].embedding, vectorOf(one)));
    }
  });

  it('asks the upstream once for each distinct input, in its words and with its key', async () => {
    await ask(['alpha', 'beta', 'alpha'], { dimensions: 16, user: 'someone' });
    await ask(['beta', 'gamma'], { dimensions: 16, model: MODEL });
    assert.deepEqual(upstream.requests.map(({ body }) => body.input), [['alpha', 'beta'], ['gamma']]);
    assert.equal(upstream.requests[0].body.dimensions, 16);
    assert.equal(upstream.requests[0].body.model, MODEL);
    assert.equal(upstream.requests[0].headers.authorization, 'Bearer sk-upstream');
    await client.embeddings.create({ model: 'renamed', input: 'delta' });
    assert.equal(upstream.requests[2].body.model, 'vendor/model');
  });

  it('counts in usage what the request made the upstream compute, and nothing for hits', async () => {
    assert.deepEqual((await ask(['u1', 'u2'])).data.usage, { prompt_tokens: 14, total_tokens: 14 });
    assert.deepEqual((await ask(['u1', 'u3'])).data.usage, { prompt_tokens: 7, total_tokens: 7 });
    assert.deepEqual((await ask(['u1', 'u2', 'u3'])).data.usage, { prompt_tokens: 0, total_tokens: 0 });
  });

  it('refreshes, bypasses and limits the lifetime as the request asks', async () => {
    const header = (response) => response.headers.get('x-inkwell-cache');
    await ask('kept');
    assert.equal(header((await ask('kept')).response), 'hot=1, redis=0, miss=0');
    const refreshed = await ask('kept', {}, { headers: { 'x-inkwell-cache': 'refresh' } });
    assert.equal(header(refreshed.response), 'hot=0, redis=0, miss=1');
    const bypassed = await ask('never kept', {}, { headers: { 'x-inkwell-cache': 'bypass' } });
    near(bypassed.data.data[0].embedding, vectorOf('never kept'));
    assert.equal(header((await ask('never kept')).response), 'hot=0, redis=0, miss=1');
    await ask('short-lived', {}, { headers: { 'x-inkwell-cache-ttl': '1' } });
    const until = Date.now() + 20_000;
    let answer;
    do {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = header((await ask('short-lived', {}, { headers: { 'x-inkwell-cache-ttl': '1' } })).response);
    } while (!answer.endsWith('miss=1') && Date.now() < until);
    assert.match(answer, /miss=1$/);
    for (const headers of [{ 'x-inkwell-cache': 'never' }, { 'x-inkwell-cache-ttl': '0' }]) {
      await assert.rejects(ask('x', {}, { headers }), BadRequestError);
    }
  });

  it('passes on what the upstream says is wrong with an input, and when to come back', async () => {
    upstream.behave = () => ({ status: 400, body: { error: { message: 'maximum context length is 8192 tokens' } } });
    await assert.rejects(ask('too long'), (error) => error instanceof BadRequestError && /8192 tokens/.test(error.message));
    upstream.behave = () => ({ status: 429, headers: { 'retry-after': '120' }, body: { error: { message: 'slow down' } } });
    const limited = await ask('limited').then(() => null, (error) => error);
    assert.ok(limited instanceof APIError);
    assert.equal(limited.status, 503);
    assert.equal(limited.headers.get('retry-after'), '120');
    assert.ok(limited.requestID);
  });

  it('words and codes the mistakes that the API knows', async () => {
    const code = (input, more) => ask(input, more).then(() => 'accepted', (error) => `${error.status} ${error.code} ${error.param}`);
    assert.equal(await code(''), '400 empty_string input');
    assert.equal(await code([]), '400 empty_array input');
    assert.equal(await code(Array(2049).fill('a')), '400 array_above_max_length input');
    assert.equal(await code('a', { encoding_format: 'hex' }), '400 invalid_value encoding_format');
    assert.equal(await code('a', { model: 'unknown' }), '404 model_not_found model');
    assert.equal(upstream.requests.length, 0);
  });

  it('lists its models', async () => {
    const ids = [];
    for await (const model of await client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['inkwell-lexical', MODEL, 'renamed']);
  });
});
