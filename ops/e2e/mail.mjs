// Mail in and out: submission, delivery, a host that takes everything, the inbox over IMAP.
import { once } from "node:events";
import { connect as plain, createServer } from "node:net";
import { createInterface } from "node:readline";
import { connect as secure } from "node:tls";

const ANSWER_MS_MAX = 20_000;

// A conversation by lines; it fails when the other end leaves or keeps silent.
async function talk(socket, work) {
  socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error("no answer")));
  const lines = createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the connection ended");
    return value;
  };
  try {
    return await work(line, (text) => socket.write(`${text}\r\n`));
  } finally {
    socket.destroy();
  }
}

async function session(socket, commands) {
  return talk(socket, async (line, say) => {
    for (const [command, expected] of [[undefined, "220"], ...commands, ["QUIT", "221"]]) {
      if (command !== undefined) say(command);
      let answer = await line();
      while (answer[3] === "-") answer = await line();
      if (!answer.startsWith(expected)) throw new Error(`${String(command).slice(0, 40)}: ${answer}`);
    }
  });
}

const sent = (from, to, message) => [
  [`MAIL FROM:<${from}>`, "250"], [`RCPT TO:<${to}>`, "250"], ["DATA", "354"],
  [`${message.replace(/^\./gm, "..")}\r\n.`, "250"],
];

// As a mail program does, over TLS.
export async function submit(port, { address, password }, to, message) {
  const token = Buffer.from(`\0${address}\0${password}`).toString("base64");
  const socket = secure({ port, host: "127.0.0.1", rejectUnauthorized: false });
  return session(socket, [["EHLO client.example", "250"], [`AUTH PLAIN ${token}`, "235"], ...sent(address, to, message)]);
}

// As another host does.
export async function deliver(port, from, to, message) {
  return session(plain(port, "127.0.0.1"), [["EHLO elsewhere.example", "250"], ...sent(from, to, message)]);
}

// How many messages are in the inbox.
export async function inbox(port, { address, password }) {
  return talk(plain(port, "127.0.0.1"), async (line, say) => {
    await line();
    let found = -1;
    for (const command of [`a LOGIN "${address}" "${password}"`, "a EXAMINE INBOX"]) {
      say(command);
      for (let answer = await line(); ; answer = await line()) {
        found = /^\* (\d+) EXISTS/.exec(answer)?.[1] ?? found;
        if (answer.startsWith("a OK")) break;
        if (answer.startsWith("a ")) throw new Error(answer);
      }
    }
    return Number(found);
  });
}

// A host for outgoing mail that takes everything and keeps it, as it came over the wire.
export class Sink {
  messages = [];

  async start() {
    this.sockets = new Set();
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.sockets.delete(socket));
      this.#serve(socket);
    }).listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
  }

  #serve(socket) {
    let [rest, body] = ["", undefined];
    socket.setEncoding("latin1").write("220 sink\r\n");
    socket.on("data", (data) => {
      rest += data;
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (body) {
          if (line !== ".") body.push(line.replace(/^\./, ""));
          else [body] = [void this.messages.push(`${body.join("\r\n")}\r\n`), socket.write("250 ok\r\n")];
        } else if (/^EHLO/i.test(line)) socket.write("250-sink\r\n250 8BITMIME\r\n");
        else if (/^DATA/i.test(line)) [body] = [[], socket.write("354 go on\r\n")];
        else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  }

  // The message with this in it, in Latin-1: a character is a byte.
  async take(part) {
    for (const end = Date.now() + ANSWER_MS_MAX; ; await new Promise((go) => setTimeout(go, 50))) {
      const at = this.messages.findIndex((message) => message.includes(part));
      if (at >= 0) return this.messages.splice(at, 1)[0];
      if (Date.now() > end) throw new Error(`${part} was not sent`);
    }
  }

  stop() {
    for (const socket of this.sockets ?? []) socket.destroy();
    this.server?.close();
  }
}
