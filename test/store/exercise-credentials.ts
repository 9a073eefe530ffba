import { deepEqual, equal } from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { type ApiKey, hashOfKey, keyOf } from "../../src/domain/api-key.ts";
import type { AuditStamp, KeyStore, Successor } from "../../src/store/credentials.ts";
import type { Store } from "../../src/store/store.ts";

/** Registers a test with a new store, as {@link exerciseStore} does. */
export type Check = (
  title: string,
  body: (store: Store, reopen: () => Promise<Store>) => Promise<void>,
) => void;

const AT = "2025-01-15T10:00:00.000Z";
const LATER = "2025-01-16T10:00:00.000Z";

let changes = 0;
/** In the order of the calls, even within one moment. */
const by = (at = AT): AuditStamp => ({ at, id: String(++changes).padStart(6, "0"), actor: "cli" });

function apiKey(name: string, fields: Partial<ApiKey> = {}): ApiKey {
  const id = randomUUID();
  return {
    id,
    name,
    scope: "read",
    hash: hashOfKey(keyOf(randomBytes(32))),
    hint: `lyftr_${id.slice(0, 4)}`,
    createdAt: AT,
    expiresAt: null,
    retiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...fields,
  };
}

function successor(retiresAt: string): Successor {
  const { id, hash, hint } = apiKey("any");
  return { id, hash, hint, retiresAt };
}

async function plain(keys: KeyStore): Promise<readonly ApiKey[]> {
  return (await keys.all()).map((key) => ({ ...key }));
}

