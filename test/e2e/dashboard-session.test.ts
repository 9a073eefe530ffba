import { equal } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page, Route } from "playwright-core";
import {
  type AdminWorld,
  expectOnlyAnswers,
  startAdminWorld,
  untilFocused,
} from "../support/admin-pages.ts";
import { unlessTool } from "../support/tools.ts";

const skip = unlessTool("chromium");

const ENDED = "Your session has ended.";

let world: AdminWorld;
before(async () => {
  if (skip === false) world = await startAdminWorld();
});
after(() => world?.[Symbol.asyncDispose]());

/** The dialog that makes a key, with a name typed into it. */
async function typeName(page: Page, name: string): Promise<void> {
  await world.show(page, "#/keys");
  await page.getByRole("button", { name: "New key" }).click();
  await untilFocused(page, "Name");
  await page.keyboard.type(name);
}

/** Signs in where the session has ended. */
async function signInAgain(page: Page): Promise<void> {
  await page.getByText(ENDED).waitFor();
  await untilFocused(page, "API key");
  await page.keyboard.type(world.keys.ops);
  await page.keyboard.press("Enter");
  await page.getByText(ENDED).waitFor({ state: "detached" });
}

/** Holds the next question about the session. */
async function holdSession(page: Page) {
  const url = `${world.service.url}/session`;
  const asked = Promise.withResolvers<Route>();
  const take = (route: Route) =>
    route.request().method() === "GET" ? asked.resolve(route) : route.fallback();
  await page.route(url, take);
  return {
    asked: asked.promise,
    /** Answers it. Without an answer, the service does. */
    release: async (json?: unknown) => {
      const route = await asked.promise;
      const answer = page.waitForResponse((response) => response.request() === route.request());
      await (json === undefined ? route.continue() : route.fulfill({ json }));
      await (await answer).finished();
      // What the page makes of it is done before this returns.
      await page.evaluate("new Promise((done) => setTimeout(done))");
    },
  };
}

test("when the session ends below a dialog, what was typed in it stays", { skip }, async () => {
  const shown = await world.open();
  const { page } = shown;
  await typeName(page, "half-typed");
  await page.context().clearCookies();
  await page.keyboard.press("Enter");
  await page.getByText(ENDED).waitFor();
  await untilFocused(page, "API key");
  // A dialog of the browser would obey the second Escape.
  for (let at = 0; at < 2; at++) await page.keyboard.press("Escape");
  await signInAgain(page);
  await untilFocused(page, "Name");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The key half-typed was made" }).waitFor();
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("the sign-in comes only after the service said that the session has ended", {
  skip,
}, async () => {
  const shown = await world.open();
  const { page } = shown;
  await typeName(page, "half");
  const session = await holdSession(page);
  const refused = page.waitForResponse((response) => response.status() === 401);
  await page.route(`${world.service.url}/keys`, (route) =>
    route.request().method() === "POST"
      ? route.fulfill({ status: 401, json: {} })
      : route.fallback(),
  );
  await page.keyboard.press("Enter");
  await (await refused).finished();
  await session.asked;
  await page.getByText("The key of this session has ended.").waitFor();
  equal(await page.getByText(ENDED).count(), 0);
  // It has not, so what is typed goes into the dialog.
  await page.keyboard.type("-typed");
  await session.release();
  equal(await page.getByText(ENDED).count(), 0);
  equal(await page.getByLabel("Name").inputValue(), "half-typed");
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("a late answer about the session does not undo a sign-in", { skip }, async () => {
  const shown = await world.open();
  const { page } = shown;
  await typeName(page, "late");
  await page.context().clearCookies();
  await page.keyboard.press("Enter");
  await page.getByText(ENDED).waitFor();
  const session = await holdSession(page);
  // As after a look at another tab, where the key was copied.
  await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
  await session.asked;
  await signInAgain(page);
  await session.release({ signed_in: false, read: "keys" });
  equal(await page.getByText(ENDED).count(), 0);
  await untilFocused(page, "Name");
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});

test("after the sign-in the focus is where it was, also if its code had to be loaded", {
  skip,
}, async () => {
  const shown = await world.open();
  const { page } = shown;
  await world.show(page, "#/inbox");
  // In a new document, the code of the sign-in has not been loaded.
  await page.reload();
  const search = page.getByRole("combobox");
  await search.fill("order");
  const code = Promise.withResolvers<Route>();
  await page.route(/\.js$/, (route) => code.resolve(route), { times: 1 });
  await page.context().clearCookies();
  const route = await code.promise;
  // The browser takes the focus from what is inert when it draws.
  await page.locator(".frame[inert]").waitFor();
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
  await route.continue();
  await signInAgain(page);
  equal(await page.evaluate("document.activeElement.id"), await search.getAttribute("id"));
  equal(await search.inputValue(), "order");
  expectOnlyAnswers(shown, world.service.url);
  await page.context().close();
});
