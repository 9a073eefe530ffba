import { deepEqual, equal } from "node:assert/strict";
import { type AuditEntry, KEPT_SECRETS_MAX, type KeptSecret } from "../../src/store/credentials.ts";
import type { Store } from "../../src/store/store.ts";

type Check = (
  title: string,
  body: (store: Store, reopen: () => Promise<Store>) => Promise<void>,
) => void;

const at = (day: number) => `2025-01-${String(day).padStart(2, "0")}T00:00:00.000Z`;

function kept(name: string, fields: Partial<KeptSecret> = {}): KeptSecret {
  return { name, sealed: `sealed ${name}`, createdAt: at(1), retiresAt: null, ...fields };
}

function entry(action: string, subject: string, day = 1): AuditEntry {
  return { at: at(day), id: `${action} ${subject}`, actor: "cli", action, subject, details: {} };
}

/** The webhook secrets of every backend. */
export function exerciseSecrets(check: Check): void {
  const actions = async ({ credentials }: Store) =>
    (await credentials.audit.newest({ limit: 100 })).map(
      ({ action, subject }) => `${action} ${subject}`,
    );

  check(
    "secrets are returned as they were added, in that order, after closing and opening too",
    async (store, reopen) => {
      const all = [kept("b"), kept("a", { createdAt: at(2), retiresAt: at(9) })];
      for (const secret of all)
        equal(
          await store.credentials.secrets.add(secret, entry("secret.added", secret.name)),
          "added",
        );
      deepEqual(await store.credentials.secrets.list(), all);
      const again = await reopen();
      deepEqual(await again.credentials.secrets.list(), all);
      deepEqual(await actions(again), ["secret.added b", "secret.added a"]);
    },
  );

  check(
    "a taken name and one secret too many change nothing and are not audited",
    async (store) => {
      const { secrets } = store.credentials;
      for (let n = 1; n <= KEPT_SECRETS_MAX; n++)
        await secrets.add(kept(`s${n}`), entry("secret.added", `s${n}`));
      equal(
        await secrets.add(kept("s1", { sealed: "other" }), entry("secret.added", "again")),
        "name_taken",
      );
      equal(await secrets.add(kept("more"), entry("secret.added", "more")), "too_many");
      deepEqual(
        [(await secrets.list()).length, (await actions(store)).length],
        [KEPT_SECRETS_MAX, KEPT_SECRETS_MAX],
      );
      equal((await secrets.list()).find(({ name }) => name === "s1")?.sealed, "sealed s1");
    },
  );

  check(
    "a retirement that was decided for other secrets than the stored ones is not done",
    async (store) => {
      const { secrets } = store.credentials;
      for (const name of ["one", "two"]) await secrets.add(kept(name), entry("secret.added", name));
      const decidedFor = await secrets.list();
      const retire = (name: string, when: number) =>
        secrets.retire(
          { name, retiresAt: at(when), decidedFor },
          entry("secret.retired", name, when),
        );
      const both = await Promise.all([retire("one", 2), retire("two", 2)]);
      deepEqual(both.sort(), ["changed", "retired"]);
      equal((await secrets.list()).length, 1);
      equal(await retire("three", 2), "changed");
      const left = await secrets.list();
      const order = { name: "three", retiresAt: at(2), decidedFor: left };
      equal(await secrets.retire(order, entry("secret.retired", "three", 2)), "unknown");
      equal((await actions(store)).length, 3);
    },
  );

  check("a retired secret is kept until its end and removed by the next change", async (store) => {
    const { secrets } = store.credentials;
    for (const name of ["old", "new"]) await secrets.add(kept(name), entry("secret.added", name));
    equal(
      await secrets.retire(
        { name: "old", retiresAt: at(5), decidedFor: undefined },
        entry("secret.retired", "old", 2),
      ),
      "retired",
    );
    deepEqual(await secrets.list(), [kept("new"), kept("old", { retiresAt: at(5) })]);
    equal(
      await secrets.retire(
        { name: "old", retiresAt: at(9), decidedFor: undefined },
        entry("secret.retired", "too late", 5),
      ),
      "unknown",
    );
    deepEqual(await secrets.list(), [kept("new")]);
    equal(
      await secrets.add(kept("old", { sealed: "another" }), entry("secret.added", "old again", 6)),
      "added",
    );
    equal(
      await secrets.retire(
        { name: "new", retiresAt: at(7), decidedFor: undefined },
        entry("secret.retired", "new", 7),
      ),
      "retired",
    );
    deepEqual(await secrets.list(), [kept("old", { sealed: "another" })]);
    equal(
      await secrets.retire(
        { name: "nobody", retiresAt: at(9), decidedFor: undefined },
        entry("secret.retired", "nobody", 8),
      ),
      "unknown",
    );
    await secrets.add(kept("brief", { retiresAt: at(9) }), entry("secret.added", "brief", 8));
    equal(await secrets.add(kept("brief"), entry("secret.added", "brief again", 9)), "added");
    deepEqual(await secrets.list(), [kept("brief"), kept("old", { sealed: "another" })]);
    const expected = [
      "secret.added brief again",
      "secret.added brief",
      "secret.retired new",
      "secret.added old again",
      "secret.retired old",
    ];
    deepEqual((await actions(store)).slice(0, 5), expected);
  });

  check("of secrets added at the same moment no more are kept than allowed", async (store) => {
    const { secrets } = store.credentials;
    const names = Array.from({ length: 2 * KEPT_SECRETS_MAX }, (_, n) => `s${n}`);
    const outcomes = await Promise.all(
      names.map((name) => secrets.add(kept(name), entry("secret.added", name))),
    );
    equal(outcomes.filter((outcome) => outcome === "added").length, KEPT_SECRETS_MAX);
    equal((await secrets.list()).length, KEPT_SECRETS_MAX);
  });

  check(
    "of recorded uses the earliest sight and the latest verification stay, in any order",
    async (store) => {
      const { secrets } = store.credentials;
      await secrets.noteUses([
        { fingerprint: "a", seenAt: at(3), lastVerifiedAt: null },
        { fingerprint: "b", seenAt: at(3), lastVerifiedAt: at(4) },
      ]);
      deepEqual(await secrets.uses(["a", "nobody"]), [
        { fingerprint: "a", seenAt: at(3), lastVerifiedAt: null },
      ]);
      await secrets.noteUses([
        { fingerprint: "b", seenAt: at(2), lastVerifiedAt: at(3) },
        { fingerprint: "a", seenAt: at(4), lastVerifiedAt: at(5) },
      ]);
      await secrets.noteUses([{ fingerprint: "a", seenAt: at(4), lastVerifiedAt: null }]);
      const found = [...(await secrets.uses(["a", "b"]))].sort((one, other) =>
        one.fingerprint < other.fingerprint ? -1 : 1,
      );
      deepEqual(found, [
        { fingerprint: "a", seenAt: at(3), lastVerifiedAt: at(5) },
        { fingerprint: "b", seenAt: at(2), lastVerifiedAt: at(4) },
      ]);
      deepEqual(await secrets.uses([]), []);
    },
  );

  check(
    "what running processes accept is known until they end or have not reported for a minute",
    async (store) => {
      const { secrets } = store.credentials;
      const nowMs = Date.now();
      const first = { name: "current", fingerprint: "a", endsAt: null };
      const second = { name: "previous_1", fingerprint: "b", endsAt: at(9) };
      deepEqual(await secrets.accepting(nowMs), []);
      await secrets.noteAccepted({ process: "host:1:x", secrets: [first, second], nowMs });
      await secrets.noteAccepted({ process: "host:2:y", secrets: [], nowMs });
      await secrets.noteAccepted({ process: "host:1:x", secrets: [second], nowMs });
      const both = [
        { process: "host:1:x", secrets: [second] },
        { process: "host:2:y", secrets: [] },
      ];
      deepEqual(await secrets.accepting(nowMs), both);
      await secrets.dropAccepted("host:2:y");
      await secrets.dropAccepted("host:3:z");
      deepEqual(await secrets.accepting(nowMs), both.slice(0, 1));
    },
  );

  check("a database is recognised by its id", async (store, reopen) => {
    const id = await store.credentials.secrets.databaseId();
    equal(id.length >= 32, true);
    equal(await (await reopen()).credentials.secrets.databaseId(), id);
  });
}
