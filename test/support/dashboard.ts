import { equal, ok } from "node:assert/strict";

/** Opens the built dashboard of a service as a browser would: the page, and each file it names. */
export async function opensDashboard(url: string): Promise<void> {
  const page = await fetch(url, { headers: { accept: "text/html" } });
  equal(page.url, `${url}/ui/`);
  equal(page.status, 200);
  const named = [...(await page.text()).matchAll(/(?:src|href)="(\.\/assets\/[^"]+)"/g)];
  ok(named.length >= 2, `${named.length} files`);
  for (const [, name = ""] of named) {
    const file = await fetch(new URL(name, page.url));
    equal(file.status, 200, name);
    ok(["br", "gzip"].includes(file.headers.get("content-encoding") ?? ""), name);
    ok((await file.text()).length > 0, name);
  }
}
