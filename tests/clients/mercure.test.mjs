// The Mercure endpoint, with npm's eventsource and by raw HTTP: both wire forms, resuming, private updates, refusals.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { EventSource } from 'eventsource';
import { Inkwell } from './support/inkwell.mjs';
import { eventually } from './support/wait.mjs';

const KEY = 'a-key-for-this-test';

/** Publishes a form; `fields` are pairs, so that a name can come twice. */
const post = (server, fields, { path = '/.well-known/mercure', headers = {} } = {}) =>
  fetch(server.url + path, { method: 'POST', body: new URLSearchParams(fields), headers });

async function publish(server, fields, options) {
  const response = await post(server, fields, options);
  const body = await response.text();
  assert.equal(response.status, 200, body);
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  return body;
}

/** An EventSource that remembers what it was sent. */
async function follow(server, query, { path = '/.well-known/mercure', headers = {} } = {}) {
  const request = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } });
  const source = new EventSource(`${server.url}${path}?${new URLSearchParams(query)}`, { fetch: request });
  const received = [];
  source.onmessage = ({ data, lastEventId }) => received.push({ data, id: lastEventId });
  await eventually('the subscription is open', () => source.readyState === EventSource.OPEN);
  return { received, close: () => source.close() };
}

describe('Mercure', () => {
  let server;
  before(async () => (server = await Inkwell.start()));
  after(() => server?.remove());

  const cases = [
    ['an exact topic (0.x)', [['topic', 'https://example.com/books/1']], true],
    ['a URI template (0.x)', [['topic', 'https://example.com/books/{id}']], true],
    ['every topic (0.x)', [['topic', '*']], true],
    ['an alternate topic (0.x)', [['topic', 'other']], true],
    ['an exact topic (1.0)', [['match', 'https://example.com/books/1']], true],
    ['one of several (1.0)', [['match', 'x'], ['match_exact', 'other']], true],
    ['every topic (1.0)', [['match', '*']], true],
    ['another topic (0.x)', [['topic', 'https://example.com/books/2']], false],
    ['a template that crosses a slash (0.x)', [['topic', 'https://example.com/{id}']], false],
    ['a template in the later form (1.0)', [['match', 'https://example.com/books/{id}']], false],
  ];
  for (const [index, [what, query, wanted]] of cases.entries()) {
    it(`${wanted ? 'delivers to' : 'withholds from'} a subscriber of ${what}`, async () => {
      const path = `/v1/channels/case-${index}/mercure`;
      const subscriber = await follow(server, query, { path });
      const marker = query[0][1];
      const id = await publish(server, [['topic', 'https://example.com/books/1'], ['topic', 'other'], ['data', 'a\n\nb']], { path });
      const last = await publish(server, [['topic', marker === '*' ? 'end' : marker], ['data', 'end']], { path });
      await eventually('the last event has come', () => subscriber.received.at(-1)?.id === last);
      subscriber.close();
      const expected = wanted ? [{ data: 'a\n\nb', id }] : [];
      assert.deepEqual(subscriber.received, [...expected, { data: 'end', id: last }]);
    });
  }

  it('resumes by every name a cursor has, and from the earliest', async () => {
    const path = '/v1/channels/resumed/mercure';
    const ids = [];
    for (const data of ['one', 'two', 'three']) ids.push(await publish(server, [['topic', 't'], ['data', data]], { path }));
    for (const name of ['last_event_id', 'lastEventID', 'Last-Event-ID']) {
      const header = name === 'Last-Event-ID';
      const query = header ? [['match', 't']] : [['match', 't'], [name, ids[0]]];
      const subscriber = await follow(server, query, { path, headers: header ? { 'last-event-id': ids[0] } : {} });
      await eventually(`both later events came by ${name}`, () => subscriber.received.length === 2);
      assert.deepEqual(subscriber.received.map(({ id }) => id), ids.slice(1), name);
      subscriber.close();
    }
    const all = await follow(server, [['topic', 't'], ['lastEventID', 'earliest']], { path });
    await eventually('all have come', () => all.received.length === 3);
    all.close();
    assert.deepEqual(all.received.map(({ id }) => id), ids);
  });

  it('sends private updates to nobody it does not know, live or replayed', async () => {
    const path = '/v1/channels/private/mercure';
    const live = await follow(server, [['match', '*']], { path });
    await publish(server, [['topic', 't'], ['data', 'secret'], ['private', '']], { path });
    const last = await publish(server, [['topic', 't'], ['data', 'open']], { path });
    const replayed = await follow(server, [['match', '*'], ['last_event_id', 'earliest']], { path });
    for (const subscriber of [live, replayed]) {
      await eventually('the open one has come', () => subscriber.received.length > 0);
      subscriber.close();
      assert.deepEqual(subscriber.received, [{ data: 'open', id: last }]);
    }
  });

  it('answers malformed updates and subscriptions with 400', async () => {
    const bad = [[], [['data', 'x']], [['topic', '*']], [['topic', '/.well-known/mercure/x']], [['topic', 't'], ['retry', 'x']],
      [['topic', 't'], ['type', 'a\nb']], [['topic', 't'], ['id', '#1']]];
    for (const fields of bad) assert.equal((await post(server, fields)).status, 400, JSON.stringify(fields));
    const json = await fetch(`${server.url}/.well-known/mercure`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    assert.equal(json.status, 400);
    for (const query of ['', 'match_regexp=a', 'Match=a', 'match=%0A', 'match=']) {
      assert.equal((await fetch(`${server.url}/.well-known/mercure?${query}`)).status, 400, query);
    }
    const large = await post(server, [['topic', 't'], ['data', 'x'.repeat(1 << 20)]]);
    assert.equal(large.status, 413);
  });

  it('takes an update once under one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await publish(server, [['topic', 't'], ['data', 'x']], { headers });
    assert.equal(await publish(server, [['topic', 't'], ['data', 'x']], { headers }), first);
  });
});

