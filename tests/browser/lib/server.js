// A running snug with its own PostgreSQL, on a port that stays the same across restarts.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { createInterface } from "node:readline";
import path from "node:path";
import { DEADLINE_MS } from "./until.js";

const { PATH, SNUG_PG_BINDIR } = process.env;
const ENVIRONMENT = SNUG_PG_BINDIR ? { PATH, SNUG_PG_BINDIR } : { PATH };

export class Server {
  static async start(settings = {}) {
    const scratch = mkdtempSync(path.join(process.env.SNUG_SCRATCH, "server-"));
    chmodSync(scratch, 0o711);
    const server = new Server(scratch, settings);
    await server.#start("127.0.0.1:0");
    return server;
  }

  constructor(scratch, settings) {
    this.scratch = scratch;
    this.settings = settings;
    this.broken = [];
    this.expected = [];
  }

  get url() {
    return `http://${this.address}`;
  }

  get port() {
    return Number(this.address.split(":")[1]);
  }

  // Errors that it may log from now on, because the test provokes them.
  expects(pattern) {
    this.expected.push(pattern);
  }

  // Queries its PostgreSQL directly.
  query(statement) {
    const psql = SNUG_PG_BINDIR ? path.join(SNUG_PG_BINDIR, "psql") : "psql";
    const socket = path.join(this.scratch, "data", "postgres");
    execFileSync(psql, ["--host", socket, "--username", "snug", "--quiet", "--command", statement, "snug"]);
  }

  // Kills it without a chance to shut down.
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async restart() {
    await this.#start(this.address);
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill("SIGTERM");
      await this.ended;
    }
    rmSync(this.scratch, { recursive: true, force: true });
    assert.deepEqual(this.broken, [], "the server says that something broke");
  }

  // Resolves when the server says where it serves.
  #start(listen) {
    const data = path.join(this.scratch, "data");
    this.child = spawn(process.env.SNUG, ["--listen", listen, "--data-dir", data], {
      env: { ...ENVIRONMENT, HOME: this.scratch, SNUG_RATE_LIMITS: "off", ...this.settings },
      stdio: ["ignore", "ignore", "pipe"],
    });
    writeFileSync(path.join(this.scratch, "snug.pid"), `${this.child.pid}\n`);
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.log = [];
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(this.log.join("\n"))), DEADLINE_MS);
      this.ended.then(() => reject(new Error(`snug ended:\n${this.log.join("\n")}`)));
      createInterface({ input: this.child.stderr }).on("line", (line) => {
        this.log.push(line);
        if (/\bERROR\b|panicked/.test(line) && !this.expected.some((pattern) => pattern.test(line))) this.broken.push(line);
        const address = /serving.*?(127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (!address) return;
        clearTimeout(late);
        this.address = address;
        resolve();
      });
    });
  }
}
