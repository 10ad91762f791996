// The operator's console: a signup is let through, everybody is told something, one password that sends spam is stopped, a feature is
// switched off; as the operator sees it and as customers do.
import assert from "node:assert/strict";
import { signIn, titled } from "./journeys.mjs";
import { proves } from "./signup.mjs";

const OPERATOR = { address: "night.shift@operator.example", password: "the whole installation sleeps" };
const NEWS = "Mail is late by some minutes.";

const panel = (page, title) => page.locator("section.panel", { has: page.getByRole("heading", { name: title, exact: true }) });

async function made(demo, token, name, input) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Input!`;
  const give = { memberInvite: "secret", invitationAccept: "member { id }", appPasswordCreate: "id secret" }[name];
  const { r } = await demo.ask(token, `mutation($i: ${type}) { r: ${name}(input: $i) { ${give} userErrors { message } } }`, { i: input });
  assert.deepEqual(r.userErrors, [], name);
  return r;
}

// Somebody of the provider's signs in; who that is is invited the first time.
export async function operates(page, demo) {
  const token = demo.info.operator_token;
  const { viewer } = await demo.ask(token, "{ viewer { id name } }");
  if (!demo.operates) {
    const { secret } = await made(demo, token, "memberInvite", { tenantId: viewer.id, email: OPERATOR.address, role: "owner" });
    await made(demo, "", "invitationAccept", { secret, name: "Night shift", password: OPERATOR.password });
    demo.operates = true;
  }
  await page.goto(`${demo.info.portal_url}sign-in`);
  await page.getByLabel("E-mail address").fill(OPERATOR.address);
  await page.getByLabel("Password").fill(OPERATOR.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, viewer.name);
}

const goes = (page, demo, path) => page.goto(`${demo.info.portal_url}sell/${path}`);

async function reviewFrom(page, demo, score) {
  await goes(page, demo, "signups/settings");
  await page.getByLabel("Risk from which on somebody looks").fill(score);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
}

// A stranger waits for somebody, who lets it through.
async function signup(pages, page, demo, local) {
  await reviewFrom(page, demo, "0");
  const stranger = await pages.open();
  await proves(stranger, demo, local, true);
  await goes(page, demo, "signups");
  await titled(page, "Signups");
  await page.getByText("Waits for you").first().waitFor();
  await page.getByRole("link", { name: `${local}@` }).click();
  await page.getByText(/^Risk: \d+$/).waitFor();
  await page.getByRole("button", { name: "Refuse it" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Let it through" }).click();
  await page.getByText("Let through.", { exact: true }).waitFor();
  await page.getByText("None waits for you.").waitFor();
  await page.getByLabel("Show").selectOption({ label: "Contact proven" });
  await page.getByLabel("Part of an address").fill(local.toUpperCase());
  await page.getByRole("button", { name: "Search" }).click();
  await page.locator("li.panel", { hasText: `${local}@` }).getByText("Let through").waitFor();
  await reviewFrom(page, demo, "60");
  await goes(page, demo, "signups/invites");
  await page.getByLabel("Note").fill("For friends");
  await page.getByRole("button", { name: "Make a code" }).click();
  assert.ok((await page.locator(".secret").textContent()).length > 10);
  await page.getByRole("button", { name: "Take back: For friends" }).click();
  await page.getByText("There is no code.").waitFor();
}

// Everybody reads it, on the page to sign in as well; one reader puts it away, another one still sees it.
async function announcement(pages, page, demo) {
  await goes(page, demo, "announcements");
  await page.getByLabel("What it is about").selectOption({ label: "Incident" });
  await page.getByLabel("In English").fill(NEWS);
  await page.getByLabel("In German").fill("Mail kommt einige Minuten später.");
  await page.getByRole("button", { name: "Tell it" }).click();
  await page.getByText("Shown now").waitFor();
  const reader = await pages.open();
  await reader.goto(`${demo.info.portal_url}sign-in`);
  await reader.getByRole("status").getByText(NEWS).waitFor();
  await pages.check("told-sign-in");
  await signIn(reader, demo, "Bakery");
  await reader.goto(`${demo.info.portal_url}mailboxes?q=anna`);
  await reader.getByText(NEWS).waitFor();
  await pages.check("told");
  await reader.getByRole("button", { name: `Dismiss: ${NEWS}` }).click();
  await titled(reader, "Mailboxes");
  assert.match(reader.url(), /q=anna/, "it leads back");
  assert.equal(await reader.getByText(NEWS).count(), 0);
  const other = await pages.open({ javaScriptEnabled: false, locale: "de-DE" });
  await other.goto(`${demo.info.portal_url}sign-in`);
  await other.getByText("Mail kommt einige Minuten später.").waitFor();
  await page.getByRole("button", { name: `End: ${NEWS}` }).click();
  await page.getByText("Over", { exact: true }).waitFor();
  await other.reload();
  assert.equal(await other.getByText("Mail kommt").count(), 0);
}

// Only the password that was stolen is stopped: the mailbox goes on.
async function abuse(page, demo) {
  const bakery = demo.tenant("Bakery");
  const anna = bakery.accounts.find((a) => a.address.startsWith("anna@"));
  const { mailboxByAddress: mailbox } = await demo.ask(bakery.token, "query($a: String!) { mailboxByAddress(address: $a) { id } }", { a: anna.address });
  const phone = await made(demo, bakery.token, "appPasswordCreate", { mailboxId: mailbox.id, label: "Phone" });
  assert.ok(await demo.opens(anna.address, phone.secret));
  await goes(page, demo, "abuse");
  await page.getByLabel("Whom do you look for?").fill("nobody@bakery.example");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Whom do you look for?").fill(anna.address);
  await page.getByRole("button", { name: "Search" }).click();
  await titled(page, anna.address);
  await page.getByText("seen with the organisation’s consent only").first().waitFor();
  await goes(page, demo, `abuse?q=${phone.id}`);
  await page.getByLabel("Kind").selectOption({ label: "Password leaked" });
  await page.getByLabel("Reason").fill("This password sends spam.");
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.getByText("Stopped.", { exact: false }).first().waitFor();
  assert.ok(!(await demo.opens(anna.address, phone.secret)), "the password is stopped");
  assert.ok(await demo.opens(anna.address, anna.password), "the mailbox goes on");
  await goes(page, demo, "abuse");
  await page.getByRole("link", { name: `App password ${phone.id} of ${anna.address}` }).click();
  await panel(page, "Let it go on").getByRole("button", { name: "Release it" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Why").fill("It was changed on the phone.");
  await page.getByRole("button", { name: "Release it" }).click();
  await page.getByText("Released.", { exact: true }).waitFor();
  assert.ok(await demo.opens(anna.address, phone.secret), "and goes on");
  const { auditEntries } = await demo.ask(bakery.token, "query($t: ID!) { auditEntries(tenantId: $t, filter: { action: \"holdRelease\" }, first: 1) { nodes { detail } } }", { t: bakery.id });
  assert.match(auditEntries.nodes[0].detail, /changed on the phone/);
}

async function feature(pages, page, demo) {
  const studio = demo.tenant("Studio");
  await goes(page, demo, `flags?tenant=${studio.id}`);
  await page.getByText("As it stands for Studio").waitFor();
  await page.getByLabel("What", { exact: true }).selectOption({ label: "New webhooks" });
  await page.getByLabel("To", { exact: true }).selectOption({ label: "Off" });
  await page.getByLabel("Reason").fill("Too many fail.");
  await page.getByRole("button", { name: "Switch it" }).click();
  await page.getByText("Switched.", { exact: true }).waitFor();
  const owner = await pages.open();
  await signIn(owner, demo, "Studio");
  await owner.goto(`${demo.info.portal_url}access/members`);
  assert.equal(await owner.getByRole("link", { name: "Webhooks" }).count(), 0, "it is not in the menu");
  await owner.goto(`${demo.info.portal_url}access/webhooks`);
  await owner.getByLabel("Address").fill("https://hooks.example/");
  await owner.getByLabel("Kinds of events").fill("*");
  await owner.getByRole("button", { name: "Make the webhook" }).click();
  await owner.getByRole("alert").getByText("The operator has switched this off.").waitFor();
  await page.getByRole("button", { name: "Take the setting away: New webhooks" }).click();
  await page.getByText("Nothing is set").first().waitFor();
  await owner.getByRole("button", { name: "Make the webhook" }).click();
  await owner.locator(".secret").waitFor();
}

export const consoleJourneys = [
  ["the operator's console is fit for everybody", async (pages, demo) => {
    const page = await pages.open();
    await operates(page, demo);
    const bakery = demo.tenant("Bakery");
    for (const [path, name] of [["signups", "sell-signups"], ["signups?show=ALL", "sell-signups-all"], ["signups/settings", "sell-signup-settings"],
      ["signups/invites", "sell-invites"], ["announcements", "sell-announcements"], ["abuse", "sell-abuse"], [`abuse/${bakery.id}`, "sell-subject"],
      ["abuse?q=nobody.invalid", "sell-abuse-none"], ["flags", "sell-flags"]]) {
      await goes(page, demo, path);
      await pages.check(name);
    }
  }],
  ["the operator lets a stranger in, tells everybody something, stops a password, switches a feature off", async (pages, demo) => {
    const page = await pages.open();
    await operates(page, demo);
    await announcement(pages, page, demo);
    await abuse(page, demo);
    await feature(pages, page, demo);
    await signup(pages, page, demo, "ottilie");
  }],
];
