// A connection between browser and server that can be cut, or go silently dead, or be slow.

import net from "node:net";
import { once } from "node:events";

export class Proxy {
  // `roundTrip` in milliseconds, half of it each way.
  static async to(port, { roundTrip = 0, bytesPerSecond = Infinity } = {}) {
    const proxy = new Proxy(port, roundTrip / 2, bytesPerSecond);
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.server.unref();
    return proxy;
  }

  constructor(port, delay, bytesPerSecond) {
    Object.assign(this, { delay, bytesPerSecond });
    this.pairs = new Set();
    this.dead = false;
    this.server = net.createServer((near) => this.#join(near, net.connect(port, "127.0.0.1")));
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  // From now on nothing passes on existing connections, and nobody is told. New connections work.
  silence() {
    for (const pair of this.pairs) pair.silent = true;
  }

  // Like `silence`, but for new connections too, until `revive`.
  die() {
    this.dead = true;
    this.silence();
  }

  // New connections work; the ends of the dead ones find out, as when a network comes back.
  revive() {
    this.dead = false;
    for (const pair of this.pairs) {
      if (!pair.silent) continue;
      pair.near.destroy();
      pair.far.destroy();
      this.pairs.delete(pair);
    }
  }

  close() {
    this.server.close();
    for (const { near, far } of this.pairs) {
      near.destroy();
      far.destroy();
    }
  }

  #join(near, far) {
    const pair = { near, far, silent: this.dead };
    this.pairs.add(pair);
    // A failing test leaves it open, and must still be able to end.
    near.unref();
    far.unref();
    const pass = (from, to) => {
      from.on("data", (bytes) => this.#later(pair, to, bytes));
      from.on("error", () => {});
      from.on("close", () => {
        if (pair.silent) return;
        to.destroy();
        this.pairs.delete(pair);
      });
    };
    pass(near, far);
    pass(far, near);
  }

  // What was sent first arrives first; all connections share the line, in each direction.
  #later(pair, to, bytes) {
    const arrive = () => pair.silent || to.destroyed || to.write(bytes);
    if (!this.delay) return arrive();
    const way = to === pair.near ? "in" : "out";
    const begins = Math.max(performance.now(), this.busy?.[way] ?? 0);
    this.busy = { ...this.busy, [way]: begins + (bytes.length / this.bytesPerSecond) * 1_000 };
    setTimeout(arrive, this.busy[way] - performance.now() + this.delay);
  }
}
