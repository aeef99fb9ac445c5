// npm's eventsource against /v1/channels: nothing acknowledged is lost, doubled or reordered, whatever breaks.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Inkwell } from './support/inkwell.mjs';
import { eventsUrl, publish, Publisher, Subscriber } from './support/channel.mjs';
import { Proxy } from './support/proxy.mjs';
import { eventually } from './support/wait.mjs';

/** Ids are those of the channel's log, "<milliseconds>-<sequence>": compares them as the log orders them. */
function isAfter(id, other) {
  const [[time, sequence], [otherTime, otherSequence]] = [id, other].map((text) => text.split('-').map(Number));
  return time > otherTime || (time === otherTime && sequence > otherSequence);
}

/** Every acknowledged event exactly once, in the order of the log; beside them only events whose fate was unknown. */
function assertWhole(received, acknowledged) {
  assert.deepEqual(received.filter(({ type }) => type === 'inkwell.gap'), []);
  for (let i = 1; i < received.length; ++i) {
    assert.ok(isAfter(received[i].id, received[i - 1].id), `${received[i].id} came after ${received[i - 1].id}`);
  }
  const known = new Set(acknowledged.map(({ id }) => id));
  const ours = received.filter(({ id }) => known.has(id)).map(({ id, data }) => ({ id, data }));
  assert.deepEqual(ours, acknowledged);
  assert.equal(new Set(received.map(({ data }) => data)).size, received.length, 'an event came twice under two ids');
}

async function caughtUp(subscriber, publisher) {
  const last = publisher.acknowledged.at(-1).id;
  await eventually(`the subscriber has ${last}`, () => subscriber.received.some(({ id }) => id === last));
}

describe('events with npm eventsource', () => {
  let server;
  before(async () => (server = await Inkwell.start()));
  after(() => server?.remove());

  /** Publishes and subscribes (through `way`) while `disturb` does its worst, then compares. */
  async function survives(channel, disturb, way = server) {
    await publish(server, channel, { data: 'the first' });
    const subscriber = new Subscriber(way, channel);
    try {
      await eventually('the subscription is open', () => subscriber.opened > 0);
      const publisher = new Publisher(server, channel);
      const published = (count) =>
        eventually(`${count} events are acknowledged`, () => publisher.acknowledged.length >= count);
      await published(50);
      await disturb(subscriber, publisher);
      await published(publisher.acknowledged.length + 50);
      await publisher.stop();
      await caughtUp(subscriber, publisher);
      assertWhole(subscriber.received, publisher.acknowledged);
    } finally {
      subscriber.close();
    }
  }

  it('delivers what is published, in order, with its type', async () => {
    const subscriber = new Subscriber(server, 'plain', ['note']);
    await eventually('the subscription is open', () => subscriber.opened > 0);
    const first = await publish(server, 'plain', { data: 'hello' });
    const second = await publish(server, 'plain', { data: 'two\nlines', type: 'note' });
    await eventually('both have come', () => subscriber.received.length === 2);
    subscriber.close();
    assert.deepEqual(subscriber.received, [
      { type: 'message', data: 'hello', id: first.id },
      { type: 'note', data: 'two\nlines', id: second.id },
    ]);
  });

  it('resumes after the last event seen when the connection is cut', async () => {
    const proxy = await Proxy.start(server);
    const cutThrice = async (subscriber) => {
      for (let cuts = 1; cuts <= 3; ++cuts) {
        const { opened } = subscriber;
        proxy.cut();
        await eventually('it has reconnected', () => subscriber.opened > opened);
        const seen = subscriber.received.length;
        await eventually('it receives again', () => subscriber.received.length > seen);
        assert.ok(subscriber.cursors.at(-1), 'the client names the last event it saw');
      }
    };
    try {
      await survives('cut', cutThrice, proxy);
    } finally {
      await proxy.close();
    }
  });

  it('resumes from the log after an absence in which nothing was live', async () => {
    const first = await publish(server, 'absent', { data: 'one' });
    const rest = [];
    for (const data of ['two', 'three', 'four']) rest.push((await publish(server, 'absent', { data })).id);
    const response = await fetch(eventsUrl(server, 'absent'), {
      headers: { accept: 'text/event-stream', 'last-event-id': first.id },
      signal: AbortSignal.timeout(10_000),
    });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    let text = '';
    for await (const piece of response.body) {
      text += Buffer.from(piece).toString();
      if (text.includes('data: four')) break;
    }
    assert.deepEqual([...text.matchAll(/^id: ?(\S+)$/gm)].map(([, id]) => id), rest);
  });

  it('ends with each acknowledged event exactly once when redis-server is killed', async () => {
    await survives('redis-killed', async (_, publisher) => {
      const before = await server.killRedis();
      const acknowledged = publisher.acknowledged.length;
      await eventually('another redis-server runs', async () => {
        const pid = await server.redisPid();
        return pid !== null && pid !== before;
      });
      await eventually('publishing works again', () => publisher.acknowledged.length > acknowledged + 10);
    });
  });

  it('ends with each acknowledged event exactly once when inkwell itself is killed', async () => {
    await survives('inkwell-killed', async (subscriber) => {
      const opened = subscriber.opened;
      await server.kill();
      await server.startAgain();
      await eventually('the subscriber is back', () => subscriber.opened > opened);
    });
  });

  it('serves many subscribers of one channel the same', async () => {
    const subscribers = Array.from({ length: 20 }, () => new Subscriber(server, 'many'));
    await eventually('all are open', () => subscribers.every(({ opened }) => opened > 0));
    const publisher = new Publisher(server, 'many');
    await eventually('some are published', () => publisher.acknowledged.length >= 100);
    await publisher.stop();
    for (const subscriber of subscribers) {
      await caughtUp(subscriber, publisher);
      subscriber.close();
      assertWhole(subscriber.received, publisher.acknowledged);
    }
  });
});
