// The two ends of a channel: a publisher that remembers what was acknowledged, and npm's EventSource that remembers what
// it was sent.
import { EventSource } from 'eventsource';

export const eventsUrl = (server, channel) => `${server.url}/v1/channels/${channel}/events`;

/** Publishes once and returns the acknowledgement; throws when there is none. */
export async function publish(server, channel, event) {
  const response = await fetch(eventsUrl(server, channel), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(10_000),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`publish: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

/**
 * Publishes numbered events one after the other until stopped. One that is not acknowledged (refused, or the connection
 * broke) is not sent again: whether it happened is unknown, and the next has a new number.
 */
export class Publisher {
  acknowledged = [];
  refused = 0;
  #stopping = false;
  #running;

  constructor(server, channel) {
    this.#running = this.#run(server, channel);
  }

  async #run(server, channel) {
    for (let number = 0; !this.#stopping; ++number) {
      try {
        const { id } = await publish(server, channel, { data: `event ${number}` });
        this.acknowledged.push({ id, data: `event ${number}` });
      } catch {
        this.refused += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async stop() {
    this.#stopping = true;
    await this.#running;
  }
}

/** An EventSource, by way of `server.url` (a server or a Proxy), that reconnects by itself and so resumes by Last-Event-ID. */
export class Subscriber {
  received = [];
  opened = 0;
  cursors = []; // the Last-Event-ID of each connection

  constructor(server, channel, types = []) {
    const request = (url, init) => {
      this.cursors.push(init.headers['Last-Event-ID']);
      return fetch(url, init);
    };
    this.source = new EventSource(eventsUrl(server, channel), { fetch: request });
    this.source.onopen = () => (this.opened += 1);
    const remember = ({ type, data, lastEventId }) => this.received.push({ type, data, id: lastEventId });
    for (const type of ['message', 'inkwell.gap', ...types]) this.source.addEventListener(type, remember);
  }

  close() {
    this.source.close();
  }
}
