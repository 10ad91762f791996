// The pages beyond domains, mailboxes and security: what is looked at, and how each is used, with scripts and without.
import assert from "node:assert/strict";
import { signIn, titled } from "./journeys.mjs";
import { arrives, empty, inbox, send } from "./mail.mjs";

// Paths of the pages with the names of their screenshots.
export function looks(mailbox) {
  return [
    [`${mailbox}/set-up`, "set-up"],
    [`${mailbox}/app-passwords`, "app-passwords"], [`${mailbox}/sharing`, "sharing"], [`${mailbox}/masked`, "masked"],
    [`${mailbox}/recover`, "recover"], ["exports", "exports"], ["move", "move"], ["move/many", "move-many"],
    ["mailboxes/import", "import"], ["addresses/aliases", "aliases"], ["addresses/groups", "groups"],
    ["domains/florist.example/settings", "domain-settings"], ["security/passkey", "passkey"],
    ["trace", "trace"], ["access/members", "members"], ["access/roles", "roles"], ["access/tokens", "tokens"], ["access/webhooks", "webhooks"],
    ["access/audit", "audit"], ["access/support", "support"], ["access/providers", "providers"], ["access/why", "why"],
  ];
}

const panel = (page, title) => page.locator("section.panel", { has: page.getByRole("heading", { name: title, exact: true }) });

async function setUp(page, demo) {
  const { portal_url: portal, imap: { tls_port: imaps }, smtp: { submissions_port: submissions } } = demo.info;
  await page.goto(`${portal}mailboxes`);
  await page.getByRole("link", { name: /^anna@|^clara@/ }).click();
  const address = await page.locator("h1").textContent();
  await page.getByRole("link", { name: "Set up a device" }).click();
  await titled(page, "Set up a device");
  await page.getByText(`${imaps}, SSL/TLS`).waitFor();
  await page.getByText(`${submissions}, SSL/TLS`).waitFor();
  await page.getByRole("img", { name: "QR code of a link to this page" }).waitFor();
  const link = await page.getByRole("link", { name: "Link to this page" }).getAttribute("href");
  // Whoever has the link needs no session.
  const phone = await (await page.context().browser().newContext()).newPage();
  await phone.goto(link);
  await titled(phone, "Set up a device");
  const profile = await phone.request.get(`${link}/profile`);
  assert.equal(profile.headers()["content-type"], "application/x-apple-aspen-config");
  assert.match(await profile.text(), new RegExp(`<key>EmailAddress</key><string>${address}</string>`));
  await phone.context().close();
  const domain = address.split("@")[1];
  const autoconfig = await page.request.get(`${portal}mail/config-v1.1.xml?emailaddress=${address}`);
  assert.match(await autoconfig.text(), new RegExp(`<domain>${domain}</domain>[^]*<port>${imaps}</port>`));
  const unknown = await page.request.get(`${portal}mail/config-v1.1.xml?emailaddress=x@unknown.example`);
  assert.equal(unknown.status(), 404);
}

