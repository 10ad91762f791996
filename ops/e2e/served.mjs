// `posthouse serve` with a configuration of its own, beside a DNS server and a host that takes what goes out.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Demo } from "./demo.mjs";
import { Zones, free, pause } from "./dns.mjs";
import { Sink } from "./mail.mjs";

const READY_MS_MAX = 60_000;
export const HOST = "mail.host.example";

export class Served extends Demo {
  // `zones` as of Zones.
  static async start(binary, zones) {
    const served = new Served(binary, mkdtempSync(join(tmpdir(), "posthouse-served-")));
    try {
      await served.begin(zones);
    } catch (error) {
      const log = readFileSync(join(served.data, "log"), { encoding: "utf8", flag: "a+" }).slice(-2000);
      await served.stop();
      throw new Error(`${error.message}\n${log}`, { cause: error });
    }
    return served;
  }

  async begin(zones) {
    [this.zones, this.sink] = [new Zones(this.data, zones), new Sink()];
    await Promise.all([this.zones.start(), this.sink.start()]);
    this.ports = {};
    for (const door of ["http", "smtp", "submissions", "imap"]) this.ports[door] = await free();
    const portal = `http://localhost:${this.ports.http}`;
    const config = join(this.data, "posthouse.toml");
    writeFileSync(config, `hostname = "${HOST}"
data = "${this.data}/data"
plain_auth = true
portal = "${portal}"
[listen]
${Object.entries(this.ports).map(([door, port]) => `${door} = "127.0.0.1:${port}"`).join("\n")}
[dns]
resolvers = ["127.0.0.1:${this.zones.port}", "127.0.0.2:${this.zones.port}"]
authoritative_port = ${this.zones.port}
private_addresses = true
[smart_host]
host = "127.0.0.1"
port = ${this.sink.port}
tls = "opportunistic"
`);
    const log = openSync(join(this.data, "log"), "a");
    this.process = spawn(this.binary, ["serve", "--config", config], { stdio: ["ignore", log, log] });
    this.info = { graphql_url: `${portal}/graphql`, portal_url: `${portal}/`, imap: { port: this.ports.imap }, tenants: [] };
    const token = join(this.data, "data", "operator.token");
    for (const end = Date.now() + READY_MS_MAX; ; await pause(100)) {
      if (this.process.exitCode !== null || Date.now() > end) throw new Error("posthouse serve is not ready");
      if (existsSync(token) && await fetch(`${portal}/healthz`).then((r) => r.ok, () => false)) break;
    }
    this.operator = readFileSync(token, "utf8").trim();
  }

  async mutate(token, name, kind, fields, input) {
    const { r } = await this.ask(token, `mutation($i: ${kind}!) { r: ${name}(input: $i) { ${fields} userErrors { field message code } } }`, { i: input });
    if (r.userErrors.length) throw new Error(`${name}: ${JSON.stringify(r.userErrors)}`);
    return r;
  }

  // A customer with an owner who signs in to the portal, and nothing else.
  async customer(name, address, password) {
    const made = await this.mutate(this.operator, "tenantCreate", "TenantCreateInput", "tenant { id } token",
      { name, maxDomains: 5, maxMailboxes: 50, storageBytesMax: "53687091200" });
    const { id } = made.tenant;
    const invited = await this.mutate(made.token, "memberInvite", "MemberInviteInput", "secret",
      { tenantId: id, email: address, role: "owner", idempotencyKey: `owner of ${name}` });
    await this.mutate(made.token, "invitationAccept", "InvitationAcceptInput", "",
      { secret: invited.secret, name: `Owner of ${name}`, password });
    this.info.tenants.push({ id, name, token: made.token, people: [{ address, password }] });
  }

  async stop() {
    await super.stop();
    await this.zones?.stop();
    this.sink?.stop();
    rmSync(this.data, { recursive: true, force: true });
  }
}
