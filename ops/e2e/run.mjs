// The portal in a real browser: `node ops/e2e/run.mjs --binary target/debug/posthouse`.
//
// Starts `posthouse demo --json` in a folder of its own, walks through the pages with scripts on and off and by keyboard alone, has axe-core
// look at every page, keeps screenshots below target/e2e/screens, prints one line per check and a summary. Fails if a check did.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Demo } from "./demo.mjs";
import { launch, look } from "./browser.mjs";
import { journeys } from "./journeys.mjs";

const target = process.env.CARGO_TARGET_DIR ?? "target";
const { values: options } = parseArgs({
  options: { binary: { type: "string", default: join(target, "debug", "posthouse") }, only: { type: "string" } },
});
const screens = resolve(target, "e2e", "screens");
rmSync(screens, { recursive: true, force: true });
mkdirSync(screens, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "posthouse-e2e-"));
const demo = new Demo(resolve(options.binary), join(folder, "data"));
let [ran, failed] = [0, 0];
let browser;
try {
  await demo.start();
  browser = await launch(join(folder, "browser"));
  for (const [title, journey] of journeys.filter(([title]) => title.includes(options.only ?? ""))) {
    const begin = performance.now();
    let verdict = "PASS";
    let detail = "";
    const pages = look(browser, screens);
    try {
      await journey(pages, demo);
      detail = pages.complaints().join("\n     ");
    } catch (error) {
      detail = String(error.stack ?? error).slice(0, 2000);
      await pages.shot("failed").catch(() => {});
    }
    await pages.close();
    if (detail) [verdict, failed] = ["FAIL", failed + 1];
    ran += 1;
    console.log(`${verdict} ${title} (${((performance.now() - begin) / 1000).toFixed(2)} s)`);
    if (detail) console.log(`     ${detail}`);
  }
} finally {
  await browser?.close();
  await demo.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`browser: ${ran - failed} passed, ${failed} failed; screenshots in ${screens}`);
process.exit(failed || !ran ? 1 : 0);
