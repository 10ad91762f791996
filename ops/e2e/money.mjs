// Paying: what a customer does at the desk and at the payment provider's pages, which are those of our own Stripe.
import assert from "node:assert/strict";
import { signIn, titled } from "./journeys.mjs";

// Pays on the provider's page with a card; comes back when it takes the card.
export async function payWith(page, card) {
  await page.getByLabel("Card number").fill(card);
  await page.getByRole("button", { name: "Subscribe" }).click();
}

// Looks again until a text stands there: without scripts the page does not do it by itself.
export async function until(page, text) {
  for (let looks = 0; looks < 20; looks += 1) {
    if (await page.getByText(text).first().isVisible()) return;
    await page.waitForTimeout(500);
    await page.reload();
  }
  throw new Error(`${text} does not come at ${page.url()}: ${await page.locator("main").innerText()}`);
}

async function buys(page, demo, tenant, look) {
  await signIn(page, demo, tenant);
  await page.getByRole("link", { name: "Billing", exact: true }).first().click();
  await titled(page, "Billing");
  await look?.("billing-none");
  await page.getByRole("link", { name: "Choose a plan" }).first().click();
  await titled(page, "Who pays");
  await look?.("billing-details");
  await page.getByLabel("E-mail address").fill(`owner@${tenant.toLowerCase()}.example`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.getByLabel("E-mail address").fill(`money@${tenant.toLowerCase()}-elsewhere.example`);
  await page.getByLabel("Country").fill("DE");
  await page.getByRole("button", { name: "Save" }).click();
  await titled(page, "Plans");
  await look?.("billing-plans");
  await page.getByRole("link", { name: "Business" }).click();
  await titled(page, "Business");
  await page.getByLabel("Mailboxes").fill("10");
  await page.getByRole("button", { name: "See what it costs" }).click();
  await page.getByText("32.00").first().waitFor();
  await look?.("billing-plan");
  await page.getByRole("button", { name: "Go on to pay" }).click();
  await titled(page, "Pay");
  await look?.("billing-pay");
  await page.getByRole("link", { name: "Go on", exact: true }).click();
  await payWith(page, "4000 0000 0000 0002");
  await page.getByRole("alert").waitFor();
  await payWith(page, "4242 4242 4242 4242");
  await titled(page, "Your payment");
  await until(page, "It is paid. Thank you.");
  await look?.("billing-paid");
  await page.getByRole("link", { name: "Billing", exact: true }).first().click();
  await until(page, "Business");
  await page.getByText("On trial").first().waitFor();
  await look?.("billing");
  const { tenant: has } = await demo.ask(demo.tenant(tenant).token, "query($t: ID!) { tenant(id: $t) { maxMailboxes } }", { t: demo.tenant(tenant).id });
  assert.equal(has.maxMailboxes, 10, "what was bought is what it may have");
}

// What was used over time; that it is counted, usage.mjs sees when an hour went by.
async function sees(page, look) {
  await page.goto(new URL("/billing/usage?range=24h", page.url()).href);
  await titled(page, "Usage over time");
  await page.getByRole("img", { name: "Stored", exact: true }).waitFor();
  await page.getByText("Figures: Mailboxes").click();
  const figures = page.locator("figure", { hasText: "Figures: Mailboxes" }).getByRole("row");
  assert.equal(await figures.count(), 25, "a head and 24 hours");
  await look?.("billing-usage");
  await page.getByRole("link", { name: "12 months" }).click();
  await titled(page, "Usage over time");
  await page.getByRole("link", { name: "Billing", exact: true }).first().click();
  await titled(page, "Billing");
}

async function changes(page, demo, tenant) {
  await page.getByRole("link", { name: "Change the plan" }).first().click();
  await page.getByRole("link", { name: "Business" }).click();
  await page.getByLabel("Mailboxes").fill("12");
  await page.getByRole("button", { name: "See what it costs" }).click();
  await page.getByText("38.00").first().waitFor();
  await page.getByRole("button", { name: "Change it now" }).click();
  await titled(page, "Billing");
  const { tenant: has } = await demo.ask(demo.tenant(tenant).token, "query($t: ID!) { tenant(id: $t) { maxMailboxes } }", { t: demo.tenant(tenant).id });
  assert.equal(has.maxMailboxes, 12);
}

async function endsAndKeeps(page) {
  await page.goto(new URL("/billing/cancel", page.url()).href);
  await titled(page, "End the plan");
  await page.getByRole("button", { name: "End it" }).click();
  await titled(page, "Billing");
  await page.getByText("nothing is paid after it").first().waitFor();
  await page.getByRole("button", { name: /^Keep/ }).first().click();
  await titled(page, "Billing");
  assert.equal(await page.getByText("nothing is paid after it").count(), 0);
}

export const moneyJourneys = [
  ["a plan is bought, changed, ended and kept", async (pages, demo) => {
    const page = await pages.open();
    await buys(page, demo, "Bakery", (name) => pages.check(name));
    await sees(page, (name) => pages.check(name));
    await changes(page, demo, "Bakery");
    await endsAndKeeps(page);
  }],
  ["a plan is bought, changed, ended and kept, without scripts", async (pages, demo) => {
    const page = await pages.open({ javaScriptEnabled: false });
    await buys(page, demo, "Studio");
    await sees(page);
    await changes(page, demo, "Studio");
    await endsAndKeeps(page);
  }],
];