async function access(page, pages, demo, who, options) {
  const { portal_url: portal } = demo.info;
  await page.goto(portal);
  await page.getByRole("link", { name: "People and access" }).click();
  await titled(page, "Members");
  const invite = panel(page, "Invite somebody");
  await invite.getByLabel("E-mail address").fill(`${who}@elsewhere.example`);
  await invite.getByLabel("Role").selectOption({ label: "Auditor" });
  await invite.getByRole("button", { name: "Invite" }).click();
  await page.getByText("Invited.", { exact: true }).waitFor();
  assert.ok((await page.locator(".secret").textContent()).length > 20);
  await page.getByRole("button", { name: `Withdraw the invitation to ${who}@elsewhere.example` }).click();
  await page.getByText("Ended. It is good no more.").waitFor();
  const owner = page.locator("li.panel", { hasText: "You" });
  await owner.getByRole("button", { name: /^Remove / }).click();
  await page.getByRole("alert").getByText("Somebody has to be the owner.").waitFor();

  await page.getByRole("link", { name: "Roles", exact: true }).click();
  await panel(page, "New role").getByLabel("Name of the role").fill("Night shift");
  await panel(page, "New role").getByLabel("mailbox:read").check();
  await page.getByRole("button", { name: "Make the role" }).click();
  await page.getByRole("link", { name: "Night shift" }).click();
  assert.ok(await page.getByLabel("mailbox:read").isChecked());
  await page.getByRole("button", { name: "Delete Night shift" }).click();
  await page.getByText("There is no role of your own yet.").waitFor();

  await page.getByRole("link", { name: "API tokens" }).click();
  const token = panel(page, "New token");
  await token.getByLabel("What it is for").fill(`Backup ${who}`);
  await token.getByLabel("Access").selectOption({ label: "Only reading" });
  await token.getByLabel("Ends after days").fill("7");
  await token.getByRole("button", { name: "Make the token" }).click();
  await page.getByText("Made. Its secret is shown once.").waitFor();
  const secret = await page.locator(".secret").textContent();
  const { viewer } = await demo.ask(secret, "{ viewer { name } }");
  assert.ok(viewer.name, "the token that was shown is good");
  await page.getByRole("button", { name: `End the token Backup ${who}` }).click();
  await page.getByText("Ended. It is good no more.").waitFor();
  await assert.rejects(demo.ask(secret, "{ viewer { name } }"), "and then no more");

  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByLabel("Address").fill("http://127.0.0.1:9/hook");
  await page.getByLabel("Kinds of events").fill("mailbox.*");
  await page.getByRole("button", { name: "Make the webhook" }).click();
  await page.locator(".secret").waitFor();
  // axe needs scripts.
  if (options.javaScriptEnabled !== false) await pages.check("webhook");
  await page.getByRole("button", { name: /^Switch off/ }).click();
  await page.getByText("Switched off").waitFor();
  await panel(page, "Delete the webhook").getByRole("button", { name: "Delete" }).click();
  await page.getByText("There is no webhook yet.").waitFor();

  await page.getByRole("link", { name: "Support access" }).click();
  await page.getByLabel("What it is for").fill("Mail is late");
  await page.getByRole("button", { name: "Let them in" }).click();
  await page.getByText("Let in.", { exact: true }).waitFor();
  await page.getByRole("button", { name: "End: Mail is late" }).click();
  await page.getByText("Nobody is let in.").waitFor();

  await page.getByRole("link", { name: "Audit log" }).click();
  await page.getByLabel("What", { exact: true }).fill("supportGrantRevoke");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("supportGrantRevoke").first().waitFor();
  await page.getByRole("button", { name: "Make the file" }).click();
  await titled(page, "A file is being made");
  for (let i = 0; i < 20 && !(await page.getByRole("link", { name: "Download the file" }).count()); i += 1) {
    await page.waitForTimeout(500);
    await page.reload();
  }
  const file = await page.request.get(`${page.url().split("?")[0]}/file`);
  const lines = (await file.text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length >= 2 && lines.slice(0, -1).every((l) => l.action === "supportGrantRevoke"), JSON.stringify(lines));
}

