// The real `inkwell serve` as a child of the test, on a loopback port the kernel picks and a data directory of its own,
// with its own embedded redis-server. $INKWELL_BINARY names the program; ./dev test sets it.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;
const started = new Set();
process.on('exit', () => started.forEach((server) => server.child?.kill('SIGKILL')));

export class Inkwell {
  /** @param {{args?: string[], env?: Record<string, string>}} [setup] flags after those below; variables beside INKWELL_* */
  static async start(setup = {}) {
    const server = new Inkwell();
    server.setup = setup;
    server.dataDirectory = await mkdtemp(join(tmpdir(), 'inkwell-clients-'));
    server.log = '';
    started.add(server);
    await server.startAgain();
    return server;
  }

  /** Starts on the same data directory, on the port it had before, so that clients that reconnect find it. */
  async startAgain() {
    const binary = process.env.INKWELL_BINARY;
    if (!binary) throw new Error('INKWELL_BINARY is not set; ./dev test sets it');
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('INKWELL_')));
    const args = ['serve', '--listen', `127.0.0.1:${this.port ?? 0}`, '--data-dir', this.dataDirectory];
    this.child = spawn(binary, [...args, ...(this.setup.args ?? [])], {
      env: { ...env, ...this.setup.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = once(this.child, 'exit');
    this.child.stderr.on('data', (text) => (this.log += text));
    this.url = await this.#listening();
    this.port = Number(new URL(this.url).port);
  }

  #listening() {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`inkwell serve ${why}; it wrote:\n${this.log}`));
      const timer = setTimeout(() => fail('did not start in time'), START_LIMIT_MS);
      this.child.once('error', (error) => fail(error.message));
      this.child.once('exit', (code, signal) => fail(`ended (${signal ?? code}) before it listened`));
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        const found = /^inkwell listening on (http:\/\/\S+)/.exec(line);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1]);
      });
    });
  }

  /** SIGTERM; resolves with the exit code once it has ended. */
  async stop() {
    return this.#end('SIGTERM');
  }

  /** SIGKILL: no chance to say goodbye. */
  async kill() {
    await this.#end('SIGKILL');
  }

  async #end(signal) {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    const [code] = await this.ended;
    clearTimeout(timer);
    return code;
  }

  /** Stops it and removes its data. */
  async remove() {
    await this.stop();
    started.delete(this);
    await rm(this.dataDirectory, { recursive: true, force: true });
  }

  /** The process id of its redis-server, or null while there is none. */
  async redisPid() {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      if (new RegExp(`^PPid:\\s+${this.child.pid}$`, 'm').test(status) && /^Name:\s+(redis|valkey)/m.test(status)) {
        return Number(pid);
      }
    }
    return null;
  }

  async killRedis() {
    const pid = await this.redisPid();
    if (pid === null) throw new Error('inkwell has no redis-server child');
    process.kill(pid, 'SIGKILL');
    return pid;
  }
}
