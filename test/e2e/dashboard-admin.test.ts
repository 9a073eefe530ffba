import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page, Route } from "playwright-core";
import { sign } from "../../src/providers/signature.ts";
import {
  type AdminWorld,
  expectOnlyAnswers,
  startAdminWorld,
  tabTo,
  untilFocused,
} from "../support/admin-pages.ts";
import { expectAccessible, expectNoOverflow, screenshot } from "../support/browser.ts";
import { body } from "../support/service.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

/** The service notes every 9 s which secrets were used, and the page asks every 5 s. */
const USE_KNOWN_MS_MAX = 40_000;

let world: AdminWorld;
before(async () => {
  if (skip === false) world = await startAdminWorld({ MASTER_KEY: "0123456789abcdef".repeat(4) });
});
after(() => world?.[Symbol.asyncDispose]());

const statusWith = async (key: string) =>
  (await fetch(`${world.service.url}/stats`, { headers: { authorization: `Bearer ${key}` } }))
    .status;

/** The new key in the dialog that shows it. */
const shownOnce = async (page: Page) => (await page.locator(".once code").textContent()) ?? "";

test("a key is made, used, rotated and revoked with the keyboard only", { skip }, async () => {
  const shown = await world.open();
  const { page } = shown;
  await world.show(page, "#/keys");
  await page.getByRole("cell", { name: "ops this is you" }).waitFor();
  equal(await page.title(), "API keys · Lyftr");

  await tabTo(page, "New key");
  await page.keyboard.press("Enter");
  await untilFocused(page, "Name");
  await page.keyboard.type("a b");
  await page.keyboard.press("Enter");
  await page.getByText("Letters, digits, dots").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("job");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The key job was made" }).waitFor();
  const first = await shownOnce(page);
  match(first, /^lyftr_[0-9A-Za-z]{49}$/);
  equal(await statusWith(first), 200);
  await expectAccessible(page);
  await screenshot(page, "key-made");
  // Browsers close a dialog at the second Escape, even if the first one was refused.
  for (let at = 0; at < 3; at++) await page.keyboard.press("Escape");
  equal(await shownOnce(page), first);
  await tabTo(page, "I have kept it");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await untilFocused(page, "New key");
  ok(!(await page.content()).includes(first), "the key is not kept in the page");

  await tabTo(page, "Rotate the key job");
  await page.keyboard.press("Enter");
  await untilFocused(page, "The old key ends");
  await tabTo(page, "Make the new key");
  await page.keyboard.press("Enter");
  await page.getByText("is accepted until").waitFor();
  const second = await shownOnce(page);
  equal(await statusWith(first), 200);
  equal(await statusWith(second), 200);
  await tabTo(page, "I have kept it");
  await page.keyboard.press("Enter");
  await page.getByText("Replaced: ends in 24 h").waitFor();
  equal(await page.getByRole("button", { name: "Rotate the key job" }).count(), 0);

  await tabTo(page, "Revoke the key job");
  await page.keyboard.press("Enter");
  await untilFocused(page, "Type job to confirm");
  await page.keyboard.type("jo");
  ok(await page.getByRole("button", { name: "Revoke the key", exact: true }).isDisabled());
  await page.keyboard.press("Enter");
  equal(await statusWith(first), 200);
  await page.keyboard.type("b");
  await page.keyboard.press("Enter");
  await page.getByText("The key job was revoked.").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await untilFocused(page, "API keys");
  equal(await statusWith(first), 401);
  await page.getByText("1 key that has ended").click();
  await page.getByText(/^Revoked /).waitFor();
  await expectAccessible(page);
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

/** The status of a webhook that is signed with a secret. */
let sent = 0;
async function statusSignedWith(secret: string): Promise<number> {
  const payload = body({ message_id: `signed-${++sent}` });
  const answer = await fetch(`${world.service.url}/webhook`, {
    method: "POST",
    body: payload,
    headers: {
      "content-type": "application/json",
      "x-signature": sign(secret, Buffer.from(payload)),
    },
  });
  return answer.status;
}

async function addSecret(page: Page, name: string): Promise<string> {
  await tabTo(page, "Add a secret");
  await page.keyboard.press("Enter");
  await untilFocused(page, "Secret");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `The secret ${name} was added` }).waitFor();
  const secret = await shownOnce(page);
  match(secret, /^[0-9a-f]{64}$/);
  await tabTo(page, "I have kept it");
  await page.keyboard.press("Enter");
  await untilFocused(page, "Add a secret");
  return secret;
}

