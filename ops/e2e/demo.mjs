// A running `posthouse demo --json`: its addresses and logins, its API, a login over IMAP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const READY_MS_MAX = 60_000;

export class Demo {
  constructor(binary, data) {
    this.binary = binary;
    this.data = data;
  }

  async start() {
    this.process = spawn(this.binary, ["demo", "--json", "--data", this.data], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = createInterface({ input: this.process.stdout });
    const line = once(lines, "line");
    const ended = once(this.process, "exit").then(() => { throw new Error("the demo ended before it was ready"); });
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error("the demo is not ready")), READY_MS_MAX).unref());
    this.info = JSON.parse((await Promise.race([line, ended, late]))[0]);
    ended.catch(() => {});
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    await ended;
  }

  tenant(name) {
    return this.info.tenants.find((t) => t.name === name);
  }

  // The data of an operation, with a token of the API, or with none.
  async ask(token, query, variables = {}) {
    const response = await fetch(this.info.graphql_url, {
      method: "POST",
      headers: { ...(token && { Authorization: `Bearer ${token}` }), "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const answer = await response.json();
    if (!answer.data) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  }

  // Whether a mailbox opens over IMAP with a password.
  async opens(address, password) {
    const socket = connect(this.info.imap.port, "127.0.0.1");
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    await lines.next();
    socket.write(`a LOGIN "${address}" "${password}"\r\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done || value.startsWith("a ")) {
        socket.destroy();
        return Boolean(value?.startsWith("a OK"));
      }
    }
  }
}
