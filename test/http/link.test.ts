import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { bearer } from "../support/api-keys.ts";
import { startFilled } from "../support/filled-service.ts";
import { body, post, startService } from "../support/service.ts";

const ADMIN = "an-admin-key-of-the-tests-0123456789-abcdef";

const service = await startFilled(
  Array.from({ length: 230 }, (_, at) => ({
    message_id: `m ${String(at).padStart(3, "0")}`,
    from: at % 2 ? "+11" : `+2${at}`,
    text: at % 3 ? "ünï & ?=#" : '"next_cursor":"x"}',
    ts: `2025-01-15T10:00:${String(at % 60).padStart(2, "0")}Z`,
  })),
);
after(() => service[Symbol.asyncDispose]());

/** The target of rel="next", resolved like a client. */
function nextOf(response: Response): string | undefined {
  const link = response.headers.get("link");
  if (link === null) return undefined;
  match(link, /^<\/[a-z]+\?[\x21-\x7e]+>; rel="next"$/);
  return new URL(/<([^>]*)>/.exec(link)?.[1] ?? "", response.url).href;
}

/** Every entry of a list and the answers' `next` fields, by following the links. */
async function follow(url: string, next: "next_cursor" | "next_before", headers = {}) {
  const all: unknown[] = [];
  for (let at: string | undefined = url; at !== undefined; ) {
    const response: Response = await fetch(at, { headers });
    equal(response.status, 200, at);
    const page = (await response.json()) as {
      data: unknown[];
      next_cursor?: string | null;
      next_before?: string | null;
    };
    all.push(...page.data);
    at = nextOf(response);
    equal(at === undefined, page[next] === null, "a link, if there is a next page");
    ok(all.length <= 1_000);
  }
  return all as readonly { readonly message_id: string; readonly from: string }[];
}

test("a client that asks for more than the limit and follows the links misses nothing, in either order, with filters", async () => {
  const ids = async (query: string) =>
    (await follow(`${service.url}/messages?${query}`, "next_cursor")).map(
      ({ message_id }) => message_id,
    );
  const everything = await ids("limit=200");
  equal(new Set(everything).size, 230);
  deepEqual(await ids("limit=7"), everything);
  deepEqual(await ids("limit=200&order=desc"), everything.toReversed());
  equal((await ids("from=+11&limit=30&since=2025-01-15&source=native&count=none")).length, 115);
  equal((await ids(`q=${encodeURIComponent("ÜNÏ & ?=#")}&limit=50&unknown=1`)).length, 153);
  // A page by offset continues by the cursor.
  deepEqual(await ids("limit=100&offset=110"), everything.slice(110));
});

test("the link has the effective limit, the filters as they were sent and the cursor, and is the same in HEAD and 304", async () => {
  const url = `${service.url}/messages?limit=1000&from=&q=%C3%BC&order=desc&offset=3&count=exact&foo=bar`;
  const response = await fetch(url);
  const { limit, next_cursor } = (await response.json()) as { limit: number; next_cursor: string };
  equal(limit, 100);
  const link = response.headers.get("link") ?? "";
  const { pathname, searchParams } = new URL(nextOf(response) ?? "");
  equal(pathname, "/messages");
  deepEqual(
    [...searchParams].sort(),
    Object.entries({
      limit: "100",
      q: "ü",
      order: "desc",
      count: "exact",
      cursor: next_cursor,
    }).sort(),
  );
  equal((await fetch(url, { method: "HEAD" })).headers.get("link"), link);
  const again = await fetch(url, {
    headers: { "if-none-match": response.headers.get("etag") ?? "" },
  });
  deepEqual([again.status, again.headers.get("link")], [304, link]);
  equal((await fetch(`${url.replace("/messages?", "/messages/?")}`)).headers.get("link"), link);
});

test("a cached answer has the link of its own request", async () => {
  await using own = await startService({ CACHE_TTL_MS: "3600000" });
  for (let at = 0; at < 5; at++) await post(own.url, body({ message_id: `m${at}` }));
  const links = await Promise.all(
    ["limit=2&from=919876543210", "limit=2&from=%2B919876543210", "limit=2&from=919876543210"].map(
      async (query) => (await fetch(`${own.url}/messages?${query}`)).headers.get("link"),
    ),
  );
  equal(links[0], links[2]);
  match(links[0] ?? "", /from=919876543210&/);
  match(links[1] ?? "", /from=%2B919876543210&/);
});

test("senders and the audit have links too", async () => {
  const senders = await follow(`${service.url}/senders?limit=500&offset=0`, "next_cursor");
  equal(new Set(senders.map(({ from }) => from)).size, 116);
  await using own = await startService({ ADMIN_API_KEY: ADMIN });
  const headers = { ...bearer(ADMIN), "content-type": "application/json" };
  for (let at = 0; at < 5; at++)
    await fetch(`${own.url}/keys`, {
      method: "POST",
      headers,
      body: JSON.stringify({ name: `k${at}`, scope: "read" }),
    });
  const entries = await follow(`${own.url}/audit?limit=2`, "next_before", bearer(ADMIN));
  equal(new Set(entries.map((entry) => JSON.stringify(entry))).size, 5);
});

test("an error, a last page and a link that would be too long have none", async () => {
  for (const query of ["limit=x", "cursor=x", "from=%2B404", "offset=229"])
    equal((await fetch(`${service.url}/messages?${query}`)).headers.get("link"), null, query);
  await using own = await startService();
  const text = "\u{1f600}".repeat(256);
  for (const last of ["1", "2"])
    await post(own.url, body({ message_id: `${"\u0001".repeat(1_023)}${last}`, text }));
  const long = await fetch(`${own.url}/messages?limit=1&q=${encodeURIComponent(text)}`);
  ok(((await long.json()) as { next_cursor: string | null }).next_cursor !== null);
  equal(long.headers.get("link"), null);
});

test("the longest search pages through the longest ids by links", async () => {
  await using own = await startService();
  const text = "\u{1f600}".repeat(256);
  for (const last of ["1", "2", "3"])
    await post(own.url, body({ message_id: `${"x".repeat(1_023)}${last}`, text }));
  const filters =
    "from=%2B919876543210&to=%2B14155550100&source=native&since=2025-01-15T00:00:00%2B05:30&order=desc";
  const url = `${own.url}/messages?limit=1&${filters}&q=${encodeURIComponent(text)}`;
  equal((await follow(url, "next_cursor")).length, 3);
});