async function mailSetUp(page, demo, options) {
  const { portal_url: portal } = demo.info;
  await page.goto(portal);
  const domain = page.url() && (await page.locator(".email").first().textContent()).split("@")[1];
  await page.getByRole("link", { name: "Addresses", exact: true }).click();
  const alias = panel(page, "New alias");
  await alias.getByLabel("New alias").fill(`press@${domain}`);
  await alias.getByLabel("Leads to").fill(`owner@${domain}, desk@elsewhere.example`);
  await alias.getByRole("button", { name: "Add the alias" }).click();
  await page.getByText("The alias was added.").waitFor();
  await page.getByLabel("Part of an address").fill("PRESS");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("button", { name: `Switch off press@${domain}` }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("button", { name: `Delete press@${domain}` }).click();
  await page.getByText("The alias was deleted.").waitFor();

  await page.getByRole("link", { name: "Groups" }).click();
  const group = panel(page, "New group");
  await group.getByLabel("Address", { exact: true }).fill(`team@${domain}`);
  await group.getByLabel("Addresses").fill(`owner@${domain}`);
  await group.getByRole("button", { name: "Make the group" }).click();
  await titled(page, `team@${domain}`);
  await page.getByLabel("Addresses").fill("cy@elsewhere.example");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "Remove cy@elsewhere.example" }).click();
  await page.getByText("Saved.").waitFor();
  if (options.javaScriptEnabled !== false) await options.pages.check("group");
  await panel(page, "Delete the group").getByRole("button", { name: "Delete" }).click();
  await page.getByText("There is no group yet.").waitFor();

  await page.goto(`${portal}domains/${domain}/settings`);
  await page.getByLabel("Catch-all").fill(`owner@${domain}`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel("Catch-all").inputValue(), `owner@${domain}`);
  await page.getByLabel("Catch-all").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
}

