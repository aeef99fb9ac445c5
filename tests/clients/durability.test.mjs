// What was acknowledged is still there after a restart, orderly or not, of everything.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { Inkwell } from './support/inkwell.mjs';
import { eventsUrl, publish } from './support/channel.mjs';
import { eventually } from './support/wait.mjs';

describe('a restart', () => {
  let server;
  let client;
  before(async () => {
    server = await Inkwell.start();
    client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 });
  });
  after(() => server?.remove());

  async function write(name) {
    const items = [{ role: 'user', content: `said before ${name}` }];
    const conversation = await client.conversations.create({ metadata: { name }, items });
    const events = [];
    for (let i = 0; i < 5; ++i) events.push((await publish(server, name, { data: `event ${i}` })).id);
    return { conversation, events };
  }

  async function assertThere(name, { conversation, events }) {
    const found = await eventually('the conversation is read', () =>
      client.conversations.retrieve(conversation.id).catch(() => null),
    );
    assert.deepEqual(found, conversation);
    const { data } = await client.conversations.items.list(conversation.id);
    assert.deepEqual(data.map((item) => item.content[0].text), [`said before ${name}`]);
    const response = await fetch(eventsUrl(server, name), { headers: { accept: 'application/json' } });
    const history = await response.json();
    assert.deepEqual(history.data.map(({ id }) => id), events);
  }

  it('in order, by SIGTERM, exits with 0 and keeps everything', async () => {
    const written = await write('sigterm');
    assert.equal(await server.stop(), 0);
    await server.startAgain();
    await assertThere('sigterm', written);
  });

  it('by SIGKILL of inkwell takes its redis-server along and keeps everything', async () => {
    const written = await write('sigkill');
    const redis = await server.redisPid();
    await server.kill();
    await eventually('its redis-server is gone', () => {
      try {
        process.kill(redis, 0);
        return false;
      } catch {
        return true;
      }
    });
    await server.startAgain();
    await assertThere('sigkill', written);
  });

  it('of the redis-server alone keeps everything', async () => {
    const written = await write('redis');
    const killed = await server.killRedis();
    await eventually('another runs', async () => ![null, killed].includes(await server.redisPid()));
    await assertThere('redis', written);
  });
});
