import { deepEqual, equal, match, notEqual, rejects } from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { ConfigError, StoreUnavailable } from "../../src/domain/errors.ts";
import { sign } from "../../src/providers/signature.ts";
import { environmentSecrets, withoutRepeats } from "../../src/secrets/accepted-secrets.ts";
import { Fingerprints } from "../../src/secrets/fingerprints.ts";
import {
  type KnownSecret,
  leavesAnother,
  mayRetire,
  mayRetireEverywhere,
  type RetirementDecision,
} from "../../src/secrets/retirement.ts";
import { retirementInWords } from "../../src/secrets/retirement-words.ts";
import { fingerprintOf, SecretBox } from "../../src/secrets/sealing.ts";
import { allSecrets } from "../../src/secrets/secret-list.ts";
import { SecretUsage } from "../../src/secrets/secret-usage.ts";
import { WebhookSecrets } from "../../src/secrets/webhook-secrets.ts";
import type {
  AcceptedSecret,
  AcceptingProcess,
  KeptSecret,
  SecretStore,
  SecretUse,
} from "../../src/store/credentials.ts";

const MASTER_KEY = "a master key of thirty-two characters";
const NOW = Date.parse("2026-11-25T12:00:00Z");
const MINUTE = 60_000;
const NO_SETTINGS = { webhookSecret: undefined, webhookSecretsPrevious: [], masterKey: undefined };
const DAY = 86_400_000;

test("a sealed secret opens with the same master key under the same name, and not otherwise", () => {
  const box = new SecretBox(MASTER_KEY);
  const sealed = box.seal("main", "Grüße \u{1F600}", Buffer.alloc(12, 1));
  equal(box.open("main", sealed), "Grüße \u{1F600}");
  equal(box.open("other", sealed), undefined);
  equal(new SecretBox(`${MASTER_KEY}.`).open("main", sealed), undefined);
  const bytes = Buffer.from(sealed.slice(3), "base64url");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    equal(box.open("main", `v1.${changed.toString("base64url")}`), undefined, String(at));
  }
  for (const broken of ["", "v1.", "v2.AAAA", sealed.slice(0, 20), sealed.replace("v1", "v2")])
    equal(box.open("main", broken), undefined, broken);
});

test("sealing again with another nonce looks different", () => {
  const box = new SecretBox(MASTER_KEY);
  notEqual(box.seal("main", "x", Buffer.alloc(12, 1)), box.seal("main", "x", Buffer.alloc(12, 2)));
});

test("a fingerprint is 16 hex digits, the same for the same secret, another in another database", async () => {
  const [one, again, elsewhere] = await Promise.all([
    fingerprintOf("testsecret", "a"),
    fingerprintOf("testsecret", "a"),
    fingerprintOf("testsecret", "b"),
  ]);
  match(one, /^[0-9a-f]{16}$/);
  equal(again, one);
  notEqual(elsewhere, one);
});

test("a fingerprint is computed by scrypt with 32 MiB, so that guesses are slow", async () => {
  const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_024 * 1_024 };
  const expected = scryptSync("testsecret", "a", 8, cost).toString("hex");
  equal(await fingerprintOf("testsecret", "a"), expected);
});

test("secrets of the environment are named by their position; blank ones are ignored, and equal ones merged with the last end", () => {
  const all = environmentSecrets("a", [
    { secret: "b", untilMs: 5 },
    { secret: "b", untilMs: 9 },
    { secret: "a", untilMs: 1 },
    { secret: " ", untilMs: undefined },
  ]);
  deepEqual(withoutRepeats(all), [
    { name: "current", secret: "a", untilMs: undefined },
    { name: "previous_1", secret: "b", untilMs: 9 },
  ]);
});

function known(name: string, fields: Partial<KnownSecret> = {}): KnownSecret {
  return {
    name,
    fingerprint: name,
    sinceMs: NOW - 90 * DAY,
    endMs: undefined,
    lastVerifiedMs: undefined,
    ...fields,
  };
}