async function ofMailbox(page, demo) {
  const { portal_url: portal } = demo.info;
  await page.goto(`${portal}mailboxes`);
  await page.getByRole("link", { name: /^(anna|clara)@/ }).click();
  const address = await page.locator("h1").textContent();
  await page.getByRole("link", { name: "App passwords" }).click();
  await page.getByLabel("Name of the device").fill("Phone");
  await page.getByRole("button", { name: "Make the password" }).click();
  const secret = await page.locator(".secret").textContent();
  assert.ok(await demo.opens(address, secret), "the app password opens the mailbox");
  await page.getByRole("button", { name: "End the password for Phone" }).click();
  await page.getByText("Ended. It is good no more.").waitFor();
  assert.ok(!(await demo.opens(address, secret)), "and then no more");
  await page.getByRole("link", { name: address }).click();
  await page.getByRole("link", { name: "Delegates" }).click();
  const domain = address.split("@")[1];
  await page.getByLabel("Their mailbox").fill(`nobody@${domain}`);
  await page.getByRole("button", { name: "Let in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Their mailbox").fill(`owner@${domain}`);
  await page.getByLabel("Read and change").check();
  await page.getByRole("button", { name: "Let in" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("button", { name: `Remove owner@${domain}` }).click();
  await page.getByText("Nobody else.").waitFor();
  await page.getByRole("link", { name: address }).click();
  await page.getByRole("link", { name: "Masked addresses" }).click();
  await page.getByLabel("What it is for").fill("Shop");
  await page.getByRole("button", { name: "Make the address" }).click();
  const masked = await page.locator(".secret").textContent();
  assert.match(masked, /^.+@.+$/);
  await page.getByRole("button", { name: `Switch off ${masked}` }).click();
  await page.getByRole("button", { name: `Delete ${masked}` }).click();
  await page.getByText("There is no masked address.").waitFor();
}

async function file(page, demo, who) {
  const { portal_url: portal } = demo.info;
  await page.goto(portal);
  const domain = (await page.locator(".email").first().textContent()).split("@")[1];
  const csv = `address,name,generate\n${who}-one@${domain},One,yes\n${who}-two@${domain},Two,yes\nbroken,Three,yes\n`;
  const send = async (check) => {
    await page.goto(`${portal}mailboxes/import`);
    await page.getByLabel("CSV file").setInputFiles({ name: "a.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
    await page.getByLabel("Where rows are refused").selectOption({ label: "Make the good rows, tell the others" });
    await page.getByLabel("Only try; make nothing").setChecked(check);
    await page.getByRole("button", { name: "Go on" }).click();
    for (let i = 0; i < 40 && !(await page.getByText("Done", { exact: true }).count()); i += 1) {
      await page.waitForTimeout(300);
      await page.reload();
    }
    return page.locator("dl").textContent();
  };
  assert.match(await send(true), /Good2.*Refused1/s);
  assert.match(await send(false), /Made2.*Refused1/s);
  const refused = await page.request.get(`${portal}${(await page.getByRole("link", { name: "Only the refused rows" }).getAttribute("href")).slice(1)}`);
  assert.match(await refused.text(), /broken/);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Passwords that were made" }).click();
  assert.match((await download).suggestedFilename(), /passwords\.csv$/);

  await page.goto(`${portal}mailboxes?q=${who}-`);
  await page.getByLabel(`Tick ${who}-one@${domain}`).check();
  await page.getByLabel(`Tick ${who}-two@${domain}`).check();
  await page.getByLabel("Reason").fill("Holidays");
  await page.getByRole("button", { name: "Suspend them" }).click();
  await page.getByText("Saved.").waitFor();
  await page.goto(`${portal}mailboxes?q=${who}-`);
  const restricted = page.getByText("Restricted", { exact: true });
  for (let i = 0; i < 20 && (await restricted.count()) < 2; i += 1) {
    await page.waitForTimeout(300);
    await page.reload();
  }
  assert.equal(await restricted.count(), 2);
  await page.getByLabel(`Tick ${who}-one@${domain}`).check();
  await page.getByLabel(`Tick ${who}-two@${domain}`).check();
  await page.getByRole("button", { name: "Delete them" }).click();
  await page.getByRole("button", { name: "Delete them all" }).click();
  await page.getByText("Saved.").waitFor();
  await page.goto(`${portal}mailboxes?q=${who}-`);
  await page.getByText("Nothing found").waitFor();
}

// Mail that was deleted for good comes back.
async function recovered(page, demo, account) {
  const { imap, smtp } = demo.info;
  await send(smtp.mx_port, { from: "friend@elsewhere.example", to: account.address, subject: "Lost and found" });
  await arrives(imap.port, account, "Subject: Lost and found");
  await empty(imap.port, account);
  assert.equal((await inbox(imap.port, account)).count, 0);
  await page.getByRole("link", { name: "Deleted mail" }).click();
  await page.getByRole("button", { name: "Bring back: Lost and found" }).click();
  await page.getByText("It is back.").waitFor();
  await arrives(imap.port, account, "Subject: Lost and found");
}

// All mail of a mailbox goes along as files, and is gone when its user says so.
async function exported(page, demo, account) {
  await page.goto(demo.info.portal_url);
  await page.getByRole("link", { name: "Take mail along" }).click();
  await titled(page, "Take mail along");
  await page.getByLabel("Days until it is destroyed").fill("3");
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await titled(page, account.address);
  const ready = page.getByText("Ready", { exact: true });
  for (let i = 0; i < 60 && !(await ready.count()); i += 1) {
    await page.waitForTimeout(500);
    await page.goto(page.url());
  }
  await page.getByRole("button", { name: "Make download links" }).click();
  await page.getByText("Here are the links.").waitFor();
  const link = new URL(await page.getByRole("link", { name: "export-1.zip" }).getAttribute("href"), demo.info.portal_url).href;
  const whole = await page.request.get(link);
  const bytes = await whole.body();
  assert.equal(bytes.subarray(0, 2).toString(), "PK");
  assert.ok(bytes.includes("Subject: Lost and found"), "the mail is in the archive");
  const rest = await page.request.get(link, { headers: { Range: "bytes=100-", "If-Range": whole.headers().etag } });
  assert.equal(rest.status(), 206);
  assert.ok(bytes.subarray(100).equals(await rest.body()), "a download goes on where it was");
  await arrives(demo.info.imap.port, account, "Subject: The export of");
  await page.getByRole("button", { name: "Destroy it now" }).click();
  await page.getByText("It is destroyed.").waitFor();
  assert.equal((await page.request.get(link)).status(), 404);
}

async function user(page, demo, account) {
  const { portal_url: portal } = demo.info;
  await page.goto(`${portal}sign-in`);
  await page.getByRole("link", { name: "Sign in to a mailbox" }).click();
  await page.getByLabel("E-mail address").fill(account.address);
  await page.getByLabel("Password").fill(account.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await titled(page, account.address);
  for (const path of ["domains", "access/members"]) {
    const response = await page.goto(portal + path);
    assert.ok(response.status() < 500, `${path}: ${response.status()}`);
    assert.equal(await page.getByText("owner@").count(), 0, path);
  }
  await page.goto(portal);
  await recovered(page, demo, account);
  await exported(page, demo, account);
  await page.goto(portal);
  await page.getByRole("link", { name: "App passwords" }).click();
  await page.getByLabel("Name of the device").fill("Tablet");
  await page.getByRole("button", { name: "Make the password" }).click();
  assert.ok(await demo.opens(account.address, await page.locator(".secret").textContent()));
  await page.goto(`${portal}security/password`);
  await page.getByLabel("New password").fill("another good sentence");
  await page.getByLabel("The same again").fill("another good sentence");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The password was set.").waitFor();
  assert.ok(await demo.opens(account.address, "another good sentence"));
  assert.ok(!(await demo.opens(account.address, account.password)));
}

async function passkey(page, demo, tenant) {
  const { portal_url: portal } = demo.info;
  const browser = await page.context().newCDPSession(page);
  await browser.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  await browser.send("WebAuthn.addVirtualAuthenticator", { options });
  await page.goto(`${portal}security/passkey`);
  await page.getByLabel("Name of the device").fill("Laptop");
  await page.getByRole("button", { name: "Add the passkey" }).click();
  await page.getByText("The passkey counts from now on.").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  await page.goto(`${portal}sign-in?next=/security`);
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await titled(page, "My security");
  await page.getByRole("button", { name: "Remove Laptop" }).click();
  await page.getByText("Removed.").waitFor();
}

async function watched(page, demo, name) {
  await page.goto(`${demo.info.portal_url}domains`);
  await page.getByLabel("Domain", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Add a domain" }).click();
  await titled(page, name);
  await page.getByText("Not looked at yet.", { exact: false }).first().waitFor();
  const answer = await page.waitForResponse((r) => r.url().endsWith("/watch") && r.status() === 200);
  assert.match(await answer.text(), /name="round" value="1"/);
}

async function everything(pages, demo, tenant, who, options) {
  const page = await pages.open(options);
  await signIn(page, demo, tenant);
  await setUp(page, demo);
  await access(page, pages, demo, who, options);
}

async function mail(pages, demo, tenant, who, options) {
  const page = await pages.open(options);
  await signIn(page, demo, tenant);
  await mailSetUp(page, demo, { ...options, pages });
  await ofMailbox(page, demo);
  await file(page, demo, who);
}

export const pagesJourneys = [
  ["devices, people and access, with scripts", (pages, demo) => everything(pages, demo, "Bakery", "cy", {})],
  ["devices, people and access, without scripts", (pages, demo) => everything(pages, demo, "Studio", "di", { javaScriptEnabled: false })],
  ["addresses, app passwords, delegates and files, with scripts", (pages, demo) => mail(pages, demo, "Bakery", "fay", {})],
  ["addresses, app passwords, delegates and files, without scripts", (pages, demo) => mail(pages, demo, "Studio", "gil", { javaScriptEnabled: false })],
  ["a passkey signs in", async (pages, demo) => {
    const page = await pages.open();
    await signIn(page, demo, "Bakery");
    await passkey(page, demo, "Bakery");
  }],
  ["the user of a mailbox helps herself", async (pages, demo) => {
    const page = await pages.open();
    await user(page, demo, demo.tenant("Bakery").accounts.find((a) => a.address.startsWith("ben@")));
    await page.goto(demo.info.portal_url);
    await pages.check("user");
  }],
  ["the user of a mailbox helps himself without scripts", async (pages, demo) => {
    const page = await pages.open({ javaScriptEnabled: false });
    await user(page, demo, demo.tenant("Studio").accounts.find((a) => a.address.startsWith("dario@")));
  }],
  ["a domain is looked at while its page is open", async (pages, demo) => {
    const page = await pages.open();
    await signIn(page, demo, "Bakery");
    await watched(page, demo, "watched.example");
  }],
];
