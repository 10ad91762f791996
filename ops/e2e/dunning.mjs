// A customer whose card fails, on a clock that the test desk of our own Stripe puts forward; one that buys less than it uses, leaves, comes
// back, closes and takes that back. What the portal says and what the doors do, at each step.
import assert from "node:assert/strict";
import { titled } from "./journeys.mjs";
import { hand, inbox } from "./mail.mjs";
import { payWith, until } from "./money.mjs";

export const ELSEWHERE = "someone@elsewhere.example";
const WAIT_MS = 30_000;

// What the server says to a message that a user submits, and to mail from elsewhere.
export const submit = (demo, account, to, subject) =>
  hand(demo.info.smtp.submission_port, { from: account.address, to, subject, account });
const arrive = (demo, to, subject) => hand(demo.info.smtp.mx_port, { from: "friend@elsewhere.example", to, subject });
const count = async (demo, account) => (await inbox(demo.info.imap.port, account))?.count;

// Looks until something is so: what a move of the clock brings is there after some seconds.
export async function soon(what, look) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (seen.is) return seen.told;
    if (Date.now() > end) throw new Error(`${what} does not come: ${seen.told}`);
    await new Promise((go) => setTimeout(go, 500));
  }
}

// A tenant of its own, with mailboxes and an owner who signs in.
export async function fresh(demo, name, people) {
  const domain = `${name.toLowerCase()}.example`;
  const made = async (token, field, input) => {
    const type = field[0].toUpperCase() + field.slice(1);
    const given = { tenantCreate: "tenant { id } token", memberInvite: "secret" }[field] ?? "";
    const kind = field === "domainVouch" ? "DomainCreate" : type;
    const { r } = await demo.ask(token, `mutation($i: ${kind}Input!) { r: ${field}(input: $i) { ${given} userErrors { message } } }`, { i: input });
    assert.deepEqual(r.userErrors, [], field);
    return r;
  };
  const operator = demo.info.operator_token;
  const { tenant, token } = await made(operator, "tenantCreate", { name, maxDomains: 5, maxMailboxes: 50, storageBytesMax: "53687091200" });
  await made(operator, "domainVouch", { tenantId: tenant.id, name: domain });
  const accounts = ["owner", ...people].map((local) => ({ address: `${local}@${domain}`, password: `${local}-likes-${domain}` }));
  for (const { address, password } of accounts) await made(token, "mailboxCreate", { address, password });
  const [owner] = accounts;
  const { secret } = await made(token, "memberInvite", { tenantId: tenant.id, email: owner.address, role: "owner", idempotencyKey: `owner-${name}` });
  await made(token, "invitationAccept", { secret, name: "Olga Owner", password: owner.password });
  demo.info.tenants.push({ id: tenant.id, name, token, domains: [domain], accounts, people: [owner] });
  return { name, token, id: tenant.id, domain, accounts, owner, user: accounts[1] };
}

