// What is paid by use: a seller makes a plan of it, a customer buys it and sends mail, and sees what it used and what that comes to, as
// pictures and as figures, with scripts and without.
import assert from "node:assert/strict";
import { operates } from "./console.mjs";
import { ELSEWHERE, accepted, at, buy, desk, fresh, soon, submit } from "./dunning.mjs";
import { titled } from "./journeys.mjs";

const PLAN = [
  ["Key", "by-use"], ["Name", "By use"], ["Price of the plan a month", "5.00"], ["Mailboxes that come with the plan", "5"],
  ["Storage in GB", "10"], ["Recipients of outgoing mail that are included", "1"], ["Recipients that one price is for", "1"],
  ["Price of so many recipients, paid by the month", "0.25"],
];

async function sells(page, demo, look) {
  await operates(page, demo);
  await page.goto(`${demo.info.portal_url}sell/plans`);
  await page.getByRole("link", { name: "New plan or version" }).click();
  await titled(page, "New plan or version");
  for (const [label, value] of PLAN) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel("Who may buy it").selectOption("OFFERED");
  await look("sell-plan-new");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByText("Saved.").waitFor();
}

// What the page says of mail that was sent, in figures.
async function figures(page) {
  const chart = page.locator("figure", { hasText: "Figures: Recipients of outgoing mail" });
  await chart.getByText("Figures: Recipients of outgoing mail").click();
  assert.equal(await chart.getByRole("img", { name: "Recipients of outgoing mail" }).count(), 1);
  assert.equal(await chart.getByRole("row").count(), 25, "a head and 24 hours");
  return chart.getByRole("row").allInnerTexts();
}

export const usageJourneys = [
  ["a plan is paid by use, and mail that is sent stands in it", async (pages, demo) => {
    const seller = await pages.open();
    await sells(seller, demo, (name) => pages.check(name));
    await seller.close();
    const page = await pages.open();
    const tenant = await fresh(demo, "Metro", ["mia"]);
    await buy(page, demo, tenant, 0, true, "By use");
    // What is used on the day of buying costs nothing.
    await desk(page, demo, ["A day later"]);
    for (const subject of ["one", "two", "three"]) accepted(await submit(demo, tenant.user, ELSEWHERE, subject));
    await desk(page, demo, ["An hour later"]);
    const told = await soon("what was sent", async () => {
      await at(page, demo, tenant, "billing/usage?range=24h");
      const told = await page.locator("main").innerText();
      return { is: /3 recipients since .*; 1 included/.test(told), told };
    });
    assert.match(told, /So far: €?0\.50/);
    assert.match(told, /Together: 3, at most 3/);
    await pages.check("billing-usage-metered");
    const hours = await figures(page);
    assert.equal(hours.filter((row) => /\t3$/.test(row)).length, 1, hours.join("\n"));
    const plain = await pages.open({ javaScriptEnabled: false });
    await at(plain, demo, tenant, "billing/usage?range=24h");
    assert.deepEqual(await figures(plain), hours);
    await plain.getByRole("link", { name: "30 days" }).click();
    await titled(plain, "Usage over time");
    await plain.getByRole("link", { name: "30 days" }).and(plain.locator("[aria-current=page]")).waitFor();
  }],
];