/** What every store must do with keys and the audit. */
export function exerciseAccess(check: Check): void {
  const told = async (store: Store) =>
    (await store.credentials.audit.newest({ limit: 100 }))
      .map(({ action, subject }) => `${action} ${subject}`)
      .reverse();

  check(
    "the audit returns the newest entries first, and those before a position",
    async (store) => {
      const entry = (at: string, id = at) => ({
        at,
        id,
        actor: "cli",
        action: "key.created",
        subject: "reports",
        details: { scope: "read", overlap_ms: 5, once: true, end: null },
      });
      const { audit } = store.credentials;
      for (const at of ["2025-01-02", "2025-01-01", "2025-01-03"]) await audit.add(entry(at));
      await audit.add(entry("2025-01-02", "z"));
      deepEqual(await audit.newest({ limit: 2 }), [entry("2025-01-03"), entry("2025-01-02", "z")]);
      const before = (at: string, id: string) => audit.newest({ limit: 5, before: { at, id } });
      deepEqual(await before("2025-01-02", ""), [entry("2025-01-01")]);
      deepEqual(await before("2025-01-02", "z"), [entry("2025-01-02"), entry("2025-01-01")]);
    },
  );

  check(
    "a key is returned as it was made, after closing and opening too",
    async (store, reopen) => {
      const keys = [
        apiKey("reports", { expiresAt: LATER }),
        apiKey("Z.a-b_9", { scope: "admin", createdAt: LATER }),
      ];
      for (const key of keys)
        deepEqual(await store.credentials.keys.add(key, by()), { kind: "added" });
      deepEqual(await plain(store.credentials.keys), keys);
      deepEqual(await plain((await reopen()).credentials.keys), keys);
      deepEqual(await told(store).catch(() => "closed"), "closed");
    },
  );

  check(
    "a name has one key until that has ended, however it ended",
    async ({ credentials: { keys } }) => {
      const end = "2025-01-15T12:00:00.000Z";
      equal((await keys.add(apiKey("a", { expiresAt: end }), by())).kind, "added");
      equal((await keys.add(apiKey("a"), by("2025-01-15T11:59:59.999Z"))).kind, "name_taken");
      equal((await keys.add(apiKey("A"), by())).kind, "added", "names differ by case");
      equal((await keys.add(apiKey("a"), by(end))).kind, "added", "it has expired");
      await keys.revoke({ name: "a" }, by());
      equal((await keys.add(apiKey("a"), by(end))).kind, "added", "it is revoked");
    },
  );

  check("of two processes that make a key of one name at once, one is refused", async (store) => {
    const made = Array.from({ length: 8 }, () => store.credentials.keys.add(apiKey("same"), by()));
    const kinds = (await Promise.all(made)).map(({ kind }) => kind).sort();
    deepEqual(kinds, ["added", ...Array<string>(7).fill("name_taken")]);
    deepEqual(await told(store), ["key.created same"], "a refusal is no change");
  });

  check("a rotated key has a successor of the same name, scope and lifetime", async (store) => {
    const { keys, audit } = store.credentials;
    const old = apiKey("reports", { scope: "admin", expiresAt: LATER });
    await keys.add(old, by());
    const now = "2025-01-15T22:00:00.000Z";
    const next = successor("2025-01-15T23:00:00.000Z");
    const rotation = await keys.rotate(old.id, next, by(now));
    const retired = { ...old, retiresAt: next.retiresAt };
    const fresh = apiKey("reports", {
      id: next.id,
      hash: next.hash,
      hint: next.hint,
      scope: "admin",
      createdAt: now,
      expiresAt: "2025-01-16T22:00:00.000Z",
    });
    deepEqual(
      rotation.kind === "rotated" && {
        old: { ...rotation.old },
        successor: { ...rotation.successor },
      },
      {
        old: retired,
        successor: fresh,
      },
    );
    deepEqual(await plain(keys), [retired, fresh]);
    const [entry] = await audit.newest({ limit: 1 });
    deepEqual(
      [entry?.action, entry?.subject, entry?.details.old_id],
      ["key.rotated", "reports", old.id],
    );
  });

  check(
    "a name has at most two live keys, and an ended key is not rotated",
    async ({ credentials: { keys } }) => {
      const old = apiKey("reports");
      await keys.add(old, by());
      const first = successor(LATER);
      equal((await keys.rotate(old.id, first, by())).kind, "rotated");
      for (const id of [old.id, first.id])
        equal((await keys.rotate(id, successor(LATER), by())).kind, "two_live", id);
      equal((await keys.rotate(old.id, successor(LATER), by(LATER))).kind, "over");
      const second = successor(LATER);
      equal(
        (await keys.rotate(first.id, second, by(LATER))).kind,
        "rotated",
        "the old one has ended",
      );
      await keys.revoke({ id: second.id }, by(LATER));
      equal((await keys.rotate(second.id, successor(LATER), by(LATER))).kind, "over");
      equal((await keys.rotate("nothing", successor(LATER), by(LATER))).kind, "unknown");
      equal((await keys.all()).length, 3);
    },
  );

  check(
    "of two processes that rotate a key at once, one is refused",
    async ({ credentials: { keys } }) => {
      const old = apiKey("reports");
      await keys.add(old, by());
      const rotated = Array.from({ length: 6 }, () => keys.rotate(old.id, successor(LATER), by()));
      const kinds = (await Promise.all(rotated)).map(({ kind }) => kind).sort();
      deepEqual(kinds, ["rotated", ...Array<string>(5).fill("two_live")]);
      equal((await keys.all()).length, 2);
    },
  );

  check(
    "revoking by id ends one key, by name all of them, and an already revoked key stays as it was",
    async (store) => {
      const { keys } = store.credentials;
      const old = apiKey("reports");
      const other = apiKey("other");
      for (const key of [old, other]) await keys.add(key, by());
      const next = successor(LATER);
      await keys.rotate(old.id, next, by());
      const revokedIds = async (which: { id: string } | { name: string }, at = AT) =>
        (await keys.revoke(which, by(at)))?.map(({ id, revokedAt }) => [id, revokedAt]);
      deepEqual(await revokedIds({ id: old.id }), [[old.id, AT]]);
      deepEqual(await revokedIds({ id: old.id }, LATER), [], "no second time");
      deepEqual(await revokedIds({ name: "reports" }, LATER), [[next.id, LATER]]);
      for (const which of [{ id: "reports" }, { name: old.id }, { name: "Other" }])
        equal(await revokedIds(which), undefined, JSON.stringify(which));
      deepEqual(
        new Set((await keys.all()).map(({ name, revokedAt }) => `${name} ${revokedAt}`)),
        new Set([`reports ${AT}`, `reports ${LATER}`, "other null"]),
      );
      deepEqual(await told(store), [
        "key.created reports",
        "key.created other",
        "key.rotated reports",
        "key.revoked reports",
        "key.revoked reports",
      ]);
    },
  );

  check(
    "the version of the keys differs after every change, and not without one",
    async ({ credentials: { keys } }) => {
      const seen = [await keys.version()];
      const old = apiKey("reports");
      const each = [
        () => keys.add(old, by()),
        () => keys.rotate(old.id, successor(LATER), by()),
        () => keys.revoke({ id: old.id }, by()),
        () => keys.add(apiKey("other"), by()),
        () => keys.revoke({ name: "reports" }, by()),
      ];
      for (const change of each) {
        await change();
        seen.push(await keys.version());
      }
      equal(new Set(seen).size, each.length + 1, seen.join(", "));
      await keys.add(apiKey("other"), by());
      await keys.touch([{ id: old.id, at: LATER }]);
      equal(await keys.version(), seen.at(-1));
    },
  );

  check(
    "the last use is the latest that any process recorded",
    async ({ credentials: { keys } }) => {
      const [a, b] = [apiKey("a"), apiKey("b")];
      for (const key of [a, b]) await keys.add(key, by());
      await keys.touch([]);
      await keys.touch([
        { id: a.id, at: LATER },
        { id: "nothing", at: LATER },
      ]);
      await keys.touch([
        { id: b.id, at: AT },
        { id: a.id, at: AT },
      ]);
      deepEqual((await keys.all()).map(({ name, lastUsedAt }) => [name, lastUsedAt]).sort(), [
        ["a", LATER],
        ["b", AT],
      ]);
    },
  );
}
