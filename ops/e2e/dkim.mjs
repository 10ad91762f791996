// Verifies signatures of a message (RFC 6376, relaxed/relaxed; RFC 8463): written from the RFCs, it shares nothing with what signs.
import { createHash, createPublicKey, verify } from "node:crypto";

// The head of a SubjectPublicKeyInfo of Ed25519 (RFC 8410 §10.1).
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");

const tags = (text) => Object.fromEntries(text.split(";").filter((part) => part.includes("=")).map((part) => {
  const at = part.indexOf("=");
  return [part.slice(0, at).trim(), part.slice(at + 1).replace(/\s+/g, "")];
}));

const sha256 = (text) => createHash("sha256").update(text, "latin1").digest();

function relaxedBody(body) {
  const lines = body.split("\r\n").map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, "")).join("\r\n").replace(/(\r\n)+$/, "");
  return lines ? `${lines}\r\n` : "";
}

function relaxed(field) {
  const at = field.indexOf(":");
  const value = field.slice(at + 1).replace(/\r\n/g, "").replace(/[ \t]+/g, " ").trim();
  return `${field.slice(0, at).trim().toLowerCase()}:${value}`;
}

function publicKey(record) {
  const key = Buffer.from(record.p, "base64");
  return createPublicKey({ key: record.k === "ed25519" ? Buffer.concat([ED25519_SPKI, key]) : key, format: "der", type: "spki" });
}

// Domain, selector and algorithm of each signature of a message, with whether it is good. `text` gives the TXT records of a name.
export async function signatures(message, text) {
  const split = message.indexOf("\r\n\r\n");
  const fields = message.slice(0, split).split(/\r\n(?![ \t])/);
  const named = (field) => field.slice(0, field.indexOf(":")).trim().toLowerCase();
  const found = [];
  for (const field of fields.filter((f) => named(f) === "dkim-signature")) {
    const signed = tags(field.slice(field.indexOf(":") + 1));
    if (signed.c !== "relaxed/relaxed" || signed.l) throw new Error(`not relaxed/relaxed, or cut short: ${signed.c} ${signed.l}`);
    const left = fields.filter((f) => f !== field).reverse();
    const chosen = signed.h.split(":").map((name) => {
      const at = left.findIndex((f) => named(f) === name.toLowerCase());
      return at < 0 ? undefined : left.splice(at, 1)[0];
    });
    const own = relaxed(field.replace(/([;\s]b=)[^;]*/, "$1"));
    const data = chosen.filter((f) => f !== undefined).map((f) => `${relaxed(f)}\r\n`).join("") + own;
    const record = tags((await text(`${signed.s}._domainkey.${signed.d}`))[0]);
    const bytes = Buffer.from(data, "latin1");
    const signature = Buffer.from(signed.b, "base64");
    const isGood = sha256(relaxedBody(message.slice(split + 4))).toString("base64") === signed.bh && (signed.a === "rsa-sha256"
      ? verify("sha256", bytes, publicKey(record), signature)
      : signed.a === "ed25519-sha256" && verify(null, sha256(data), publicKey(record), signature));
    found.push({ domain: signed.d, selector: signed.s, algorithm: signed.a, isGood, of: signed.h.toLowerCase().split(":") });
  }
  return found;
}
