// An own domain: claimed, its records put into DNS as the page shows them, live without a reload, mail in and out that is signed.
import assert from "node:assert/strict";
import { signIn, titled } from "./journeys.mjs";
import { signatures } from "./dkim.mjs";
import { pause } from "./dns.mjs";
import { inbox, send } from "./mail.mjs";
import { HOST, Served } from "./served.mjs";

// What an open page looks every so often for (WATCH_PAUSE_MS of the portal, and its own pause).
const SEEN_MS_MAX = 45_000;
const OUTSIDE = "friend@elsewhere.example";
const PASSWORD = "a long enough password";
// What stood there before: mail goes to an old host, and SPF allows it alone.
const BEFORE = 'old TXT "kept"\n@ MX 5 mx.old-host.example.\n@ TXT "v=spf1 include:old-host.example -all"';

// The records as somebody reads them off the page.
async function shown(page) {
  return page.locator(".records > li").evaluateAll((rows) => rows.map((row) => ({
    type: row.querySelector(".kind").textContent.trim(),
    name: row.querySelector("h3 code").textContent.trim(),
    values: [...row.querySelectorAll(".copy code[data-value]")].map((code) => code.textContent),
    status: row.querySelector(".record-head .state").textContent.trim(),
  })));
}

const record = (page, type, name) => page.locator(".records > li").filter({ has: page.locator("h3", { hasText: type }) })
  .filter({ has: page.locator("h3 code", { hasText: new RegExp(`^${name.replaceAll(".", "\\.")}$`) }) });

// Waits as a visitor does: with scripts the page turns by itself, without them its button is pressed.
async function comes(page, what, scripts) {
  if (scripts) return what.first().waitFor({ timeout: SEEN_MS_MAX });
  for (const end = Date.now() + SEEN_MS_MAX; ; await pause(500)) {
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("Looked at just now.").waitFor().catch(() => {});
    if (await what.first().isVisible()) return;
    if (Date.now() > end) throw new Error(`it does not come: ${await page.locator("main").innerText()}`);
  }
}

async function claims(page, domain) {
  await page.getByRole("link", { name: "Domains", exact: true }).first().click();
  await page.getByLabel("Domain", { exact: true }).fill(domain);
  await page.getByRole("button", { name: "Add a domain" }).click();
  await titled(page, domain);
  await page.getByText("To be proven").waitFor();
  const records = await shown(page);
  for (const [type, name] of [["TXT", `_posthouse-challenge.${domain}`], ["TXT", domain], ["TXT", `_dmarc.${domain}`], ["MX", domain]]) {
    const found = records.find((r) => r.type === type && r.name === name);
    assert.ok(found?.values.length, `${type} ${name} is shown with its value`);
  }
  return records;
}

// What is copied is what is shown.
async function copies(page, type, name) {
  const row = record(page, type, name);
  const [value] = await row.locator(".copy code[data-value]").allTextContents();
  await row.getByRole("button", { name: `Copy the value of ${type} ${name}` }).click();
  await row.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), value);
}

// A typing error in the proof, an old MX and SPF: the page says of each what is there instead.
async function errs(page, served, domain, scripts) {
  served.zones.put(`_posthouse-challenge.${domain}`, "TXT", ["posthouse-verify=a-typing-error"]);
  const proof = record(page, "TXT", `_posthouse-challenge.${domain}`);
  await comes(page, proof.getByText("Something else is there"), scripts);
  await proof.getByText("posthouse-verify=a-typing-error").first().waitFor();
  await page.getByText("To be proven").first().waitFor();
  const mx = record(page, "MX", domain);
  await mx.getByText("Something else is there").waitFor();
  await mx.getByText("5 mx.old-host.example.").first().waitFor();
  await record(page, "TXT", domain).getByText("v=spf1 include:old-host.example -all").first().waitFor();
  const todo = page.getByRole("region", { name: "Still to be put right" });
  await todo.getByRole("link", { name: `TXT _posthouse-challenge.${domain}` }).waitFor();
  await todo.getByRole("link", { name: `MX ${domain}` }).waitFor();
}

