// A DNS server on loopback that a customer changes as at a provider's form: name, type, value. It is knotd, over RFC 2136.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const SECRET = randomBytes(32).toString("base64");
const READY_MS_MAX = 20_000;
const TTL_SECONDS = 60;
// Of one string of a TXT record (RFC 1035 §3.3).
const STRING_BYTES_MAX = 255;

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// A port that is free for UDP and TCP on both addresses of resolvers.
export async function free() {
  for (;;) {
    const opened = [];
    try {
      const first = createServer().listen(0, "127.0.0.1");
      opened.push(first);
      await once(first, "listening");
      const { port } = first.address();
      opened.push(createServer().listen(port, "127.0.0.2"));
      await once(opened[1], "listening");
      for (const host of ["127.0.0.1", "127.0.0.2"]) {
        const socket = createSocket("udp4").bind(port, host);
        opened.push(socket);
        await once(socket, "listening");
      }
      return port;
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    } finally {
      for (const socket of opened) socket.close();
    }
  }
}

const zone = (name, rows) => `$ORIGIN ${name}.
$TTL ${TTL_SECONDS}
@ SOA ns.host.example. admin.host.example. 1 3600 900 604800 ${TTL_SECONDS}
@ NS ns.host.example.
${rows}
`;

export class Zones {
  // `zones` are names with the rows that stand there before.
  constructor(folder, zones) {
    this.folder = folder;
    this.zones = { ...zones, "host.example": "ns A 127.0.0.1\nmail A 127.0.0.1" };
  }

  async start() {
    this.port = await free();
    const listed = Object.entries(this.zones).map(([name, rows]) => {
      const file = join(this.folder, `${name}.zone`);
      writeFileSync(file, zone(name, rows));
      return `  - domain: ${name}\n    file: ${file}\n    acl: update`;
    });
    const config = join(this.folder, "knot.conf");
    writeFileSync(config, `server:
  rundir: ${this.folder}
  listen: [127.0.0.1@${this.port}, 127.0.0.2@${this.port}]
database:
  storage: ${this.folder}
key:
  - id: form
    algorithm: hmac-sha256
    secret: "${SECRET}"
acl:
  - id: update
    key: form
    action: update
zone:
${listed.join("\n")}
`);
    const log = openSync(join(this.folder, "knot.log"), "a");
    this.process = spawn("knotd", ["-c", config], { stdio: ["ignore", log, log] });
    this.resolver = new Resolver({ timeout: 500, tries: 1 });
    this.resolver.setServers([`127.0.0.1:${this.port}`]);
    for (const end = Date.now() + READY_MS_MAX; ; await pause(50)) {
      if (await this.resolver.resolveSoa("host.example").catch(() => undefined)) return;
      if (this.process.exitCode !== null || Date.now() > end) throw new Error(`knotd is not ready: see ${this.folder}/knot.log`);
    }
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    await ended;
  }

  // What the form of a provider does: these values are all that the name has of the type.
  put(name, type, values) {
    const owner = Object.keys(this.zones).find((z) => name === z || name.endsWith(`.${z}`));
    if (!owner) throw new Error(`${name} is in no zone here`);
    const adds = values.map((value) => `update add ${name}. ${TTL_SECONDS} ${type} ${written(type, value)}`);
    const input = [`server 127.0.0.1 ${this.port}`, `zone ${owner}.`, `update delete ${name}. ${type}`, ...adds, "send", ""].join("\n");
    const done = spawnSync("knsupdate", ["-y", `hmac-sha256:form:${SECRET}`], { input, encoding: "utf8", timeout: READY_MS_MAX });
    if (done.status !== 0) throw new Error(`knsupdate: ${done.stdout}${done.stderr}`);
  }

  async text(name) {
    const found = await this.resolver.resolveTxt(name);
    return found.map((strings) => strings.join(""));
  }
}

// As a zone file has it: a long text in several strings.
function written(type, value) {
  if (type !== "TXT") return value;
  const strings = value.match(new RegExp(`.{1,${STRING_BYTES_MAX}}`, "gs")) ?? [""];
  return strings.map((s) => `"${s.replace(/["\\]/g, "\\$&")}"`).join(" ");
}
