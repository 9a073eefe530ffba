import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/domain/clock.ts";
import type { CursorPosition } from "../../src/domain/message-filter.ts";
import { exportRoute } from "../../src/http/routes/export.ts";
import { bearer, KeyMaker } from "../support/api-keys.ts";
import { bareServer } from "../support/bare-server.ts";
import { scrape, series } from "../support/client.ts";
import { startFilled } from "../support/filled-service.ts";
import { RawConnection, rawRequest } from "../support/raw-http.ts";
import type { Service } from "../support/service.ts";
import { otherUserOf } from "../support/tested-store.ts";

/** More than the buffers of a connection take, some 8 MB on this machine's network. */
const LARGE = Array.from({ length: 3_000 }, (_, at) => ({
  message_id: `m${at}`,
  text: "x".repeat(4_000),
}));
const CUT_MS_MAX = 8_000;

interface Reader {
  readonly id: string;
  readonly key?: string | undefined;
  readonly address?: string;
  readonly version?: string;
}

/** An export whose client reads nothing at first. */
async function slowExport(
  port: number,
  { id, key, address = "127.0.0.1", version = "1.1" }: Reader,
) {
  const connection = await RawConnection.open(port, { reading: false, localAddress: address });
  const authorization = key === undefined ? [] : [`Authorization: Bearer ${key}`];
  const headers = ["Host: x", `X-Request-ID: ${id}`, ...authorization];
  await connection.write(rawRequest(`GET /messages/export HTTP/${version}`, headers));
  return connection;
}

/** Resolves when the service knows a key: before the first one, reading is open. */
async function untilKnown(service: Service, key: string): Promise<void> {
  for (const deadline = performance.now() + CUT_MS_MAX; ; await delay(20)) {
    const { status, headers } = await fetch(`${service.url}/stats`, { headers: bearer(key) });
    if (status === 200 && !headers.has("x-read-auth")) return;
    ok(performance.now() < deadline, `${status}`);
  }
}

async function expectCut(service: Service, connection: RawConnection, id: string): Promise<void> {
  const line = await service.line(({ request_id }) => request_id === id);
  deepEqual([line.status, line.level, line.path], [401, "WARNING", "/messages/export"]);
  match(String(line.error), /revoked, or has expired/);
  connection.read();
  equal(await connection.ending(), "reset");
  ok(connection.received().startsWith("HTTP/1.") && !connection.received().endsWith("0\r\n\r\n"));
}

test("an export whose key is revoked during it is aborted, so that its client sees that it is incomplete", async () => {
  await using service = await startFilled(LARGE);
  await using keys = await KeyMaker.of(service.databaseUrl);
  const [kept, revoked, expiring, replaced] = [
    await keys.make(),
    await keys.make(),
    await keys.make({ lifeMs: 6_000 }),
    await keys.make(),
  ];
  for (const { text } of [kept, revoked, expiring, replaced]) {
    await untilKnown(service, text);
  }
  await using stays = await slowExport(service.port, { id: "kept", key: kept.text });
  await using cut = await slowExport(service.port, { id: "revoked", key: revoked.text });
  await using old = await slowExport(service.port, {
    id: "old",
    key: revoked.text,
    version: "1.0",
  });
  await using expires = await slowExport(service.port, { id: "expiring", key: expiring.text });
  await using rotated = await slowExport(service.port, { id: "replaced", key: replaced.text });
  // Each has begun: a key that ends before is refused with 401.
  for (const connection of [stays, cut, old, expires, rotated])
    ok((await connection.begun()).startsWith("HTTP/1."));
  await keys.revoke(revoked);
  await keys.rotate(replaced, 0);
  await expectCut(service, cut, "revoked");
  await expectCut(service, old, "old");
  await expectCut(service, expires, "expiring");
  await expectCut(service, rotated, "replaced");
  const all = series(await scrape(service));
  equal(all.get('http_requests_total{method="GET",path="/messages/export",status="401"}'), 4);
  stays.read();
  const whole = (await stays.answered(1))[0]?.body ?? "";
  equal(whole.split("\n").length - 1, LARGE.length);
});

test("an export without a key is aborted when the first key closes reading", async () => {
  await using service = await startFilled(LARGE);
  await using keys = await KeyMaker.of(service.databaseUrl);
  await using open = await slowExport(service.port, { id: "open" });
  ok((await open.begun()).includes("x-read-auth: open"));
  await keys.make();
  await expectCut(service, open, "open");
});

