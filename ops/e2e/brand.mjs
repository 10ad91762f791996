// A brand: an organisation that may have one dresses up the pages, tries colours out, and strangers see it at its host.
import assert from "node:assert/strict";
import { deflateSync, crc32 } from "node:zlib";
import { signIn, titled } from "./journeys.mjs";

const NAME = "Alpine Post";
// Browsers lead names below localhost to this machine.
const DOMAIN = "alpine.localhost";
const HOST = `login.${DOMAIN}`;
const LIGHT = "#8a2b5c";
const DARK = "#f0a8cc";

// A picture of one colour.
function png(width, height, [r, g, b]) {
  const chunk = (kind, body) => {
    const named = Buffer.concat([Buffer.from(kind), body]);
    const ends = [Buffer.alloc(4), Buffer.alloc(4)];
    ends[0].writeUInt32BE(body.length);
    ends[1].writeUInt32BE(crc32(named));
    return Buffer.concat([ends[0], named, ends[1]]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.from(Array(width).fill([r, g, b]).flat())]);
  const lines = Buffer.concat(Array(height).fill(row));
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head), chunk("IDAT", deflateSync(lines)), chunk("IEND", Buffer.alloc(0))]);
}

// The operator lets a tenant have a brand, and vouches for a domain of it.
async function allowed(demo, tenant) {
  const token = demo.info.operator_token;
  for (const [name, kind, input] of [
    ["brandingAllow", "BrandingAllowInput", { tenantId: tenant, allowed: true }],
    ["domainVouch", "DomainCreateInput", { tenantId: tenant, name: DOMAIN }],
  ]) {
    const { r } = await demo.ask(token, `mutation($i: ${kind}!) { r: ${name}(input: $i) { userErrors { code message } } }`, { i: input });
    assert.deepEqual(r.userErrors, [], name);
  }
}

async function sets(page, pages, demo) {
  await signIn(page, demo, "Studio");
  await page.getByRole("link", { name: "Branding", exact: true }).click();
  await titled(page, "Branding");
  const light = page.getByLabel("Accent colour, light pages");
  await page.getByLabel("Name of the shop").fill(NAME);
  await light.fill("#ffd400");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").getByText("cannot be told well enough").waitFor();
  const words = await page.locator("#accentLight-error").innerText();
  assert.match(words, /contrast of 1\.\d+:1 .* 3:1 is needed; the nearest colour that has it is #[0-9a-f]{6}/);
  assert.equal(await light.inputValue(), "#ffd400", "what was typed stays");
  await light.fill(LIGHT);
  await page.getByLabel("Accent colour, dark pages").fill(DARK);
  await page.getByLabel("Support address").fill("help@alpine.example");
  await page.getByLabel("Terms", { exact: true }).fill("https://alpine.example/terms");
  await page.getByLabel("Addresses of the pages").fill(HOST);
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByText("Nothing is saved yet.").waitFor();
  const shown = (half) => page.locator(`.${half} .button`).evaluate((e) => getComputedStyle(e).backgroundColor);
  assert.deepEqual([await shown("preview-light"), await shown("preview-dark")], ["rgb(138, 43, 92)", "rgb(240, 168, 204)"]);
  await pages.check("branding-preview");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByLabel("Picture").setInputFiles({ name: "logo.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>") });
  await page.getByRole("button", { name: "Upload" }).click();
  await page.locator("#picture-error").getByText("SVG is not taken").waitFor();
  await page.getByLabel("Picture").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: png(120, 48, [138, 43, 92]) });
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("Saved.").waitFor();
  await pages.check("branding");
}

// What strangers see at the brand's host, and that they can sign in there.
async function seen(page, pages, demo) {
  const at = new URL("sign-in", demo.info.portal_url);
  at.hostname = HOST;
  await page.goto(at.href);
  await titled(page, "Sign in");
  assert.equal(await page.title(), `Sign in · ${NAME}`);
  const logo = await page.locator("header img").evaluate((e) => [e.naturalWidth, e.naturalHeight, e.width, e.height]);
  assert.deepEqual(logo, [120, 48, 80, 32]);
  const button = await page.getByRole("button", { name: "Sign in" }).evaluate((e) => getComputedStyle(e).backgroundColor);
  assert.equal(button, "rgb(138, 43, 92)");
  assert.equal(await page.getByRole("link", { name: "Terms" }).getAttribute("href"), "https://alpine.example/terms");
  assert.equal(await page.locator("[style]").count(), 0, "nothing inline");
  await pages.check("branding-sign-in");
  const [owner] = demo.tenant("Studio").people;
  await page.getByLabel("E-mail address").fill(owner.address);
  await page.getByLabel("Password").fill(owner.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, "Studio");
  assert.equal(new URL(page.url()).hostname, HOST);
}

export const brandJourneys = [
  ["a seller dresses up the pages, and strangers see its brand at its host", async (pages, demo) => {
    const studio = demo.tenant("Studio");
    await allowed(demo, studio.id);
    await sets(await pages.open(), pages, demo);
    await seen(await pages.open(), pages, demo);
    // Another host, and other customers, see what they saw.
    const other = await pages.open();
    await other.goto(`${demo.info.portal_url}sign-in`);
    assert.equal(await other.title(), "Sign in · Posthouse");
    await signIn(other, demo, "Bakery");
    assert.equal(await other.locator("header img").count(), 0);
    assert.equal(await other.getByRole("link", { name: "Branding" }).count(), 0, "who may have none has no page of it");
  }],
];
