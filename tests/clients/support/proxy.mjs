// A TCP proxy in front of a server whose connections can be cut as a lost network cuts them: without a goodbye.
import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
  #sockets = new Set();

  static async start(server) {
    const proxy = new Proxy();
    proxy.listener = net.createServer((client) => {
      const upstream = net.connect(server.port, '127.0.0.1');
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        proxy.#sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          proxy.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.listener.address().port}`;
    return proxy;
  }

  /** Resets every connection there is. */
  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close() {
    this.listener.close();
    this.cut();
  }
}
