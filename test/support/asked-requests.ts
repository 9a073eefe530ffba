import { setTimeout } from "node:timers/promises";
import type { Page } from "playwright-core";

/** In the page: the addresses that it asked for, and the number of answers that it has not read. */
const NOTE = `(() => {
  if (window.asked !== undefined) return;
  window.asked = [];
  window.underWay = 0;
  const counted = (call) => function (...values) {
    window.underWay++;
    return call.apply(this, values).finally(() => window.underWay--);
  };
  const ask = window.fetch;
  window.fetch = counted((address, options) => {
    window.asked.push(new URL(address, location.href).href);
    return ask(address, options);
  });
  for (const read of ["json", "text", "arrayBuffer"])
    Response.prototype[read] = counted(Response.prototype[read]);
})()`;

/**
 * Notes in the page itself what it asks for. The driver hears of a request some time after the page
 * has sent it, and of its answer some time before the page has read it.
 */
export async function noteRequests(page: Page): Promise<void> {
  await page.addInitScript(NOTE);
  await page.evaluate(NOTE);
}

/** The addresses that the page has asked for since {@link noteRequests} or a load of the page. */
export function askedRequests(page: Page): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>("asked");
}

/** Resolves when the page waits for no answer and reads none. */
export async function untilAnswered(page: Page): Promise<void> {
  while ((await page.evaluate<number>("underWay")) > 0) await setTimeout(2);
}
