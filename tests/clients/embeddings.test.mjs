// OpenAI's official SDK against /v1/embeddings with the built-in lexical embedder.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { Inkwell } from './support/inkwell.mjs';

const MODEL = 'inkwell-lexical';
const length = (vector) => Math.hypot(...vector);
const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b));

describe('embeddings with the OpenAI SDK', () => {
  let server;
  let client;
  const vectorsOf = async (input, more = {}) =>
    (await client.embeddings.create({ model: MODEL, input, ...more })).data.map((row) => row.embedding);
  before(async () => {
    server = await Inkwell.start();
    client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 });
  });
  after(() => server?.remove());

  it('answers in the shape of the API', async () => {
    const answer = await client.embeddings.create({ model: MODEL, input: 'the quick brown fox' });
    assert.equal(answer.object, 'list');
    assert.equal(answer.model, MODEL);
    assert.equal(answer.data.length, 1);
    assert.equal(answer.data[0].object, 'embedding');
    assert.equal(answer.data[0].index, 0);
    assert.ok(Math.abs(length(answer.data[0].embedding) - 1) < 1e-5);
    assert.ok(answer.usage.prompt_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens);
  });

  it('gives the same vector as base64 (what the SDK asks for) and as floats', async () => {
    const [base64] = await vectorsOf('one text');
    const [floats] = await vectorsOf('one text', { encoding_format: 'float' });
    assert.deepEqual(floats.map(Math.fround), base64.map(Math.fround));
  });

  it('answers input i at index i, whatever was cached before', async () => {
    const texts = ['alpha beta', 'gamma delta', 'epsilon zeta', 'alpha beta'];
    const [second] = await vectorsOf(texts[1]);
    const all = await vectorsOf(texts);
    assert.equal(all.length, texts.length);
    assert.deepEqual(all[1], second);
    assert.deepEqual(all[3], all[0]);
    assert.notDeepEqual(all[2], all[0]);
    assert.deepEqual(await vectorsOf([...texts].reverse()), [...all].reverse());
  });

  it('says of each answer how much of it was cached', async () => {
    const ask = () => client.embeddings.create({ model: MODEL, input: ['never', 'seen', 'before'] }).asResponse();
    const first = await ask();
    const second = await ask();
    assert.equal(first.headers.get('x-inkwell-cache'), 'hot=0, redis=0, miss=3');
    assert.match(second.headers.get('x-inkwell-cache'), /miss=0$/);
  });

  it('finds texts that share words nearer than texts that do not', async () => {
    const [a, near, far] = await vectorsOf(['a cat sat on the mat', 'the cat sat on a mat', 'quarterly revenue forecast']);
    assert.ok(cosine(a, near) > cosine(a, far) + 0.2);
  });

  it('keeps vectors over a restart, bit for bit', async () => {
    const before = await vectorsOf('kept over a restart');
    assert.equal(await server.stop(), 0);
    await server.startAgain();
    assert.deepEqual(await vectorsOf('kept over a restart'), before);
  });

  it('answers what was hot before a restart from memory', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `a hot text, number ${i}`);
    for (let i = 0; i < 16; ++i) await vectorsOf(texts);
    assert.equal(await server.stop(), 0);
    await server.startAgain();
    const warmed = async () => /^inkwell_embeddings_warmed_total (\d+)/m.exec(await (await fetch(`${server.url}/metrics`)).text());
    const until = Date.now() + 20_000;
    while (Number((await warmed())?.[1] ?? 0) < 40 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = await client.embeddings.create({ model: MODEL, input: texts }).asResponse();
    assert.equal(answer.headers.get('x-inkwell-cache'), 'hot=40, redis=0, miss=0');
  });

  it('answers mistakes with the errors the SDK knows', async () => {
    await assert.rejects(client.embeddings.create({ model: 'no-such-model', input: 'x' }), NotFoundError);
    await assert.rejects(client.embeddings.create({ model: MODEL, input: '' }), BadRequestError);
    await assert.rejects(client.embeddings.create({ model: MODEL, input: [] }), BadRequestError);
    await assert.rejects(client.embeddings.create({ model: MODEL, input: 'x', encoding_format: 'hex' }), BadRequestError);
  });
});
