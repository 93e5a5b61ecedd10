/**
 * Drives a real browser for a test. In: one JSON array a line, [name, ...arguments]. Out: one JSON object a line,
 * {value} or {error}. Every request of the page is recorded.
 */

import { createInterface } from "node:readline";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { chromium } from "../../web/node_modules/playwright-core/index.mjs";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const TIMEOUT = 60_000; // ms
const home = await mkdtemp(join(tmpdir(), "browser-"));
const context = await chromium.launchPersistentContext(home, {
  executablePath: process.argv[2],
  headless: true,
  chromiumSandbox: false,
  args: [...FLAGS, "--disable-component-update", "--disable-sync"],
  viewport: null,
});
const requests = [];
let complaints = []; // messages of the console: errors of scripts and of the security policy
let page;
let chooser; // the last file chooser that the page opened

context.on("request", (request) => requests.push(request.url()));

async function newPage() {
  const fresh = await context.newPage();
  fresh.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  fresh.on("filechooser", (opened) => (chooser = opened));
  fresh.on("pageerror", (error) => complaints.push(String(error)));
  return fresh;
}

async function until(reached) {
  for (const end = Date.now() + TIMEOUT; Date.now() < end; await setTimeout(20)) {
    if (await reached()) return;
  }
  throw new Error(`not reached: ${reached}`);
}

const commands = {
  async open(address, { width = 1280, height = 900, colorScheme = "light" } = {}) {
    await page?.close();
    page = await newPage();
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.goto(address);
  },
  cut: (offline) => context.setOffline(offline),
  choose: (...paths) => page.setInputFiles("#file", paths),
  async chooseByKey(key, path) {
    chooser = undefined;
    await page.keyboard.press(key);
    await until(() => chooser);
    await chooser.setFiles(path);
  },
  press: (key) => page.keyboard.press(key),
  // Not waitForFunction: it evaluates text inside the page, which the security policy forbids.
  wait: (expression) => until(() => page.evaluate(expression)),
  evaluate: (code, argument) => page.evaluate(`(${code})(${JSON.stringify(argument ?? null)})`),
  shot: (path, fullPage = true) => page.screenshot({ path, fullPage }).then(() => null),
  requests: () => requests,
  complaints: () => complaints,
  forgive: (words) => void (complaints = complaints.filter((complaint) => !complaint.includes(words))),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...rest] = JSON.parse(line);
  let reply;
  try {
    reply = { value: (await commands[name](...rest)) ?? null };
  } catch (error) {
    reply = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
await context.close();
await rm(home, { recursive: true, force: true });
