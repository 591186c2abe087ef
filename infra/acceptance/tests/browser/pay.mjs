// Scenes for tests/browser.rs: `node pay.mjs <scene> <arguments>`. Ends with 0 when everything was as expected.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const load = createRequire(path.join(process.env.GIGGLEFEST_NODE_MODULES, "browser.js"));
const { chromium: driver } = load("playwright-core");
const chromium = await import(load.resolve("@sparticuz/chromium")).then((module) => module.default);

const PATIENCE = 30_000;

// Swagger UI with its operations; everything it loads comes from the fleet itself.
async function docs(page, url, ...paths) {
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const answer = await page.goto(url);
  assert.equal(answer.status(), 200);
  for (const path of paths) {
    await page.locator(`.opblock-summary-path[data-path="${path}"]`).first().waitFor();
  }
  const operations = await page.locator(".opblock").count();
  assert.ok(operations >= 30, `only ${operations} operations are shown`);
  const first = page.locator(".opblock").first();
  await first.locator(".opblock-summary-control").click();
  await first.locator(".responses-wrapper").waitFor();
  const home = new URL(url).origin;
  const elsewhere = asked.filter((url) => !url.startsWith(`${home}/`) && !url.startsWith("data:") && !url.startsWith("blob:"));
  assert.deepEqual(elsewhere, []);
}

// The payment page: choose a method, pay, and be led back to the shop.
async function pay(page, url, method, order, finish) {
  await page.goto(url);
  assert.equal(await page.locator("#order").textContent(), order);
  await page.locator(`#method-${method}`).check();
  await page.locator("#pay").click();
  await page.locator('#result[data-status="settlement"]').waitFor();
  await page.locator("#continue").click();
  await page.waitForURL((url) => url.href.startsWith(finish));
  const text = await page.locator("body").innerText();
  assert.ok(text.includes(order), `the last page does not name the order: ${text}`);
}

// The mailbox: the mail with the tickets, with its QR codes shown.
async function mailbox(page, url, subject) {
  await page.goto(url);
  await page.getByText(subject).first().click();
  const pictures = async () => {
    for (const frame of page.frames()) {
      const shown = await frame.evaluate(() => [...document.images].filter((image) => image.naturalWidth > 100).length);
      if (shown >= 2) return true;
    }
    return false;
  };
  const end = Date.now() + PATIENCE;
  while (!(await pictures())) {
    assert.ok(Date.now() < end, "the mail does not show its QR codes");
    await page.waitForTimeout(200);
  }
}

const scenes = { docs, pay, mailbox };
const [scene, ...given] = process.argv.slice(2);
const browser = await driver.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: true,
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await scenes[scene](page, ...given);
  if (scene !== "mailbox") assert.deepEqual(problems, [], "the page reports errors");
} finally {
  await browser.close();
}