test("a webhook secret is exchanged with the keyboard only", { skip }, async () => {
  const shown = await world.open();
  const { page } = shown;
  await world.show(page, "#/sources");
  const step = page.locator('[aria-current="step"]');
  await step.getByText("Add a secret").waitFor();
  await expectAccessible(page);
  const old = await addSecret(page, "autumn");
  await step.getByText("Give it to the sender").waitFor();
  const fresh = await addSecret(page, "winter");
  await page.getByText("Give winter to the sender").waitFor();
  deepEqual([await statusSignedWith(old), await statusSignedWith(fresh)], [200, 200]);

  await page
    .getByRole("row", { name: /^winter/ })
    .locator("time")
    .waitFor({ timeout: USE_KNOWN_MS_MAX });
  await step.getByText("Watch").waitFor();
  await tabTo(page, "Retire the secret autumn");
  await page.keyboard.press("Enter");
  await page.getByText("Webhooks may be lost.").waitFor();
  await expectAccessible(page);
  await tabTo(page, "Type autumn to retire it all the same");
  await page.keyboard.type("winter");
  ok(await page.getByRole("button", { name: "Retire the secret", exact: true }).isDisabled());
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("autumn");
  await page.keyboard.press("Enter");
  await page.getByText("The secret autumn is refused from now on.").waitFor();
  deepEqual([await statusSignedWith(old), await statusSignedWith(fresh)], [401, 200]);
  ok(!(await page.content()).includes(fresh), "the secret is not kept in the page");
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

interface AdminPage {
  readonly address: string;
  /** What the page asks for. */
  readonly path: string;
  readonly empty: unknown;
  readonly emptyText: string;
  /** A row that is there. */
  readonly row: RegExp;
}

const PAGES: readonly AdminPage[] = [
  {
    address: "#/keys",
    path: "keys",
    empty: { data: [] },
    emptyText: "No API keys yet",
    row: /^ops/,
  },
  {
    address: "#/sources",
    path: "secrets",
    empty: { data: [], processes: 1, master_key_set: false },
    emptyText: "Secrets cannot be added yet",
    row: /^current/,
  },
  {
    address: "#/audit",
    path: "audit",
    empty: { data: [], next_before: null },
    emptyText: "Nothing was audited yet",
    row: /The API key ops was created/,
  },
];

test("each page has its states: forbidden, failing, empty, with data; also on a phone", {
  skip,
}, async () => {
  const reader = await world.open(world.keys.grafana);
  for (const { address } of PAGES) {
    await world.show(reader.page, address);
    await reader.page.getByText("Your key grafana may read, not administer.").waitFor();
  }
  equal(await reader.page.getByRole("link", { name: "API keys" }).count(), 0);
  expectOnlyAnswers(reader, world.service.url);
  await reader.page.context().close();

  const shown = await world.open();
  const { page } = shown;
  for (const { address, path, empty, emptyText, row } of PAGES) {
    const url = `${world.service.url}/${path}`;
    await page.route(url, (route) =>
      route.fulfill({ status: 503, headers: { "retry-after": "60" }, body: "{}" }),
    );
    await world.show(page, address);
    await page.getByText("The service cannot answer at the moment.").waitFor();
    await page.unrouteAll({ behavior: "wait" });
    await page.route(url, (route) => route.fulfill({ json: empty }));
    await page.getByRole("button", { name: "Now" }).click();
    await page.getByText(emptyText).waitFor();
    await expectAccessible(page);
    await page.unrouteAll({ behavior: "wait" });
    await world.show(page, "#/health");
    await page.getByRole("heading", { level: 1, name: "Health" }).waitFor();
    await world.show(page, address);
    await page.getByRole("row", { name: row }).first().waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await expectNoOverflow(page);
    await expectAccessible(page);
    await screenshot(page, `${path}-phone`);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("a form that is being sent is not sent again by the Enter key", { skip }, async () => {
  const { page } = await world.open();
  await world.show(page, "#/keys");
  await page.getByRole("button", { name: "New key" }).click();
  await untilFocused(page, "Name");
  await page.keyboard.type("once");
  const posts: Route[] = [];
  await page.route(`${world.service.url}/keys`, (route) =>
    route.request().method() === "POST" ? posts.push(route) : route.fallback(),
  );
  await page.keyboard.press("Enter");
  await page.locator('button[type="submit"][aria-busy="true"]').waitFor();
  await page.keyboard.press("Enter");
  // What the second Enter would send has been sent before this answer.
  await page.evaluate("fetch('../health/live')");
  await posts[0]?.continue();
  await page.getByRole("heading", { name: "The key once was made" }).waitFor();
  equal(posts.length, 1);
  await page.context().close();
});