// Everything that the page shows, value by value, into the form of the DNS provider.
async function publishes(page, served, only) {
  for (const { name, type, values } of (await shown(page)).filter(only)) served.zones.put(name, type, values);
}

async function proves(page, served, domain, scripts) {
  await page.evaluate(() => { window.marked = "still here"; }).catch(() => {});
  await publishes(page, served, (r) => r.name.startsWith("_posthouse-challenge."));
  await comes(page, page.getByText("Proven, no mail yet"), scripts);
  await publishes(page, served, () => true);
  await comes(page, page.getByText("Live", { exact: true }), scripts);
  const right = page.getByText("Every record that is needed is as it should be.");
  await comes(page, right, scripts);
  if (scripts) assert.equal(await page.evaluate(() => window.marked), "still here", "the page was not loaded again");
  const wrong = (await shown(page)).filter((r) => r.status !== "As it should be");
  assert.deepEqual(wrong, [], "every record is green");
}

async function mailbox(page, domain) {
  await page.getByRole("link", { name: "Mailboxes", exact: true }).first().click();
  await page.getByRole("link", { name: "New mailbox" }).click();
  await page.getByLabel("Address before the @").fill("ann");
  await page.getByLabel("Name", { exact: true }).fill("Ann Baker");
  await page.getByRole("button", { name: "Create the mailbox" }).click();
  const password = await page.locator(".secret").textContent();
  await titled(page, `ann@${domain}`);
  return { address: `ann@${domain}`, password };
}

async function mails(served, domain, ann) {
  const { sink, ports, zones } = served;
  const message = [
    `From: Ann Baker <${ann.address}>`, `To: ${OUTSIDE}`, "Date: Tue, 03 Mar 2026 10:15:00 +0100", `Message-ID: <1@${domain}>`,
    "Subject:  fresh \t bread ", "", "every  morning \t", ".", "", "",
  ].join("\r\n");
  await send(ports.submissions, { from: ann.address, to: OUTSIDE, message, account: ann, isTls: true });
  const taken = await sink.take(`Message-ID: <1@${domain}>`);
  const found = await signatures(taken, (name) => zones.text(name));
  assert.deepEqual(found.map((s) => s.algorithm).sort(), ["ed25519-sha256", "rsa-sha256"]);
  for (const { domain: of, isGood, of: fields, selector } of found) {
    assert.ok(isGood && of === domain && fields.includes("from"), `the signature of ${selector} is good`);
  }
  const forged = taken.replace("bread", "debts");
  assert.ok((await signatures(forged, (name) => zones.text(name))).every((s) => !s.isGood), "another subject is not signed");
  assert.equal((await inbox(ports.imap, ann)).count, 0);
  await send(ports.smtp, { from: OUTSIDE, to: ann.address, subject: "two loaves" });
  assert.equal((await inbox(ports.imap, ann)).count, 1, "mail comes in");
}

async function walk(pages, demo, domain, scripts) {
  const served = await Served.start(demo.binary, { [domain]: BEFORE });
  try {
    await served.customer("Bakery", "owner@old-host.example", PASSWORD);
    const permissions = scripts ? { permissions: ["clipboard-read", "clipboard-write"] } : { javaScriptEnabled: false };
    const page = await pages.open(permissions);
    await signIn(page, served, "Bakery");
    const records = await claims(page, domain);
    assert.ok(records.some((r) => r.values.some((v) => v.includes(HOST))), "the records lead to this host");
    if (scripts) await copies(page, "TXT", `_posthouse-challenge.${domain}`);
    await errs(page, served, domain, scripts);
    if (scripts) await pages.check("domain-wrong");
    await proves(page, served, domain, scripts);
    if (scripts) await pages.check("domain-live");
    await mails(served, domain, await mailbox(page, domain));
  } finally {
    await served.stop();
  }
}

export const domainJourneys = [
  ["an own domain from its claim to signed mail", (pages, demo) => walk(pages, demo, "bakery-new.example", true)],
  ["an own domain from its claim to signed mail, without scripts", (pages, demo) => walk(pages, demo, "studio-new.example", false)],
];