const usedNow = known("new", { lastVerifiedMs: NOW });

test("a secret may be retired a week after its last use, when another has been used since", () => {
  const decisions: [KnownSecret, readonly KnownSecret[], RetirementDecision][] = [
    [
      known("old", { lastVerifiedMs: NOW - 8 * DAY }),
      [usedNow],
      { kind: "replaced", unusedMs: 8 * DAY },
    ],
    [
      known("old", { lastVerifiedMs: NOW - 7 * DAY }),
      [usedNow],
      { kind: "replaced", unusedMs: 7 * DAY },
    ],
    [
      known("old", { lastVerifiedMs: NOW - 7 * DAY + 1 }),
      [usedNow],
      { kind: "retries", unusedMs: 7 * DAY - 1, untilMs: NOW + 1 },
    ],
    [
      known("old", { lastVerifiedMs: NOW - 3 * MINUTE }),
      [usedNow],
      { kind: "in_use", unusedMs: 3 * MINUTE },
    ],
    [
      known("old", { lastVerifiedMs: NOW - 8 * DAY }),
      [known("new")],
      { kind: "not_replaced", unusedMs: 8 * DAY },
    ],
    [known("old", { lastVerifiedMs: NOW }), [], { kind: "only_one" }],
    [known("old"), [usedNow], { kind: "replaced", unusedMs: 90 * DAY }],
    [
      known("old", { sinceMs: NOW - MINUTE }),
      [usedNow],
      { kind: "new", untilMs: NOW - MINUTE + 7 * DAY },
    ],
    [known("old", { sinceMs: undefined }), [usedNow], { kind: "new", untilMs: NOW + 7 * DAY }],
    [known("old"), [known("new")], { kind: "not_replaced", unusedMs: undefined }],
    [known("old", { endMs: NOW }), [usedNow], { kind: "ended" }],
    [known("old"), [{ ...usedNow, endMs: NOW }], { kind: "only_one" }],
    [known("old"), [{ ...usedNow, endMs: NOW + DAY }], { kind: "others_end" }],
    [
      known("old", { lastVerifiedMs: NOW }),
      [known("new", { fingerprint: "old" })],
      { kind: "same_secret", name: "new" },
    ],
    [known("old"), [known("new", { fingerprint: "old", endMs: NOW + DAY })], { kind: "only_one" }],
  ];
  for (const [secret, others, decision] of decisions)
    deepEqual(mayRetire(secret, [secret, ...others], NOW), decision);
});

test("a secret may be retired only if each process that accepts it allows it, and an objecting process is named", () => {
  const old = known("old", { lastVerifiedMs: NOW - 8 * DAY });
  const view = (process: string, others: readonly KnownSecret[]) => ({
    process,
    secret: old,
    others,
  });
  const replaced: RetirementDecision = { kind: "replaced", unusedMs: 8 * DAY };
  const retirements: [Parameters<typeof mayRetireEverywhere>[0], RetirementDecision, string?][] = [
    [[], { kind: "not_accepted" }],
    [[view("1 on a", [usedNow])], replaced],
    [[view("1 on a", [usedNow]), view("2 on b", [usedNow])], replaced],
    [[view("1 on a", [usedNow]), view("2 on b", [])], { kind: "only_one" }, "2 on b"],
    [[view("1 on a", []), view("2 on b", [usedNow])], { kind: "only_one" }, "1 on a"],
    [[view("1 on a", [known("new")]), view("2 on b", [])], { kind: "only_one" }, "2 on b"],
    [[view("1 on a", [{ ...usedNow, endMs: NOW + DAY }])], { kind: "others_end" }],
  ];
  for (const [views, decision, process] of retirements)
    deepEqual(mayRetireEverywhere(views, NOW), { decision, process });
});

