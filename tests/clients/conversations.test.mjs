// OpenAI's official SDK against /v1/conversations.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { Inkwell } from './support/inkwell.mjs';

const message = (text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
const textOf = (item) => item.content[0].text;

async function collect(pages) {
  const all = [];
  for await (const item of pages) all.push(item);
  return all;
}

describe('conversations with the OpenAI SDK', () => {
  let server;
  let client;
  before(async () => {
    server = await Inkwell.start();
    client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 });
  });
  after(() => server?.remove());

  it('creates, retrieves, updates and deletes one', async () => {
    const created = await client.conversations.create({ metadata: { topic: 'demo' } });
    assert.equal(created.object, 'conversation');
    assert.match(created.id, /^conv_/);
    assert.deepEqual(created.metadata, { topic: 'demo' });
    assert.ok(Math.abs(created.created_at - Date.now() / 1000) < 60);

    assert.deepEqual(await client.conversations.retrieve(created.id), created);

    const updated = await client.conversations.update(created.id, { metadata: { topic: 'other' } });
    assert.deepEqual(updated, { ...created, metadata: { topic: 'other' } });

    const deleted = await client.conversations.delete(created.id);
    assert.deepEqual(deleted, { id: created.id, object: 'conversation.deleted', deleted: true });
    await assert.rejects(client.conversations.retrieve(created.id), NotFoundError);
  });

  it('keeps the items it is created with, in their order', async () => {
    const conversation = await client.conversations.create({ items: [message('first'), message('second')] });
    const items = await collect(client.conversations.items.list(conversation.id, { order: 'asc' }));
    assert.deepEqual(items.map(textOf), ['first', 'second']);
  });

  it('appends items and answers with them', async () => {
    const { id } = await client.conversations.create();
    const appended = await client.conversations.items.create(id, { items: [message('a'), message('b')] });
    assert.equal(appended.object, 'list');
    assert.deepEqual(appended.data.map(textOf), ['a', 'b']);
    assert.equal(appended.first_id, appended.data[0].id);
    assert.equal(appended.last_id, appended.data[1].id);
    for (const item of appended.data) {
      assert.equal(item.type, 'message');
      assert.equal(item.role, 'user');
      assert.match(item.id, /^msg_/);
    }
  });

  it('takes the shorthand of a message as the API does', async () => {
    const { id } = await client.conversations.create();
    const { data } = await client.conversations.items.create(id, { items: [{ role: 'user', content: 'Hello!' }] });
    assert.equal(data[0].type, 'message');
    assert.deepEqual(data[0].content, [{ type: 'input_text', text: 'Hello!' }]);
  });

  it('pages through a list by itself, in both orders', async () => {
    const { id } = await client.conversations.create();
    const texts = Array.from({ length: 45 }, (_, number) => `item ${number}`);
    for (let from = 0; from < texts.length; from += 20) {
      await client.conversations.items.create(id, { items: texts.slice(from, from + 20).map(message) });
    }
    const ascending = await collect(client.conversations.items.list(id, { order: 'asc', limit: 10 }));
    assert.deepEqual(ascending.map(textOf), texts);
    const descending = await collect(client.conversations.items.list(id, { limit: 7 }));
    assert.deepEqual(descending.map(textOf), [...texts].reverse());
    assert.equal(new Set(ascending.map((item) => item.id)).size, texts.length);
  });

  it('retrieves and deletes a single item', async () => {
    const { id } = await client.conversations.create({ items: [message('keep'), message('drop')] });
    const [keep, drop] = await collect(client.conversations.items.list(id, { order: 'asc' }));
    assert.deepEqual(await client.conversations.items.retrieve(drop.id, { conversation_id: id }), drop);
    const conversation = await client.conversations.items.delete(drop.id, { conversation_id: id });
    assert.equal(conversation.id, id);
    await assert.rejects(client.conversations.items.retrieve(drop.id, { conversation_id: id }), NotFoundError);
    assert.deepEqual(await collect(client.conversations.items.list(id)), [keep]);
  });

  it('loses nothing to 100 concurrent appenders', async () => {
    const { id } = await client.conversations.create();
    const texts = Array.from({ length: 100 }, (_, number) => `writer ${number}`);
    await Promise.all(texts.map((text) => client.conversations.items.create(id, { items: [message(text)] })));
    const items = await collect(client.conversations.items.list(id, { limit: 100 }));
    assert.deepEqual(items.map(textOf).sort(), [...texts].sort());
  });

  it('answers mistakes with the errors the SDK knows', async () => {
    const { id } = await client.conversations.create();
    await assert.rejects(client.conversations.retrieve('conv_doesnotexist'), (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.equal(error.type, 'invalid_request_error');
      assert.match(error.message, /conv_doesnotexist/);
      return true;
    });
    await assert.rejects(client.conversations.items.create('conv_doesnotexist', { items: [message('x')] }), NotFoundError);
    await assert.rejects(client.conversations.items.create(id, { items: 'not a list' }), BadRequestError);
    await assert.rejects(client.conversations.items.list(id, { limit: 0 }), BadRequestError);
    await assert.rejects(client.conversations.items.list(id, { limit: 101 }), BadRequestError);
    await assert.rejects(client.conversations.create({ metadata: 'not an object' }), BadRequestError);
  });
});