test("one address without a key, or one key, leaves slots for the others", async () => {
  await using service = await startFilled(LARGE);
  await using keys = await KeyMaker.of(service.databaseUrl);
  await using connections = new AsyncDisposableStack();
  const opened: RawConnection[] = [];
  const take = async (reader: Reader) => {
    const connection = await slowExport(service.port, reader);
    connections.use(connection);
    opened.push(connection);
    return (await connection.begun()).slice(9, 12);
  };
  const refused = async (headers: Record<string, string>, detail: string) => {
    const answer = await fetch(`${service.url}/messages/export`, { headers });
    deepEqual([answer.status, await answer.json()], [503, { detail }]);
    ok(answer.headers.get("retry-after") !== null);
  };
  for (let at = 0; at < 8; at++) equal(await take({ id: "mine" }), "200");
  await refused({}, "too many exports of this address are under way");
  for (let at = 0; at < 4; at++) equal(await take({ id: "theirs", address: "127.0.0.2" }), "200");
  // A key is another client, even behind the same address.
  const key = await keys.make();
  await untilKnown(service, key.text);
  for (const connection of opened) connection.abort();
  await service.line(
    () => service.lines.filter(({ path }) => path === "/messages/export").length === 13,
  );
  for (let at = 0; at < 8; at++) equal(await take({ id: "key", key: key.text }), "200");
  await refused(bearer(key.text), "too many exports of this API key are under way");
  const other = await keys.make();
  await untilKnown(service, other.text);
  for (let at = 0; at < 4; at++) equal(await take({ id: "other", key: other.text }), "200");
  await refused(bearer(other.text), "too many exports of this API key are under way");
});

const NEXT = {
  position: { instant: "", messageId: "", source: "" },
  side: "after",
} as unknown as CursorPosition;

/** An export of a given number of pages, and how far its client may be behind. */
async function pacedExport(pages: number, behindMsMax: number) {
  let page = 0;
  const messages = Array.from({ length: 250 }, (_, at) => ({
    source: "native",
    messageId: `${at}`,
    from: "+1",
    to: "+2",
    ts: "2025-01-15T10:00:00Z",
    createdAt: "",
    text: "x".repeat(2_000),
  }));
  const findMessages = async () => ({
    messages,
    total: null,
    next: ++page < pages ? NEXT : null,
    previous: null,
  });
  const route = exportRoute({
    store: { findMessages } as never,
    clock: systemClock,
    mayRead: () => true,
    behindMsMax,
  });
  const server = await bareServer({ routes: [route] });
  return {
    ...server,
    get cuts() {
      return server.lines.map(({ status }) => status).filter((status) => status !== 200);
    },
  };
}

test("a client that takes a byte now and then is cut off too", async () => {
  await using endless = await pacedExport(Number.POSITIVE_INFINITY, 400);
  await using trickle = await slowExport(endless.port, { id: "trickle" });
  const deadline = performance.now() + CUT_MS_MAX;
  while (endless.cuts.length === 0) {
    ok(performance.now() < deadline, "not cut");
    trickle.read();
    await delay(1);
    trickle.pause();
    await delay(100);
  }
  deepEqual(endless.cuts, [499]);
  trickle.read();
  equal(await trickle.ending(), "reset");
});

test("a client that reads steadily is not cut off, however long it takes in total", async () => {
  await using long = await pacedExport(30, 1_500);
  const response = await fetch(`${long.url}/messages/export`);
  let lines = 0;
  const startMs = performance.now();
  for await (const chunk of response.body ?? []) {
    lines += Buffer.from(chunk).toString("latin1").split("\n").length - 1;
    await delay(8);
  }
  equal(lines, 30 * 250);
  ok(performance.now() - startMs > 1_600);
  deepEqual(long.cuts, []);
});

test("a slow database does not count against the client", async () => {
  await using service = await startFilled(LARGE.slice(0, 300));
  await using other = await otherUserOf(service.databaseUrl);
  await other.lockWrites();
  const text = await (await fetch(`${service.url}/messages/export`)).text();
  equal(text.split("\n").length - 1, 300);
  await other.unlockWrites();
});