test("each decision on a secret's retirement is a sentence that begins with its answer", () => {
  const day = "2026-11-25T12:00Z";
  const sentences: [RetirementDecision, string][] = [
    [{ kind: "not_accepted" }, "yes: no running process accepts it"],
    [{ kind: "same_secret", name: "new" }, "yes: new is the same secret"],
    [
      { kind: "replaced", unusedMs: 8 * DAY },
      "yes: another secret has verified messages since, and this one none for 8 days (senders try again for up to 7 days)",
    ],
    [
      { kind: "new", untilMs: NOW },
      `not yet: it is new and has verified nothing so far; check again after ${day}`,
    ],
    [
      { kind: "not_accepted_yet" },
      "not yet: it is new, and running processes accept it within seconds; check again in a minute",
    ],
    [
      { kind: "retries", unusedMs: 6 * DAY, untilMs: NOW },
      `not yet: it verified a message 6 days ago, and senders try again for up to 7 days, until ${day}`,
    ],
    [{ kind: "only_one" }, "no: it is the only one, and without it every webhook is refused"],
    [{ kind: "others_end" }, "no: every other secret expires"],
    [{ kind: "in_use", unusedMs: 3 * MINUTE }, "no: it verified a message 3 minutes ago"],
    [
      { kind: "not_replaced", unusedMs: 8 * DAY },
      "no: it verified a message 8 days ago, and no other secret has verified a message since",
    ],
    [
      { kind: "not_replaced", unusedMs: undefined },
      "no: no other secret has verified a message since",
    ],
    [{ kind: "ended" }, "ended: it is refused"],
    [
      { kind: "unreadable" },
      "unknown: MASTER_KEY is not set, or not the key that it is encrypted with",
    ],
  ];
  for (const [decision, sentence] of sentences) {
    equal(retirementInWords({ decision, process: undefined }), sentence);
    equal(
      retirementInWords({ decision, process: "1 on a" }),
      `${sentence} (in the process 1 on a)`,
    );
  }
});

test("a process records what it accepts at its start and at each change, every 18 seconds in between, and deletes the record at its end", async () => {
  const store = new FakeStore();
  store.kept = [kept("b", "same"), kept("c", "other", new Date(NOW + 9_000).toISOString())];
  const { ring, look, clock } = await ringOn(store, [
    "same",
    [{ secret: " ", untilMs: undefined }],
  ]);
  const names = () =>
    store.accepted.get("host:1:a")?.map(({ name, endsAt }) => `${name} ${endsAt}`);
  await until(() => store.accepted.size === 1);
  deepEqual(names(), ["current null", "b null", "c 2026-11-25T12:00:09.000Z"]);
  const [current, b, c] = store.accepted.get("host:1:a") ?? [];
  equal(current?.fingerprint, b?.fingerprint);
  notEqual(current?.fingerprint, c?.fingerprint);
  store.kept = store.kept.slice(1);
  await look();
  await until(() => names()?.length === 2);
  store.accepted.clear();
  clock.pass(18_000);
  for (let looks = 0; looks < 5; looks++) await look();
  await until(() => store.accepted.size === 1);
  deepEqual(names(), ["current null"]);
  await ring.stop();
  equal(store.accepted.size, 0);
});