// A page of the portal; whoever was signed out by the time that passed signs in again.
export async function at(page, demo, tenant, path) {
  await page.goto(demo.info.portal_url + path);
  if (await page.getByLabel("Password").count()) {
    await page.getByLabel("E-mail address").fill(tenant.owner.address);
    await page.getByLabel("Password").fill(tenant.owner.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
    await page.goto(demo.info.portal_url + path);
  }
}

async function confirmed(page, tenant) {
  if (!page.url().includes("/security/confirm")) return false;
  await page.getByLabel("Password").fill(tenant.owner.password);
  await page.getByRole("button").filter({ hasText: /confirm|go on/i }).first().click();
  return true;
}

// Presses buttons of the test desk.
export async function desk(page, demo, names, section) {
  await page.goto(demo.info.test_desk_url);
  for (const name of names) {
    const before = await page.locator("#now").innerText();
    const all = section && !/later/.test(name) ? page.getByRole("region", { name: section }) : page;
    await all.getByRole("button", { name, exact: true }).click();
    await page.locator("#now").waitFor();
    if (/later/.test(name)) assert.notEqual(await page.locator("#now").innerText(), before, name);
  }
}

export async function buy(page, demo, tenant, mailboxes, isNew, plan = "Business") {
  await at(page, demo, tenant, "billing");
  await page.getByRole("link", { name: "Choose a plan" }).first().click();
  if (isNew) {
    await titled(page, "Who pays");
    await page.getByLabel("Name on invoices").fill(tenant.name);
    await page.getByLabel("E-mail address").fill(`money@${tenant.name.toLowerCase()}-elsewhere.example`);
    await page.getByLabel("Country").fill("DE");
    await page.getByRole("button", { name: "Save" }).click();
  }
  await titled(page, "Plans");
  await page.getByRole("link", { name: plan }).click();
  if (mailboxes) await page.getByLabel("Mailboxes").fill(String(mailboxes));
  await page.getByRole("button", { name: "See what it costs" }).click();
  await page.getByRole("button", { name: "Go on to pay" }).click();
  await titled(page, "Pay");
  await page.getByRole("link", { name: "Go on", exact: true }).click();
  await payWith(page, "4242 4242 4242 4242");
  await titled(page, "Your payment");
  await until(page, "It is paid. Thank you.");
}

// Where the portal says that it stands.
async function stands(page, demo, tenant, text) {
  await soon(text, async () => {
    await at(page, demo, tenant, "billing");
    const told = await page.locator("main").innerText();
    return { is: told.includes(text), told };
  });
  return page.locator("main").innerText();
}

export const accepted = (answer) => assert.match(answer, /^250/m, answer);

async function mailArrives(demo, tenant, subject) {
  const before = await count(demo, tenant.user);
  accepted(await arrive(demo, tenant.user.address, subject));
  await soon(subject, async () => {
    const now = await count(demo, tenant.user);
    return { is: now === before + 1, told: `${now} after ${before}` };
  });
}

async function dunning(page, demo, name) {
  const tenant = await fresh(demo, name, ["uma"]);
  await buy(page, demo, tenant, 5, true);
  await stands(page, demo, tenant, "On trial");
  accepted(await submit(demo, tenant.user, ELSEWHERE, "on trial"));

  await desk(page, demo, ["Declines from now on", "A week later", "A week later", "A day later"], tenant.name);
  let told = await stands(page, demo, tenant, "Payment is late");
  for (const line of [/From .*: You receive and read as ever, and send less\./, /From .*: You receive and read as ever, and cannot send/,
    /From .*: You receive, read and export/, /From .*: You read and export/, /Pay the open invoices below/, /Payment failed/]) assert.match(told, line);
  accepted(await submit(demo, tenant.user, ELSEWHERE, "late"));

  await desk(page, demo, ["A week later"]);
  told = await stands(page, demo, tenant, "Sending is slowed");
  assert.match(told, /20\s?%/);
  accepted(await submit(demo, tenant.user, ELSEWHERE, "slowed"));
  await mailArrives(demo, tenant, "in the grace");

  await desk(page, demo, ["A week later"]);
  told = await stands(page, demo, tenant, "Sending is stopped");
  assert.match(told, /Pay the open invoices below/);
  const refused = await soon("a refusal", async () => {
    const answer = await submit(demo, tenant.user, ELSEWHERE, "stopped");
    return { is: /^[45]/.test(answer), told: answer };
  });
  assert.match(refused, /^5/);
  assert.match(refused, /A payment is due since/);
  assert.match(refused, /Pay at http/);
  accepted(await submit(demo, tenant.user, tenant.owner.address, "to ourselves"));
  await mailArrives(demo, tenant, "while stopped");
  await at(page, demo, tenant, "");
  const home = await page.locator("main").innerText();
  assert.match(home, /Sending is stopped/, "home says what is stopped");
  assert.match(home, /To be paid: \d+\.\d\d EUR/, "and why");

  await at(page, demo, tenant, "billing");
  await page.getByRole("button", { name: /^Pay now/ }).first().click();
  await page.getByRole("alert").first().waitFor();
  await desk(page, demo, ["Works again"], tenant.name);
  await at(page, demo, tenant, "billing");
  await page.getByRole("button", { name: /^Pay now/ }).first().click();
  told = await stands(page, demo, tenant, "In order");
  assert.doesNotMatch(told, /Pay the open invoices below|was not made/);
  await soon("sending again", async () => {
    const answer = await submit(demo, tenant.user, ELSEWHERE, "all back");
    return { is: /^250/m.test(answer), told: answer };
  });
  await mailArrives(demo, tenant, "all back");
  await at(page, demo, tenant, "");
  assert.doesNotMatch(await page.locator("main").innerText(), /A payment is due/);

  // What the bank takes back is paid again, though its invoice was paid.
  await desk(page, demo, ["The bank takes the last payment back"], tenant.name);
  told = await stands(page, demo, tenant, "The bank took it back");
  assert.match(told, /Payment is late/);
  await page.getByRole("button", { name: /^Pay now/ }).first().click();
  told = await stands(page, demo, tenant, "In order");
  assert.doesNotMatch(told, /The bank took it back/);
}

async function quantity(page, demo, tenant, n) {
  await at(page, demo, tenant, "billing");
  await page.getByRole("link", { name: "Change the plan" }).first().click();
  await page.getByRole("link", { name: "Business" }).click();
  await page.getByLabel("Mailboxes").fill(String(n));
  await page.getByRole("button", { name: "See what it costs" }).click();
}

// Whether one more mailbox can be made: what the portal says.
async function newMailbox(page, demo, tenant, local) {
  await at(page, demo, tenant, "mailboxes/new");
  await page.getByLabel("Address before the @").fill(local);
  await page.getByRole("button", { name: "Create the mailbox" }).click();
  return page.locator("main").innerText();
}

// Nothing is lost: letters of ours may have come meanwhile.
async function allThere(demo, tenant, counts) {
  for (const [n, account] of tenant.accounts.entries()) {
    const now = await count(demo, account);
    assert.ok(now >= counts[n], `${account.address} has ${now} of ${counts[n]}`);
  }
}

async function leaving(page, demo, name) {
  const people = ["uma", "bo", "cy", "di", "ed", "fi", "gus"];
  const tenant = await fresh(demo, name, people);
  const counts = [];
  for (const account of tenant.accounts) {
    accepted(await arrive(demo, account.address, "kept"));
    counts.push(await count(demo, account));
  }
  await buy(page, demo, tenant, 10, true);
  await stands(page, demo, tenant, "On trial");

  await quantity(page, demo, tenant, 2);
  await page.getByText("Nothing is lost, but nothing new can be made until there is less.").first().waitFor();
  await page.getByRole("button", { name: "Change it now" }).click();
  await titled(page, "Billing");
  await soon("two mailboxes", async () => {
    const { tenant: has } = await demo.ask(tenant.token, "query($t: ID!) { tenant(id: $t) { maxMailboxes } }", { t: tenant.id });
    return { is: has.maxMailboxes === 2, told: has.maxMailboxes };
  });
  await allThere(demo, tenant, counts);
  assert.match(await newMailbox(page, demo, tenant, "one-more"), /A limit is reached/);
  accepted(await submit(demo, tenant.user, ELSEWHERE, "over its limits"));

  await at(page, demo, tenant, "billing/cancel");
  await page.locator("select[name=when]").selectOption("NOW");
  await page.getByRole("button", { name: "End it" }).click();
  await titled(page, "Billing");
  await stands(page, demo, tenant, "You have no plan yet");
  await allThere(demo, tenant, counts);
  await buy(page, demo, tenant, 10, false);
  await at(page, demo, tenant, "billing");
  await until(page, "Business");
  await soon("sending again", async () => {
    const answer = await submit(demo, tenant.user, ELSEWHERE, "bought again");
    return { is: /^250/m.test(answer), told: answer };
  });
  await allThere(demo, tenant, counts);

  await closes(page, demo, tenant);
  assert.match(await arrive(demo, tenant.user.address, "closed"), /^[45]/);
  await allThere(demo, tenant, counts);
  await desk(page, demo, ["A week later", "A week later", "A week later"]);
  await stands(page, demo, tenant, "Closed");
  await page.getByRole("button", { name: /^Reopen/ }).first().click();
  await confirmed(page, tenant);
  await soon("mail again", async () => {
    const answer = await arrive(demo, tenant.user.address, "reopened");
    return { is: /^250/m.test(answer), told: answer };
  });
  counts[1] += 1;
  await allThere(demo, tenant, counts);
  // What was bought ends at the provider some seconds after the closing.
  await at(page, demo, tenant, "billing");
  await until(page, "Choose a plan");
  await buy(page, demo, tenant, 10, false);
  await soon("sending after reopening", async () => {
    const answer = await submit(demo, tenant.user, ELSEWHERE, "reopened");
    return { is: /^250/m.test(answer), told: answer };
  });
}

async function closes(page, demo, tenant) {
  for (let tries = 0; tries < 2; tries += 1) {
    await at(page, demo, tenant, "billing/close");
    await page.getByLabel("Name of the organisation").fill(tenant.name);
    await page.getByRole("button", { name: "Close it" }).click();
    if (!(await confirmed(page, tenant))) break;
  }
  await stands(page, demo, tenant, "Closed");
}

export const dunningJourneys = [
  ["a card fails, sending ends, and paying brings all back", async (pages, demo) => dunning(await pages.open(), demo, "Latecomer")],
  ["a card fails, sending ends, and paying brings all back, without scripts", async (pages, demo) =>
    dunning(await pages.open({ javaScriptEnabled: false }), demo, "Tardy")],
  ["less is bought than is used, left, bought again, closed and reopened", async (pages, demo) => leaving(await pages.open(), demo, "Leaver")],
];
