// Moving in: a mailbox at another provider (here: another one of this server, over IMAP) is looked at, brought, followed, paused and ended, with
// scripts and without; a wrong password is told before anything is begun.
import assert from "node:assert/strict";
import { signIn, titled } from "./journeys.mjs";
import { arrives, inbox, send } from "./mail.mjs";

// Two mailboxes of the bakery: where mail is, and where it goes.
async function mailboxes(demo, name) {
  const tenant = demo.tenant("Bakery");
  const domain = tenant.people[0].address.split("@")[1];
  const made = [];
  for (const local of [`${name}-old`, `${name}-new`]) {
    const account = { address: `${local}@${domain}`, password: "elsewhere it was another" };
    const { mailboxCreate } = await demo.ask(tenant.token, "mutation($i: MailboxCreateInput!) { mailboxCreate(input: $i) { userErrors { message } } }", { i: account });
    assert.deepEqual(mailboxCreate.userErrors, []);
    made.push(account);
  }
  return made;
}

async function fill(page, demo, [from, to], password) {
  await page.getByLabel("Into the mailbox").fill(to.address);
  await page.getByLabel("From", { exact: true }).selectOption({ label: "Another provider" });
  await page.getByLabel("Server").fill("127.0.0.1");
  await page.getByLabel("Port").fill(String(demo.info.imap.port));
  await page.getByLabel("Protection").selectOption({ label: "None: within networks of the operator alone" });
  await page.getByLabel("User name there").fill(from.address);
  await page.getByLabel("Password there").fill(password);
}

// A page without scripts cannot be looked at by axe, which is one.
async function moves(page, check, demo, name) {
  const [from, to] = await mailboxes(demo, name);
  const port = demo.info.imap.port;
  for (const subject of ["first", "second"]) {
    await send(demo.info.smtp.mx_port, { from: "x@elsewhere.example", to: from.address, subject: `${name} ${subject}` });
    await arrives(port, from, `${name} ${subject}`);
  }
  await signIn(page, demo, "Bakery");
  await page.goto(`${demo.info.portal_url}move`);
  await titled(page, "Move in");
  await fill(page, demo, [from, to], "not it");
  await page.getByRole("button", { name: "Look what is there" }).click();
  await page.getByRole("alert").getByText("does not let us in").waitFor();
  await check(`${name}-refused`);
  await fill(page, demo, [from, to], from.password);
  await page.getByRole("button", { name: "Look what is there" }).click();
  await titled(page, "This is there");
  await page.getByText(/^2 messages/).waitFor();
  await check(`${name}-looked`);
  assert.equal((await inbox(port, to)).count, 0, "nothing is brought by a look");
  await page.getByRole("button", { name: "Bring it" }).click();
  await titled(page, to.address);
  await arrives(port, to, `${name} second`);
  for (let tries = 0; !(await page.getByText("Up to date").count()); tries += 1) {
    assert.ok(tries < 60, await page.locator("main").innerText());
    await page.waitForTimeout(500);
    await page.reload();
  }
  await page.getByText("2 messages brought").waitFor();
  await check(`${name}-moved`);
  await send(demo.info.smtp.mx_port, { from: "x@elsewhere.example", to: from.address, subject: `${name} third` });
  await arrives(port, from, `${name} third`);
  await page.getByRole("button", { name: "Look again now" }).click();
  await arrives(port, to, `${name} third`);
  assert.equal((await inbox(port, to)).count, 3, "each once");
  await page.reload();
  await page.getByRole("button", { name: "End it and destroy the password" }).click();
  await page.getByText("It has ended, and the password is destroyed.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Go on" }).count(), 0);
}

export const moveJourneys = [
  ["a mailbox moves in, with scripts", async (pages, demo) => moves(await pages.open(), (what) => pages.check(what), demo, "movea")],
  ["a mailbox moves in, without scripts", async (pages, demo) => moves(await pages.open({ javaScriptEnabled: false }), () => {}, demo, "moveb")],
];