test("a secret that was retired a moment ago does not count as another one, although processes have not yet recorded its end", async () => {
  const now = Date.now();
  const store = new FakeStore();
  const database = [kept("a", "a"), kept("b", "b")];
  const fingerprint = async (secret: string) => fingerprintOf(secret, "id");
  const recorded = [
    { name: "a", fingerprint: await fingerprint("a"), endsAt: null },
    { name: "b", fingerprint: await fingerprint("b"), endsAt: null },
  ];
  const running = { ...store, accepting: async () => [{ process: "host:1:x", secrets: recorded }] };
  const ago = (ms: number) => new Date(now - ms).toISOString();
  const uses = recorded.map((one, at) => {
    return {
      fingerprint: one.fingerprint,
      seenAt: ago(90 * DAY),
      lastVerifiedAt: ago((9 - at) * DAY),
    };
  });
  const retirements = async (list: readonly KeptSecret[]) => {
    const methods = {
      list: async () => list,
      uses: async () => uses,
      databaseId: async () => "id",
    };
    const store = { ...running, ...methods } as never;
    const { secrets, processes } = await allSecrets(NO_SETTINGS, {
      store,
      fingerprints: new Fingerprints(store),
      nowMs: now,
    });
    equal(processes, 1);
    return secrets.map(({ name, retirement }) => [name, retirement.decision.kind]);
  };
  deepEqual(await retirements(database), [
    ["a", "replaced"],
    ["b", "not_replaced"],
  ]);
  for (const [others, kind] of [
    [[], "only_one"],
    [[kept("a", "a", ago(0))], "only_one"],
    [[kept("a", "a", new Date(now + DAY).toISOString())], "others_end"],
  ] as const)
    deepEqual((await retirements([...others, kept("b", "b")])).at(-1), ["b", kind]);
});

test("another secret is left only if it is accepted beyond that moment", () => {
  const all = [known("a"), known("b", { endMs: NOW })];
  deepEqual(
    [leavesAnother("a", NOW, all), leavesAnother("a", NOW - 1, all), leavesAnother("b", NOW, all)],
    [false, true, true],
  );
});

/** A store that keeps its data, or is unavailable. */
class FakeStore implements Omit<SecretStore, "add" | "retire" | "accepting"> {
  kept: readonly KeptSecret[] = [];
  away = false;
  lists = 0;
  readonly rows = new Map<string, SecretUse>();

  async list() {
    this.lists++;
    if (this.away) throw new StoreUnavailable("away");
    return this.kept;
  }
  async uses(fingerprints: readonly string[]) {
    return fingerprints.flatMap((one) => this.rows.get(one) ?? []);
  }
  async noteUses(uses: readonly SecretUse[]) {
    for (const use of uses) this.rows.set(use.fingerprint, use);
  }
  readonly accepted = new Map<string, readonly AcceptedSecret[]>();
  async noteAccepted({ process, secrets }: AcceptingProcess) {
    if (this.away) throw new StoreUnavailable("away");
    this.accepted.set(process, secrets);
  }
  async dropAccepted(process: string) {
    this.accepted.delete(process);
  }
  async databaseId() {
    return "id";
  }
}

/** Time that the test moves. */
function heldClock() {
  let nowMs = NOW;
  let wake: (() => void) | undefined;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        wake = resolve;
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** Ends the current sleep. */
    wake: () => wake?.(),
  };
}

const WAIT_MS_MAX = 20_000;

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("it does not come true");
    await new Promise(setImmediate);
  }
}

async function ringOn(store: FakeStore, fixed: Parameters<typeof environmentSecrets>) {
  const clock = heldClock();
  const said: string[] = [];
  const say = (line: object) => void said.push((line as { msg: string }).msg);
  const log = { info: say, warn: say, error: say } as never;
  const ring = await WebhookSecrets.start(
    { clock, log },
    {
      environment: environmentSecrets(...fixed),
      box: new SecretBox(MASTER_KEY),
      process: "host:1:a",
      store: store as unknown as SecretStore,
    },
  );
  /** One reload from the database. */
  const look = async () => {
    const { lists } = store;
    clock.pass(2_000);
    await until(() => {
      clock.wake();
      return store.lists > lists;
    });
    await new Promise(setImmediate);
  };
  const verify = (secret: string) =>
    ring.signing.verify(Buffer.from("x"), sign(secret, "x"), clock.now());
  return { ring, look, verify, said, clock };
}

const kept = (name: string, secret: string, retiresAt: string | null = null): KeptSecret => ({
  name,
  retiresAt,
  createdAt: "2026-01-01T00:00:00.000Z",
  sealed: new SecretBox(MASTER_KEY).seal(name, secret, Buffer.alloc(12, 1)),
});

