// A stranger becomes a customer: free and paid, with scripts, without, and by keyboard; and what happens to who goes astray.
import assert from "node:assert/strict";
import { titled } from "./journeys.mjs";
import { arrives, letter, send } from "./mail.mjs";

const MINUTES_2_MS = 120_000;
// Who has no script waits; a little more than the page says.
const MARGIN_MS = 1_500;
// Each signup of a network doubles the work of the next one.
const PROOF_MS_MAX = 110_000;
const DOMAIN = "posthouse.example";
const FRIEND = "friend@elsewhere.example";

const main = (page) => page.locator("main");
const password = (local) => `a sentence of ${local} that nobody knows`;
const contact = (local) => `${local}@elsewhere.example`;

// Sends the first form once its proof is there, or once it was waited for.
async function begin(page, isScripted) {
  const button = page.getByRole("button", { name: "Go on" });
  if (!isScripted) {
    const [, seconds] = (await page.locator("[data-wait]").innerText()).match(/wait (\d+)/);
    await page.waitForTimeout(Number(seconds) * 1000 + MARGIN_MS);
  }
  await button.click({ timeout: PROOF_MS_MAX });
}

async function fromTheLandingPage(page, demo) {
  await page.goto(demo.info.portal_url);
  await page.getByRole("link", { name: "Sign up" }).first().click();
  await titled(page, "Sign up");
}

// From nothing to the choice of a plan.
export async function proves(page, demo, local, isScripted, look) {
  await fromTheLandingPage(page, demo);
  await look?.("signup-begin");
  await page.getByLabel("Your address", { exact: true }).fill(local);
  await begin(page, isScripted);
  await page.getByLabel("Your address elsewhere").waitFor();
  await look?.("signup-contact");
  await page.getByLabel("Your address elsewhere").fill(contact(local));
  await page.getByRole("button", { name: "Mail me a code" }).click();
  await page.getByLabel("Code", { exact: true }).waitFor();
  await look?.("signup-code");
  const [, code] = await letter(page, demo, contact(local), /^\s*(\d{8})\s*$/m);
  await page.getByLabel("Code", { exact: true }).fill(code);
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("group", { name: "Plan" }).waitFor();
  await look?.("signup-plan");
}

async function choosesPassword(page, local, look) {
  await page.getByLabel("New password").waitFor();
  await look?.("signup-password");
  await page.getByLabel("New password").fill(password(local));
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByText("Done. Sign in").waitFor();
  await look?.("signup-done");
}

// Mail comes in, and a reply goes out: to a neighbour and to the world outside.
async function mailWorks(page, demo, local) {
  const { imap, smtp } = demo.info;
  const own = { address: `${local}@${DOMAIN}`, password: password(local) };
  await send(smtp.mx_port, { from: FRIEND, to: own.address, subject: `Hello ${local}` });
  await arrives(imap.port, own, `Subject: Hello ${local}`);
  await arrives(imap.port, own, "Subject: Welcome to");
  const anna = demo.tenant("Bakery").accounts.find((a) => a.address.startsWith("anna@"));
  const submit = (to, subject) => send(smtp.submissions_port, { from: own.address, to, subject, account: own, isTls: true });
  await submit(anna.address, `From ${local}`);
  await arrives(imap.port, anna, `Subject: From ${local}`);
  await submit(FRIEND, `Re: Hello ${local}`);
  await letter(page, demo, FRIEND, new RegExp(`Re: Hello ${local}`));
}

async function signsIn(page, local) {
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await titled(page, "Sign in");
  await page.getByLabel("E-mail address").fill(contact(local));
  await page.getByLabel("Password").fill(password(local));
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, `${local}@${DOMAIN}`);
}

async function free(page, demo, local, isScripted, look) {
  const started = performance.now();
  await proves(page, demo, local, isScripted, look);
  await page.getByRole("radio", { name: /^Free free/ }).check();
  await page.getByRole("button", { name: "Choose", exact: true }).click();
  await choosesPassword(page, local, look);
  await mailWorks(page, demo, local);
  const took = performance.now() - started;
  assert.ok(took < MINUTES_2_MS, `${took} ms from nothing to a mailbox that works`);
  await signsIn(page, local);
  await look?.("signup-home");
}

// What the tenant of a signup may have, as its seller sees it.
async function has(demo, local) {
  const { tenants } = await demo.ask(demo.info.operator_token, "{ tenants(first: 100) { nodes { id name maxMailboxes } } }");
  return tenants.nodes.find((t) => t.name === `${local}@${DOMAIN}`);
}

async function paid(page, demo, local, look) {
  await proves(page, demo, local, true);
  await page.getByRole("radio", { name: /^Business 5.00 EUR a month/ }).check();
  await page.getByRole("button", { name: "Choose", exact: true }).click();
  await page.getByRole("link", { name: "Pay", exact: true }).waitFor();
  await look?.("signup-pay");
  await page.getByRole("link", { name: "Choose something else" }).click();
  await page.getByRole("radio", { name: /^Business 5.00 EUR a month/ }).check();
  await page.getByRole("button", { name: "Choose", exact: true }).click();
  await page.getByRole("link", { name: "Pay", exact: true }).click();
  for (const [card, declined] of [["4000 0000 0000 0002", true], ["4242 4242 4242 4242", false]]) {
    await page.getByLabel("Card number").fill(card);
    await page.getByRole("button", { name: "Subscribe" }).click();
    if (declined) await page.getByRole("alert").waitFor();
  }
  await choosesPassword(page, local);
  await mailWorks(page, demo, local);
  assert.equal((await has(demo, local)).maxMailboxes, 1, "what was bought is what it may have");
  await signsIn(page, local);
  await page.getByRole("link", { name: "Billing", exact: true }).first().click();
  await page.getByText("On trial").first().waitFor();
  await page.getByText("Business").first().waitFor();
  await look?.("signup-billing");
}

