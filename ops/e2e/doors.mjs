// The doors of a mail server, as a mail program and another server use them: submission, the MX port, a mailbox over IMAP.
import { connect } from "node:net";
import { createInterface } from "node:readline";

// A connection that says lines and hears answers; `last` tells the line that ends one.
class Line {
  constructor(port, last) {
    this.socket = connect(port, "127.0.0.1");
    this.lines = createInterface({ input: this.socket })[Symbol.asyncIterator]();
    this.last = last;
  }

  async hear() {
    const heard = [];
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) return heard.join("\n");
      heard.push(value);
      if (this.last(value)) return heard.join("\n");
    }
  }

  async say(text) {
    this.socket.write(`${text}\r\n`);
    return this.hear();
  }

  end() {
    this.socket.destroy();
  }
}

// Hands a message to SMTP step by step; gives the first answer that is a refusal, or that to the message.
async function smtp(port, { from, to, auth, subject }) {
  const line = new Line(port, (text) => /^\d{3} /.test(text));
  try {
    await line.hear();
    await line.say("EHLO client.example");
    const plain = auth && Buffer.from(`\0${auth.address}\0${auth.password}`).toString("base64");
    const text = `From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\n\r\nHello.\r\n.`;
    let answer = "";
    for (const said of [...(plain ? [`AUTH PLAIN ${plain}`] : []), `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA", text]) {
      answer = await line.say(said);
      if (!/^[23]/.test(answer)) return answer;
    }
    return answer;
  } finally {
    line.end();
  }
}

// What the server says to a message that a user submits.
export const submit = (demo, account, to, subject) =>
  smtp(demo.info.smtp.submission_port, { from: account.address, to, auth: account, subject });

// What the server says to mail from elsewhere.
export const arrive = (demo, to, subject) => smtp(demo.info.smtp.mx_port, { from: "friend@elsewhere.example", to, subject });

// How many messages the inbox has; null where the login is refused.
export async function inbox(demo, account) {
  let tag = "";
  const line = new Line(demo.info.imap.port, (text) => text.startsWith(tag ? `${tag} ` : "* "));
  try {
    await line.hear();
    tag = "a";
    if (!(await line.say(`a LOGIN "${account.address}" "${account.password}"`)).includes("a OK")) return null;
    tag = "b";
    return Number((await line.say("b EXAMINE INBOX")).match(/\* (\d+) EXISTS/)?.[1]);
  } finally {
    line.end();
  }
}
