// Mail over plain sockets, as a program at home and a server elsewhere speak it: IMAP (RFC 9051), SMTP (RFC 5321), and the page that shows
// what the demo would have sent to the world outside.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";

const TRIES = 40;
const PAUSE_MS = 500;

const pause = () => new Promise((go) => setTimeout(go, PAUSE_MS));

function talk(socket) {
  const lines = createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the connection ended");
    return value;
  };
  return { next, say: (text) => socket.write(`${text}\r\n`), end: () => socket.destroy() };
}

// The INBOX of an account, as text.
export async function inbox(demo, address, password) {
  const { next, say, end } = talk(connect(demo.info.imap.port, "127.0.0.1"));
  try {
    await next();
    let said = "";
    for (const [tag, command] of [["a", `LOGIN "${address}" "${password}"`], ["b", "SELECT INBOX"], ["c", "FETCH 1:* BODY.PEEK[]"]]) {
      say(`${tag} ${command}`);
      said = "";
      for (;;) {
        const line = await next();
        if (line.startsWith(`${tag} `)) {
          // Nothing is in it yet.
          if (tag === "c" && line.startsWith("c BAD")) return "";
          assert.ok(line.startsWith(`${tag} OK`), `${command.split(" ")[0]}: ${line}`);
          break;
        }
        said += `${line}\n`;
      }
    }
    return said;
  } finally {
    end();
  }
}

// Waits until a text stands in an INBOX.
export async function arrives(demo, address, password, text) {
  let found = "";
  for (let tries = 0; tries < TRIES; tries += 1) {
    found = await inbox(demo, address, password);
    if (found.includes(text)) return found;
    await pause();
  }
  throw new Error(`${text} does not come to ${address}: ${found}`);
}

// Sends a message: from elsewhere at the door for strangers, or from a mailbox with its password.
export async function send(demo, { from, to, subject, password }) {
  const { mx_port: mx, submissions_port: submissions } = demo.info.smtp;
  const socket = password ? connectTls({ port: submissions, host: "127.0.0.1", rejectUnauthorized: false }) : connect(mx, "127.0.0.1");
  const { next, say, end } = talk(socket);
  const expect = async (code) => {
    for (;;) {
      const line = await next();
      assert.ok(line.startsWith(code), `expected ${code}: ${line}`);
      if (line[3] !== "-") return;
    }
  };
  try {
    await expect("220");
    const plain = Buffer.from(`\0${from}\0${password}`).toString("base64");
    const commands = [["EHLO client.example", "250"], ...(password ? [[`AUTH PLAIN ${plain}`, "235"]] : []),
      [`MAIL FROM:<${from}>`, "250"], [`RCPT TO:<${to}>`, "250"], ["DATA", "354"],
      [`From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\n` +
        `Message-ID: <${Date.now()}.${from}>\r\n\r\nHello\r\n.`, "250"], ["QUIT", "221"]];
    for (const [command, code] of commands) {
      say(command);
      await expect(code);
    }
  } finally {
    end();
  }
}

// The latest letter to an address of the world outside whose text has something in it, from the page that a newcomer reads.
export async function letter(page, demo, to, pattern) {
  const outside = await page.context().newPage();
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      await outside.goto(demo.info.outside_url);
      for (const text of await outside.locator("article", { hasText: `To ${to}` }).allInnerTexts()) {
        const found = text.match(pattern);
        if (found) return found;
      }
      await pause();
    }
    throw new Error(`no letter to ${to} has ${pattern}: ${await outside.locator("main").innerText()}`);
  } finally {
    await outside.close();
  }
}