describe('Mercure behind an API key', () => {
  let server;
  before(async () => (server = await Inkwell.start({ env: { INKWELL_AUTH_API_KEY: KEY } })));
  after(() => server?.remove());
  const headers = { authorization: `Bearer ${KEY}` };

  it('asks for it, to publish and to subscribe', async () => {
    assert.equal((await post(server, [['topic', 't']])).status, 401);
    assert.equal((await fetch(`${server.url}/.well-known/mercure?match=t`)).status, 401);
  });

  it('shows private updates to who has it', async () => {
    const subscriber = await follow(server, [['match', 't']], { headers });
    const id = await publish(server, [['topic', 't'], ['data', 'secret'], ['private', 'on']], { headers });
    await eventually('it has come', () => subscriber.received.length === 1);
    subscriber.close();
    assert.deepEqual(subscriber.received, [{ data: 'secret', id }]);
  });
});

describe('Mercure with tokens', () => {
  const SECRET = 'the-secret-of-this-test-has-more-than-32-bytes';
  const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const bearer = (claims) => {
    const text = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(claims)}`;
    return { authorization: `Bearer ${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}` };
  };
  const publisher = bearer({ mercure: { publish: ['*'] } });
  let server;
  before(async () => (server = await Inkwell.start({ env: { INKWELL_AUTH_JWT_KEY: SECRET, INKWELL_AUTH_JWT_ANONYMOUS: 'true' } })));
  after(() => server?.remove());

  it('shows private updates to the tokens that name them', async () => {
    const reader = await follow(server, [['topic', '*']], { headers: bearer({ mercure: { subscribe: ['https://example.com/{x}'] } }) });
    const anonymous = await follow(server, [['topic', '*']]);
    const granted = await publish(server, [['topic', 'https://example.com/1'], ['data', 'granted'], ['private', 'on']], { headers: publisher });
    await publish(server, [['topic', 'other'], ['data', 'not granted'], ['private', 'on']], { headers: publisher });
    const last = await publish(server, [['topic', 'other'], ['data', 'public']], { headers: publisher });
    await eventually('the last has come', () => [reader, anonymous].every(({ received }) => received.at(-1)?.id === last));
    for (const one of [reader, anonymous]) one.close();
    assert.deepEqual(reader.received, [{ data: 'granted', id: granted }, { data: 'public', id: last }]);
    assert.deepEqual(anonymous.received, [{ data: 'public', id: last }]);
  });

  it('takes updates from tokens that grant each of their topics', async () => {
    const narrow = bearer({ mercure: { publish: ['a'] } });
    assert.equal((await post(server, [['topic', 'a']], { headers: narrow })).status, 200);
    assert.equal((await post(server, [['topic', 'a'], ['topic', 'b']], { headers: narrow })).status, 401);
    assert.equal((await post(server, [['topic', 'a']])).status, 401);
  });
});