test("a secret in the database is accepted at the next reload, and refused at the millisecond of its end", async () => {
  const store = new FakeStore();
  const { ring, look, verify, clock, said } = await ringOn(store, ["a", []]);
  store.kept = [kept("b", "b")];
  equal(verify("b"), undefined);
  await look();
  equal(verify("b"), "b");
  store.kept = [kept("b", "b", new Date(clock.now() + 5_000).toISOString())];
  await look();
  clock.pass(2_999);
  equal(verify("b"), "b");
  clock.pass(1);
  equal(verify("b"), undefined);
  equal(verify("a"), "current");
  equal(said.filter((line) => line === "webhook secrets changed").length, 2);
  await ring.stop();
});

test("an unavailable database changes nothing, and is logged once", async () => {
  const store = new FakeStore();
  store.kept = [kept("b", "b")];
  const { ring, look, verify, said } = await ringOn(store, ["a", []]);
  store.away = true;
  for (let looks = 0; looks < 3; looks++) await look();
  deepEqual([verify("a"), verify("b")], ["current", "b"]);
  equal(said.length, 1);
  await ring.stop();
});

test("without any accepted secret the service is not configured, and says so when the last one ends", async () => {
  const store = new FakeStore();
  const { ring, look, clock, said } = await ringOn(store, [
    undefined,
    [{ secret: "a", untilMs: NOW + 3_000 }],
  ]);
  equal(ring.configured(), true);
  clock.pass(3_000);
  equal(ring.configured(), false);
  await look();
  match(said.join(), /not configured/);
  store.kept = [kept("b", "b")];
  await look();
  equal(ring.configured(), true);
  await ring.stop();
});

test("a secret that was sealed by another master key stops the start", async () => {
  const store = new FakeStore();
  store.kept = [
    {
      ...kept("b", "b"),
      sealed: new SecretBox("x".repeat(32)).seal("b", "b", Buffer.alloc(12, 1)),
    },
  ];
  await rejects(ringOn(store, ["a", []]), ConfigError);
  store.kept = store.kept.map((one) => ({ ...one, retiresAt: new Date(NOW).toISOString() }));
  const { ring } = await ringOn(store, ["a", []]);
  await ring.stop();
});

test("the last use belongs to the secret, whatever its name, and is stored at the end", async () => {
  const store = new FakeStore();
  const first = await ringOn(store, ["a", []]);
  first.ring.verified("current", NOW + 5);
  await first.ring.stop();
  const second = await ringOn(store, ["b", [{ secret: "a", untilMs: undefined }]]);
  await second.look();
  await until(() => store.rows.size === 2);
  await second.ring.stop();
  deepEqual(
    second.ring
      .figures()
      .map(({ key, verified, lastVerifiedMs }) => [key, verified, lastVerifiedMs]),
    [
      ["current", 0, 0],
      ["previous_1", 0, NOW + 5],
    ],
  );
});

test("of two uses the later one counts, here and in the database, and unchanged ones are not written again", async () => {
  const store = new FakeStore();
  const clock = heldClock();
  const uses = new SecretUsage(clock, store as unknown as SecretStore);
  const [use] = uses.follow(["a"]);
  await uses.exchange();
  const [row] = [...store.rows.values()];
  deepEqual([row?.seenAt, row?.lastVerifiedAt], [new Date(NOW).toISOString(), null]);
  store.noteUses = () => Promise.reject(new Error("nothing is new"));
  store.rows.set(row?.fingerprint ?? "", {
    ...(row as SecretUse),
    lastVerifiedAt: new Date(NOW + 9).toISOString(),
  });
  await uses.exchange();
  equal(use?.lastMs, NOW + 9);
  equal(uses.hasUnsaved(), false);
  uses.follow([]);
  await rejects(async () => {
    const [other] = uses.follow(["b"]);
    if (other !== undefined) other.lastMs = NOW;
    await uses.exchange();
  }, /nothing is new/);
});
