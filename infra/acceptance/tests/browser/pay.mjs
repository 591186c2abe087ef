// Scenes for tests/browser.rs: `node pay.mjs <scene> <arguments>`. Ends with 0 when everything was as expected.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
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
    await page.locator(`.opblock-tag[data-tag="${path.split("/")[3]}"]`).click();
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

// The seat map: as many seats as there are, each with words for those who hover or listen, none upon another or beyond the edge.
// A picture of it is kept for people.
async function map(page, url, seats, states, shot) {
  await page.setViewportSize({ width: 1280, height: 900 });
  const answer = await page.goto(url);
  assert.equal(answer.status(), 200);
  const shown = await page.evaluate(() => [...document.querySelectorAll("use[id^=s]")].map((seat) => {
    const { x, y, width, height } = seat.getBBox();
    return { x, y, width, height, title: seat.querySelector("title")?.textContent };
  }));
  const [, , width, height] = (await page.evaluate(() => document.documentElement.getAttribute("viewBox"))).split(" ").map(Number);
  assert.equal(shown.length, Number(seats));
  for (const [number, seat] of shown.entries()) {
    assert.match(seat.title, /^.+, row .+, seat .+: (free|reserved|sold)/);
    assert.ok(seat.x >= 0 && seat.y >= 0 && seat.x + seat.width <= width && seat.y + seat.height <= height, seat.title);
    for (const other of shown.slice(number + 1)) {
      const apart = Math.hypot(seat.x - other.x, seat.y - other.y);
      assert.ok(apart > 19, `${seat.title} lies upon ${other.title}`);
    }
  }
  for (const state of states.split(",")) assert.ok(shown.some((seat) => seat.title.includes(state)), `no seat is ${state}`);
  // Chromium takes no picture of a document that is nothing but an SVG.
  const picture = await answer.text();
  await page.goto("about:blank");
  await page.setContent(picture);
  await page.screenshot({ path: shot, fullPage: true });
}

// Every mail on a phone and on a desk, in both colour schemes: nothing is wider than the screen, everything can be read, and a
// picture of it is kept for people.
async function mails(page, file, folder) {
  const dot = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='240' height='240'/%3E";
  for (const [name, html] of JSON.parse(await readFile(file, "utf8"))) {
    for (const [width, height] of [[320, 640], [390, 844], [1280, 900]]) {
      for (const colorScheme of ["light", "dark"]) {
        const what = `${name} at ${width} in ${colorScheme}`;
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        await page.setContent(html.replaceAll(/cid:[^"]+/g, dot));
        assert.deepEqual(await page.evaluate(inspect), [], what);
        await page.screenshot({ path: path.join(folder, `${name}_${width}_${colorScheme}.png`), fullPage: true });
      }
    }
  }
}

// What is wrong with the page that is shown. Runs in it.
function inspect() {
  const problems = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) problems.push(`it is ${document.documentElement.scrollWidth} wide`);
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [red, green, blue] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (box.width > 0 && (box.right > width + 1 || box.left < -1)) problems.push(`${element.tagName} sticks out: ${element.textContent.slice(0, 40)}`);
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!says || box.width === 0) continue;
    const style = getComputedStyle(element);
    if (parseFloat(style.fontSize) < 13) problems.push(`too small: ${element.textContent.slice(0, 40)}`);
    const [a, b] = [light(style.color), light(behind(element))].sort((one, other) => other - one);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) problems.push(`contrast ${contrast.toFixed(1)}: ${element.textContent.slice(0, 40)}`);
  }
  return problems;
}

const scenes = { docs, pay, mailbox, mails, map };
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
