// Mail in and out, as programs and other servers speak it: SMTP (RFC 5321), IMAP (RFC 9051), a host that takes everything, and the page
// where the demo shows what it would have sent to the world outside.
import { once } from "node:events";
import { connect as plain, createServer } from "node:net";
import { createInterface } from "node:readline";
import { connect as secure } from "node:tls";

const ANSWER_MS_MAX = 20_000;
const LOOK_MS = 250;

const pause = () => new Promise((go) => setTimeout(go, LOOK_MS));

// A conversation by lines; it fails when the other end leaves or keeps silent. `hear` gives lines to the one that `isLast`.
async function talk(socket, work) {
  socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error("no answer")));
  const lines = createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const hear = async (isLast) => {
    const heard = [];
    do {
      const { value, done } = await lines.next();
      if (done) throw new Error("the connection ended");
      heard.push(value);
    } while (!isLast(heard.at(-1)));
    return heard.join("\n");
  };
  try {
    return await work(hear, (text) => socket.write(`${text}\r\n`));
  } finally {
    socket.destroy();
  }
}

// A message with the fields that everybody expects.
const written = (from, to, subject) =>
  `From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\n` +
  `Message-ID: <${Date.now()}.${from}>\r\n\r\nHello.\r\n`;

// Hands a message over step by step: gives the first answer that refuses, or that to the message. With an account it logs in, over TLS where
// the port speaks it from the first byte.
export async function hand(port, { from, to, subject, message = written(from, to, subject), account, isTls = false }) {
  const socket = isTls ? secure({ port, host: "127.0.0.1", rejectUnauthorized: false }) : plain(port, "127.0.0.1");
  const login = account && Buffer.from(`\0${account.address}\0${account.password}`).toString("base64");
  return talk(socket, async (hear, say) => {
    const answered = () => hear((line) => /^\d{3} /.test(line));
    let answer = await answered();
    for (const said of ["EHLO client.example", ...(login ? [`AUTH PLAIN ${login}`] : []), `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA",
      `${message.replace(/^\./gm, "..")}\r\n.`]) {
      say(said);
      answer = await answered();
      if (!/^[23]/.test(answer)) return answer;
    }
    return answer;
  });
}

// The same; a refusal is an error.
export async function send(port, message) {
  const answer = await hand(port, message);
  if (!answer.startsWith("250")) throw new Error(answer);
}

// How many messages the inbox has, and all of them as text; `null` where the login is refused.
export function inbox(port, account) {
  return session(port, account, async (ask) => {
    const count = Number(/^\* (\d+) EXISTS/m.exec(await ask("b", "EXAMINE INBOX"))?.[1]);
    return { count, text: count ? await ask("c", "FETCH 1:* BODY.PEEK[]") : "" };
  });
}

// Deletes all of an inbox for good.
export function empty(port, account) {
  return session(port, account, async (ask) => {
    await ask("b", "SELECT INBOX");
    await ask("c", "STORE 1:* +FLAGS (\\Deleted)");
    await ask("d", "EXPUNGE");
  });
}

// What is done in a session of a mailbox; null: its password does not open it.
function session(port, { address, password }, what) {
  return talk(plain(port, "127.0.0.1"), async (hear, say) => {
    const ask = (tag, command) => {
      say(`${tag} ${command}`);
      return hear((line) => line.startsWith(`${tag} `));
    };
    await hear((line) => line.startsWith("* "));
    if (!/^a OK/m.test(await ask("a", `LOGIN "${address}" "${password}"`))) return null;
    return what(ask);
  });
}

// Waits until a text stands in an inbox.
export async function arrives(port, account, text) {
  for (const end = Date.now() + ANSWER_MS_MAX; ; await pause()) {
    const found = await inbox(port, account);
    if (found?.text.includes(text)) return;
    if (Date.now() > end) throw new Error(`${text} does not come to ${account.address}: ${found?.text}`);
  }
}

// The latest letter to an address of the world outside whose text has something in it, from the page that a newcomer reads.
export async function letter(page, demo, to, pattern) {
  const outside = await page.context().newPage();
  try {
    for (const end = Date.now() + ANSWER_MS_MAX; ; await pause()) {
      await outside.goto(demo.info.outside_url);
      for (const text of await outside.locator("article", { hasText: `To ${to}` }).allInnerTexts()) {
        const found = text.match(pattern);
        if (found) return found;
      }
      if (Date.now() > end) throw new Error(`no letter to ${to} has ${pattern}: ${await outside.locator("main").innerText()}`);
    }
  } finally {
    await outside.close();
  }
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
