// The journeys: what a customer does, as far as a browser tells.
import assert from "node:assert/strict";
import { totp } from "./browser.mjs";
import { consoleJourneys } from "./console.mjs";
import { brandJourneys } from "./brand.mjs";
import { domainJourneys } from "./domain.mjs";
import { dunningJourneys } from "./dunning.mjs";
import { moneyJourneys } from "./money.mjs";
import { moveJourneys } from "./move.mjs";
import { looks, pagesJourneys } from "./pages.mjs";
import { signupJourneys } from "./signup.mjs";
import { traceJourneys } from "./trace.mjs";
import { usageJourneys } from "./usage.mjs";

export const titled = (page, text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();

export async function signIn(page, demo, tenant) {
  const [owner] = demo.tenant(tenant).people;
  await page.goto(`${demo.info.portal_url}sign-in`);
  await page.getByLabel("E-mail address").fill(owner.address);
  await page.getByLabel("Password").fill(owner.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, tenant);
  return owner;
}

// What a mailbox goes through; the same with scripts and without.
async function mailbox(page, demo, local) {
  await page.getByRole("link", { name: "Mailboxes", exact: true }).first().click();
  await page.getByRole("link", { name: "New mailbox" }).click();
  await page.getByLabel("Address before the @").fill("not an address");
  await page.getByRole("button", { name: "Create the mailbox" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Address before the @").getAttribute("aria-invalid"), "true");
  await page.getByLabel("Address before the @").fill(local);
  await page.getByLabel("Name", { exact: true }).fill("Erika Exämple");
  await page.getByLabel("Quota in GB").fill("1.5");
  await page.getByRole("button", { name: "Create the mailbox" }).click();
  const password = await page.locator(".secret").textContent();
  const address = await page.locator("h1").textContent();
  assert.ok(address.startsWith(`${local}@`), address);
  assert.ok(await demo.opens(address, password), "the password that was shown opens the mailbox");
  await page.reload();
  assert.equal(await page.locator(".secret").count(), 0, "it is shown once");

  await page.getByLabel("New alias").fill(`${local}-sales`);
  await page.getByRole("button", { name: "Add the alias" }).click();
  await page.getByText("The alias was added.").waitFor();
  await page.getByRole("button", { name: `Delete ${local}-sales@` }).click();
  await page.getByText("The alias was deleted.").waitFor();

  await page.getByLabel("Quota in GB").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel("Quota in GB").inputValue(), "");

  await page.getByLabel("Reason").fill("Holidays");
  await page.getByRole("button", { name: "Suspend the mailbox" }).click();
  await page.getByText("Suspended.", { exact: true }).waitFor();
  assert.ok(!(await demo.opens(address, password)), "nobody gets in");
  await page.getByRole("link", { name: "Home" }).click();
  await page.getByText(`${address} is restricted`).waitFor();
  await page.getByRole("link", { name: "See the mailbox" }).click();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("Resumed.", { exact: true }).waitFor();
  assert.ok(await demo.opens(address, password), "and in again");

  await page.getByRole("link", { name: "Delete the mailbox" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.getByText("Deleted. It can be restored").waitFor();
  assert.ok(!(await demo.opens(address, password)));
  await page.getByRole("link", { name: "Show deleted ones" }).click();
  await page.getByRole("link", { name: address }).click();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByText("Restored.").waitFor();
  assert.ok(await demo.opens(address, password), "it is back with its password");
}

async function domain(page, demo, name) {
  await page.getByRole("link", { name: "Domains", exact: true }).first().click();
  await page.getByLabel("Domain", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Add a domain" }).click();
  await titled(page, name);
  await page.getByText("To be proven").waitFor();
  const zone = await page.request.get(`${page.url().split("?")[0]}/zone`);
  assert.match(zone.headers()["content-disposition"], /^attachment; filename="[a-z.-]+\.zone"$/);
  assert.match(await zone.text(), /TXT/);
  await page.getByRole("link", { name: "Give the domain up" }).click();
  await page.getByRole("button", { name: "Give it up" }).click();
  await page.getByText("Given up.").waitFor();
}

async function security(page, demo, tenant) {
  await page.getByRole("link", { name: "My security" }).click();
  await page.getByRole("link", { name: "Add an authenticator app" }).click();
  await page.getByLabel("Name of the device").fill("Phone");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("img", { name: "QR code with the key of the app" }).waitFor();
  const seed = await page.locator(".secret").textContent();
  await page.getByLabel("Code that the app shows").fill(totp(seed, 0));
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Code that the app shows").fill(totp(seed));
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("The authenticator app counts from now on.").waitFor();
  await page.getByRole("link", { name: "Recovery codes" }).click();
  await page.getByRole("button", { name: "Make recovery codes" }).click();
  const codes = await page.locator(".codes code").allTextContents();
  assert.ok(codes.length >= 8, `${codes.length} recovery codes`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();

  const [owner] = demo.tenant(tenant).people;
  await page.goto(`${demo.info.portal_url}security`);
  await page.getByLabel("E-mail address").fill(owner.address);
  await page.getByLabel("Password").fill(owner.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, "One more step");
  await page.getByLabel("Code").fill(codes[0]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, "My security");
  await page.getByRole("button", { name: "Remove Phone" }).click();
  await page.getByText("Removed.").waitFor();
}

async function everything(pages, demo, tenant, local, options) {
  const page = await pages.open(options);
  await signIn(page, demo, tenant);
  await mailbox(page, demo, local);
  await domain(page, demo, `${local}.example`);
  await security(page, demo, tenant);
}

export const journeys = [
  ["a customer's day, with scripts", (pages, demo) => everything(pages, demo, "Bakery", "with-scripts", {})],
  ["a customer's day, without scripts", (pages, demo) => everything(pages, demo, "Studio", "without-scripts", { javaScriptEnabled: false })],

  ["every page is fit for everybody", async (pages, demo) => {
    const page = await pages.open();
    const at = (path) => page.goto(demo.info.portal_url + path);
    for (const [path, name] of [["", "landing"], ["sign-in", "sign-in"], ["forgot", "forgot"], ["reset", "reset"], ["invitation", "invitation"]]) {
      await at(path);
      await pages.check(name);
    }
    await page.getByRole("button", { name: "Accept" }).click();
    await page.getByRole("alert").waitFor();
    await pages.check("refused");
    await signIn(page, demo, "Bakery");
    await pages.check("home");
    await at("domains");
    await page.getByLabel("Domain", { exact: true }).fill("florist.example");
    await page.getByRole("button", { name: "Add a domain" }).click();
    await titled(page, "florist.example");
    await pages.check("domain");
    const { mailboxes } = await demo.ask(demo.tenant("Bakery").token, "query($t: ID!) { mailboxes(tenantId: $t, first: 1) { nodes { id } } }", { t: demo.tenant("Bakery").id });
    const mailbox = `mailboxes/${mailboxes.nodes[0].id}`;
    for (const [path, name] of [["domains", "domains"], ["domains/florist.example/give-up", "give-up"], ["mailboxes", "mailboxes"],
      ["mailboxes?q=nobody", "mailboxes-none"], ["mailboxes/new", "mailbox-new"], [mailbox, "mailbox"], [`${mailbox}/delete`, "mailbox-delete"],
      ["privacy", "privacy"], ["security", "security"], ["security/password", "password"], ["security/authenticator", "authenticator"],
      ["security/recovery-codes", "recovery-codes"], ["security/confirm", "confirm"], ["organisations", "organisations"], ["nothing", "not-found"], ...looks(mailbox)]) {
      await at(path);
      await pages.check(name);
    }
  }],
  ...pagesJourneys,
  ...moveJourneys,
  ...moneyJourneys,
  ...domainJourneys,
  ...signupJourneys,
  ...consoleJourneys,
  ...traceJourneys,

  ["by keyboard alone", async (pages, demo) => {
    const page = await pages.open();
    const [owner] = demo.tenant("Bakery").people;
    const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
    await page.goto(demo.info.portal_url);
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Sign up");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Sign in");
    await page.keyboard.press("Enter");
    await titled(page, "Sign in");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Use a passkey");
    await page.keyboard.press("Tab");
    await page.keyboard.type(owner.address);
    await page.keyboard.press("Tab");
    await page.keyboard.type(owner.password);
    await page.keyboard.press("Enter");
    await titled(page, "Bakery");
    const outline = await page.evaluate(() => {
      const link = document.querySelector("nav a");
      link.focus({ focusVisible: true });
      return getComputedStyle(link).outlineWidth;
    });
    assert.equal(outline, "3px", "where the focus is can be seen");
  }],

  ["the search narrows while somebody types", async (pages, demo) => {
    const page = await pages.open();
    await signIn(page, demo, "Bakery");
    await page.goto(`${demo.info.portal_url}mailboxes`);
    await page.getByRole("searchbox").pressSequentially("orders");
    await page.getByText("One mailbox", { exact: true }).waitFor();
    assert.match(page.url(), /q=orders/);
    assert.equal(await page.getByRole("link", { name: "anna@bakery.example" }).count(), 0);
  }],

  ["what belongs to another organisation is not there", async (pages, demo) => {
    const studio = demo.tenant("Studio");
    const { mailboxes } = await demo.ask(studio.token, "query($t: ID!) { mailboxes(tenantId: $t, first: 1) { nodes { id } } }", { t: studio.id });
    const page = await pages.open();
    await signIn(page, demo, "Bakery");
    for (const path of [`mailboxes/${mailboxes.nodes[0].id}`, `mailboxes/${mailboxes.nodes[0].id}/delete`, "domains/studio.example", "domains/studio.example/zone"]) {
      const response = await page.goto(demo.info.portal_url + path);
      assert.equal(response.status(), 404, path);
      await titled(page, "Not found");
    }
  }],

  ["each language is spoken throughout", async (pages, demo) => {
    for (const [locale, word, other] of [["de-DE", "Anmelden", "Français"], ["fr-FR", "Se connecter", "Deutsch"]]) {
      const page = await pages.open({ locale });
      await page.goto(demo.info.portal_url);
      await page.getByRole("link", { name: word }).first().waitFor();
      await page.getByRole("link", { name: other }).click();
      await page.getByRole("link", { name: "English" }).click();
      await page.getByRole("link", { name: "Sign in" }).first().click();
      await titled(page, "Sign in");
    }
  }],
  ...brandJourneys,
  // The last ones: they put the clock forward, by a day and by months.
  ...usageJourneys,
  ...dunningJourneys,
];
