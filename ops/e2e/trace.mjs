// Outgoing mail in the portal: what became of a message, one that waits, put aside, let go on and cancelled; the queue of all below.
import assert from "node:assert/strict";
import { operates } from "./console.mjs";
import { signIn, titled } from "./journeys.mjs";
import { arrives, send } from "./mail.mjs";

const panel = (page, title) => page.locator("section.panel", { has: page.getByRole("heading", { name: title, exact: true }) });

// The page again until it says so: mail takes its moment.
async function until(page, path, locator) {
  for (const end = Date.now() + 20_000; ; await page.waitForTimeout(300)) {
    await page.goto(path);
    if (await locator.count()) return locator.first();
    assert.ok(Date.now() < end, `${path}: ${await page.locator("main").innerText()}`);
  }
}

async function submits(demo, account, to, subject) {
  await send(demo.info.smtp.submissions_port, { from: account.address, to, subject, account, isTls: true });
}

async function follows(pages, demo, tenant, options) {
  const page = await pages.open(options);
  const [account] = demo.tenant(tenant).accounts;
  const trace = `${demo.info.portal_url}trace`;
  await signIn(page, demo, tenant);
  await submits(demo, account, `friend@${tenant.toLowerCase()}-friends.example`, "An order");
  await (await until(page, `${trace}?state=ended&recipient=friend@${tenant.toLowerCase()}-friends.example`, page.getByRole("link", { name: /^friend@/ }))).click();
  await titled(page, "A message on its way");
  await page.getByText("Taken by the other server").first().waitFor();
  await page.getByText("250 OK").first().waitFor();
  const late = `later@${tenant.toLowerCase()}-friends.example`;
  await submits(demo, account, late, "Another order");
  await (await until(page, `${trace}?state=waiting&recipient=${late}`, page.getByRole("link", { name: late }))).click();
  await titled(page, "A message on its way");
  const item = page.url().split("?")[0];
  await until(page, item, page.getByText("This mailbox takes nothing for now"));
  if (options.javaScriptEnabled !== false) await pages.check("trace-item");
  await panel(page, "Put it aside").getByLabel("Reason").fill("The address is wrong.");
  await panel(page, "Put it aside").getByRole("button", { name: "Put it aside" }).click();
  await page.getByText("Put aside", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Let it go on" }).click();
  await until(page, item, page.getByText("Waiting for its next attempt"));
  await page.getByRole("link", { name: "Cancel a message" }).click();
  if (options.javaScriptEnabled !== false) await pages.check("trace-cancel");
  await page.getByLabel("Reason").fill("Ordered twice.");
  await page.getByRole("button", { name: "Cancel it" }).click();
  await until(page, item, page.getByText("Not delivered"));
  await arrives(demo.info.imap.port, account, "Ordered twice.");
  const { auditEntries } = await demo.ask(demo.tenant(tenant).token, "query($t: ID!) { auditEntries(tenantId: $t, filter: { action: \"queueItemCancel\" }, first: 1) { nodes { detail } } }", { t: demo.tenant(tenant).id });
  assert.match(auditEntries.nodes[0].detail, /Ordered twice/);
}

// The provider's people see how mail goes; who writes to whom is shown when the tenant lets them in.
async function sees(pages, demo) {
  const page = await pages.open();
  const [account] = demo.tenant("Studio").accounts;
  await submits(demo, account, "later@secret-friends.example", "Hush");
  await operates(page, demo);
  const queue = `${demo.info.portal_url}sell/queue`;
  const row = await until(page, `${queue}?domain=secret-friends.example`, page.getByRole("link", { name: "…@secret-friends.example" }));
  await pages.check("queue");
  await row.click();
  await titled(page, "A message on its way");
  await until(page, page.url(), page.getByText("takes nothing for now"));
  assert.ok(!(await page.locator("main").innerText()).includes("later@"));
  await pages.check("queue-item");
  await page.goto(`${queue}?recipient=later@secret-friends.example`);
  await page.getByText("seen with the tenant's consent only", { exact: false }).waitFor();
}

export const traceJourneys = [
  ["outgoing mail is followed, put aside and cancelled, with scripts", (pages, demo) => follows(pages, demo, "Bakery", {})],
  ["outgoing mail is followed, put aside and cancelled, without scripts", (pages, demo) => follows(pages, demo, "Studio", { javaScriptEnabled: false })],
  ["the provider's people see the queue, and nobody's correspondents", sees],
];
