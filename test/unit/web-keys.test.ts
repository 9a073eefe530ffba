import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import type { ApiKey } from "../../web/api/keys.ts";
import {
  endOf,
  endsSoon,
  isName,
  keyLists,
  mayRotate,
  tryLines,
  wasUsedNow,
} from "../../web/pages/keys/key-lists.ts";
import { fromNow } from "../../web/text/ago.ts";

const NOW = Date.parse("2026-11-30T10:00:00Z");
const DAY_MS = 24 * 3_600_000;
const daysLater = (days: number) => new Date(NOW + days * DAY_MS).toISOString();

function key(fields: Partial<ApiKey> = {}): ApiKey {
  return {
    id: "k1",
    name: "ops",
    scope: "read",
    hint: "lyftr_4fJ2",
    created_at: daysLater(-30),
    expires_at: null,
    retires_at: null,
    revoked_at: null,
    last_used_at: null,
    ...fields,
  };
}

test("a key ends at the earlier of its end and its replacement, and at once when it is revoked", () => {
  deepEqual(endOf(key()), { kind: "never" });
  const expires = key({ expires_at: daysLater(2) });
  deepEqual(endOf(expires), { kind: "expires", at: NOW + 2 * DAY_MS });
  deepEqual(endOf({ ...expires, retires_at: daysLater(1) }), {
    kind: "replaced",
    at: NOW + DAY_MS,
  });
  equal(endOf({ ...expires, retires_at: daysLater(3) }).kind, "expires");
  equal(endOf({ ...expires, revoked_at: daysLater(-1) }).kind, "revoked");
});

test("keys that are accepted stay in order, those that have ended begin with the newest end", () => {
  const all = [
    key({ id: "old", revoked_at: daysLater(-9) }),
    key({ id: "a" }),
    // A clock that is wrong does not make a revoked key live.
    key({ id: "newer", revoked_at: daysLater(1) }),
    key({ id: "b", expires_at: daysLater(1) }),
    key({ id: "expired", expires_at: daysLater(-2) }),
    key({ id: "replaced", retires_at: daysLater(-3) }),
  ];
  const { live, ended } = keyLists(all, NOW);
  deepEqual(
    live.map(({ id }) => id),
    ["a", "b"],
  );
  deepEqual(
    ended.map(({ id }) => id),
    ["newer", "expired", "replaced", "old"],
  );
});

test("a key that is being rotated is not rotated again, and one that ends soon is marked", () => {
  const live = [key({ id: "1" }), key({ id: "2" }), key({ id: "3", name: "grafana" })];
  deepEqual(
    live.map((one) => mayRotate(one, live)),
    [false, false, true],
  );
  equal(endsSoon(key({ expires_at: daysLater(6) }), NOW), true);
  equal(endsSoon(key({ expires_at: daysLater(8) }), NOW), false);
  equal(endsSoon(key(), NOW), false);
  equal(wasUsedNow(key({ last_used_at: new Date(NOW - 60_000).toISOString() }), NOW), true);
  equal(wasUsedNow(key({ last_used_at: new Date(NOW - 121_000).toISOString() }), NOW), false);
  equal(wasUsedNow(key(), NOW), false);
});

test("a name has the form that the service accepts", () => {
  for (const name of ["a", "export-job", "Anna.2", "0_x", "x".repeat(64)])
    equal(isName(name), true);
  for (const name of ["", "-a", "a b", "é", "x".repeat(65), "ADMIN_API_KEY"])
    equal(isName(name), false);
});

test("the lines that try a key ask this service", () => {
  match(
    tryLines("https://inbox.example.com/lyftr/", "lyftr_x"),
    /^LYFTR_KEY=lyftr_x\ncurl .*\$LYFTR_KEY.* 'https:\/\/inbox\.example\.com\/lyftr\/messages\?limit=1'$/,
  );
});

test("an instant is told from now, with one unit", () => {
  const seen = (ms: number) => fromNow(NOW + ms, NOW);
  equal(seen(-1_000), "now");
  equal(seen(-4_200), "4 s ago");
  equal(seen(-180_000), "3 min ago");
  equal(seen(-3 * DAY_MS), "3 days ago");
  equal(seen(30_000), "in 30 s");
  equal(seen(12 * DAY_MS - 5_000), "in 12 days");
});
