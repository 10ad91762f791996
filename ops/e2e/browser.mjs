// Debian's chromium, and a page that is looked at: by axe-core, by its console, by how it moves, by screenshots.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

// Installed by ops/test.
const modules = createRequire(join(resolve(process.env.CARGO_TARGET_DIR ?? "target", "e2e"), "/"));
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const WAIT_MS = 15_000;
// What may move in all on a page, as Cumulative Layout Shift counts it: a tenth of what Web Vitals calls good.
const SHIFT_MAX = 0.01;

// Runs in each page: tells every shift of the layout that nobody's click, key or resizing led to.
function tellShifts() {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries().filter((entry) => !entry.hadRecentInput)) {
      sum += shift.value;
      const moved = shift.sources.map(({ node }) => node?.outerHTML ?? node?.textContent ?? "what is gone");
      globalThis.layoutShifted(location.pathname, sum, moved.map((html) => html.slice(0, 80)));
    }
  }).observe({ type: "layout-shift", buffered: true });
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

export function look(browser, screens) {
  const found = [];
  const contexts = [];
  let page;
  const watched = {
    // A page of a visitor that was never here.
    async open(options = {}) {
      const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
      context.setDefaultTimeout(WAIT_MS);
      contexts.push(context);
      if (options.javaScriptEnabled !== false) {
        await context.exposeFunction("layoutShifted", (path, sum, moved) => {
          if (sum > SHIFT_MAX) found.push(`${path} moves by ${sum.toFixed(3)} while it is read: ${moved.join(" | ")}`);
        });
        await context.addInitScript(tellShifts);
      }
      page = await context.newPage();
      page.on("console", (m) => m.type() === "error" && !/status of (402|404|422|403)/.test(m.text()) && found.push(`console: ${m.text()}`));
      page.on("pageerror", (e) => found.push(`script: ${e.message}`));
      return page;
    },
    async shot(name) {
      await page?.screenshot({ path: join(screens, `${name}.png`), fullPage: true });
    },
    // No serious finding, in both colour schemes and on a phone; screenshots of each.
    async check(name) {
      for (const [scheme, width] of [["light", 1200], ["dark", 1200], ["light", 360]]) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize({ width, height: 800 });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        for (const v of violations.filter((v) => ["serious", "critical"].includes(v.impact))) {
          found.push(`axe on ${name} (${scheme}, ${width}): ${v.id}: ${v.nodes.map((n) => n.target).join(", ").slice(0, 300)}`);
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 0) found.push(`${name} is ${wide} px wider than a screen of ${width}`);
        await watched.shot(`${name}-${scheme}-${width}`);
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1200, height: 800 });
    },
    complaints: () => found,
    async close() {
      for (const context of contexts) await context.close();
    },
  };
  return watched;
}

// A code of an authenticator app for a seed in base32 (RFC 6238).
export function totp(seed, at = Date.now()) {
  const bits = [...seed.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.at(-1) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