// No key but Tab, Enter and what is typed.
async function byKeyboard(page, demo, local) {
  const tabTo = async (locator) => {
    for (let presses = 0; presses < 40; presses += 1) {
      if (await locator.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`the keyboard does not reach ${locator}`);
  };
  const write = async (label, text) => {
    const input = page.getByLabel(label, { exact: true });
    await input.waitFor();
    await tabTo(input);
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
  };
  await page.goto(demo.info.portal_url);
  await tabTo(page.getByRole("link", { name: "Sign up" }).first());
  await page.keyboard.press("Enter");
  await titled(page, "Sign up");
  await page.locator("button:enabled", { hasText: "Go on" }).waitFor({ timeout: PROOF_MS_MAX });
  await write("Your address", local);
  await write("Your address elsewhere", contact(local));
  await page.getByLabel("Code", { exact: true }).waitFor();
  const [, code] = await letter(page, demo, contact(local), /^\s*(\d{8})\s*$/m);
  await write("Code", code);
  const choose = page.getByRole("button", { name: "Choose", exact: true });
  await choose.waitFor();
  await tabTo(choose);
  await page.keyboard.press("Enter");
  await write("New password", password(local));
  await page.getByText("Done. Sign in").waitFor();
  await arrives(demo.info.imap.port, { address: `${local}@${DOMAIN}`, password: password(local) }, "Subject: Welcome to");
}

async function refusedNames(page, demo, pages, taken) {
  await fromTheLandingPage(page, demo);
  for (const [name, words] of [[taken, "It is taken already."], ["postmaster", "It is taken already."], ["a", "3 to 40 characters"]]) {
    await page.getByLabel("Your address", { exact: true }).fill(name);
    await begin(page, true);
    await page.getByRole("alert").getByText(words).waitFor();
    assert.equal(await page.getByLabel("Your address", { exact: true }).inputValue(), name, "what was typed stays");
  }
  await pages.check("signup-refused");
  await page.getByLabel("Your address", { exact: true }).fill(taken);
  await begin(page, true);
  await page.getByRole("button", { name: "Names like it" }).click({ timeout: PROOF_MS_MAX });
  const like = page.getByRole("button", { name: `@${DOMAIN}` }).first();
  await like.waitFor();
  await pages.check("signup-names");
  await like.click({ timeout: PROOF_MS_MAX });
  await page.getByLabel("Your address elsewhere").waitFor();
}

async function resumes(pages, demo, local) {
  const page = await pages.open();
  await refusedNames(page, demo, pages, "emil");
  await page.getByLabel("Your address elsewhere").fill("anna@bakery.example");
  await page.getByRole("button", { name: "Mail me a code" }).click();
  await page.getByRole("alert").getByText("not with us").waitFor();
  await page.getByLabel("Your address elsewhere").fill(contact(local));
  await page.getByRole("button", { name: "Mail me a code" }).click();
  await page.getByLabel("Code", { exact: true }).fill("00000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("alert").getByText("This code is not good").waitFor();
  await pages.check("signup-wrong-code");
  const [, link] = await letter(page, demo, contact(local), /(http:\S+\/signup\/resume\/\S+)/);
  await page.context().close();

  const later = await pages.open();
  await later.goto(link);
  await pages.check("signup-resume");
  await later.getByRole("button", { name: "Go on" }).click();
  await later.getByLabel("Code", { exact: true }).waitFor();
  const [, code] = await letter(later, demo, contact(local), /^\s*(\d{8})\s*$/m);
  await later.getByLabel("Code", { exact: true }).fill(code);
  await later.getByRole("button", { name: "Confirm" }).click();
  await later.getByRole("group", { name: "Plan" }).waitFor();
  await later.getByRole("button", { name: "Give up" }).click();
  await later.getByLabel("Your address", { exact: true }).waitFor();
}

// The one that waits comes first, for the same reason.
export const signupJourneys = [
  ["a stranger signs up free, without scripts", async (pages, demo) => {
    const page = await pages.open({ javaScriptEnabled: false });
    await free(page, demo, "emil", false);
  }],
  ["names that cannot be had, a wrong code, and a signup that goes on elsewhere", (pages, demo) => resumes(pages, demo, "hedwig")],
  ["a stranger signs up free, with scripts", async (pages, demo) => {
    const page = await pages.open();
    await free(page, demo, "frida", true, (name) => pages.check(name));
  }],
  ["a stranger signs up and pays", async (pages, demo) => {
    const page = await pages.open();
    await paid(page, demo, "gustav", (name) => pages.check(name));
  }],
  ["a stranger signs up by keyboard alone", async (pages, demo) => {
    const page = await pages.open();
    await byKeyboard(page, demo, "ida");
  }],
];
