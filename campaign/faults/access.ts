import { setTimeout } from "node:timers/promises";
import { bearer } from "../../test/support/api-keys.ts";
import { serve } from "../../test/support/process.ts";
import { body, post } from "../../test/support/service.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { admitted } from "../support/admitted.ts";
import { Inbox } from "../support/inbox.ts";
import type { Random } from "../support/random.ts";

const ADMIN_API_KEY = "an-admin-key-of-32-characters-or-more";
const TURNS = { short: 3, long: 10 };
/** The changes of a turn, all at one replica. */
const CHANGES = 6;
const KNOWN_MS_MAX = 5_000;
/** For a machine that is busy with other rounds. */
const BUSY_MS_MAX = 2_000;
const LOOK_EVERY_MS = 100;
/** Above all refused keys of a round: those have a limit of the same size. */
const FORGERIES_MAX = 3_000;
const MS_PER_HOUR = 3_600_000;
const SETTINGS = { ADMIN_API_KEY, RATE_LIMIT_FAILED_AUTH: `${FORGERIES_MAX}/1h` };
const AT_A_TIME = 32;
const BROKEN_MAX = 10;

/** API keys come and go, and a client pretends to have many addresses. */
export const access: Fault = {
  name: "access",
  what: "API keys are created, rotated and revoked, on PostgreSQL at two replicas; forged webhooks name other addresses in their headers",
  expected:
    "a key is accepted by its scope and refused after its end: at once where it was ended, within 5 s elsewhere; the limit of forgeries counts the real address",
  databases: ["sqlite", "postgres"],
  rounds: { short: 1, long: 20 },
  controls: ["revoked-key-accepted"],
  run: tried,
};

interface Key {
  readonly id: string;
  readonly text: string;
  readonly scope: "read" | "admin";
  isLive: boolean;
}

async function tried(context: RoundContext): Promise<RoundResult> {
  const { database, folder, random, isShort } = context;
  await using inbox = await Inbox.create(context);
  await inbox.start(SETTINGS);
  const env = { ...inbox.env, ...SETTINGS };
  await using other = database === "postgres" ? await serve({ cwd: folder, env }) : undefined;
  const urls = other === undefined ? [inbox.url] : [inbox.url, other.url];
  const keys: Key[] = [];
  const broken: string[] = [];
  const turns = isShort ? TURNS.short : TURNS.long;
  for (let turn = 0; turn < turns && broken.length === 0; turn++) {
    const url = random.of(urls);
    for (let n = 0; n < CHANGES; n++) await change(url, keys, random, `key-${turn}-${n}`);
    const wrong = await wrongAnswers(url, keys);
    broken.push(...wrong.map(({ problem }) => problem));
    // Also because a replica that does not know a key yet could not change it.
    for (const replica of wrong.length === 0 ? urls : [])
      broken.push(...(await untilKnown(replica, keys)));
  }
  const startMs = performance.now();
  const forged = await forge(inbox.url, random);
  const share = (performance.now() - startMs) / MS_PER_HOUR;
  if (forged.refused > FORGERIES_MAX * (1 + share) + 1)
    broken.push(`${forged.refused} forgeries of one address were checked`);
  const honest = await post(inbox.url, body({ message_id: "honest" }));
  if (honest.status !== 200) broken.push(`a signed message gets ${honest.status}`);
  return { counts: { changes: turns * CHANGES, ...forged }, broken: broken.slice(0, BROKEN_MAX) };
}

/** Creates a key, or ends one. */
async function change(url: string, keys: Key[], random: Random, name: string): Promise<void> {
  const live = keys.filter(({ isLive }) => isLive);
  const key = random.of(live);
  const kind = random.next();
  if (key === undefined || kind < 0.4) {
    const scope = random.of(["read", "admin"] as const);
    keys.push(await issue(`${url}/keys`, scope, { name, scope }));
  } else if (kind < 0.6) {
    keys.push(await issue(`${url}/keys/${key.id}/rotate`, key.scope, { overlap: "0" }));
    key.isLive = false;
  } else {
    await admin("DELETE", `${url}/keys/${key.id}`);
    key.isLive = false;
  }
}

async function issue(url: string, scope: Key["scope"], fields: object): Promise<Key> {
  const { id, key } = JSON.parse(await admin("POST", url, JSON.stringify(fields)));
  return { id, text: key, scope, isLive: true };
}

async function admin(method: string, url: string, payload?: string): Promise<string> {
  const request = { method, headers: bearer(ADMIN_API_KEY) };
  const answer = await fetch(url, payload === undefined ? request : { ...request, body: payload });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url} gets ${answer.status} ${text}`);
  return text;
}

interface Wrong {
  readonly key: Key;
  readonly problem: string;
}

/** What a replica answers to each key, where it is not what its state demands. */
async function wrongAnswers(url: string, keys: readonly Key[]): Promise<readonly Wrong[]> {
  const asked = keys.flatMap((key) => [
    { key, path: "/messages?limit=1", expected: key.isLive ? 200 : 401 },
    { key, path: "/keys", expected: key.isLive ? (key.scope === "admin" ? 200 : 403) : 401 },
  ]);
  const answers = asked.map(async ({ key, path, expected }) => {
    const status = await statusOf(url + path, key);
    const state = key.isLive ? "live" : "ended";
    const problem = `the ${key.scope} key, ${state}, gets ${status} at ${path}`;
    return status === expected ? [] : [{ key, problem }];
  });
  return (await Promise.all(answers)).flat();
}

async function statusOf(url: string, key: Key): Promise<number> {
  const answer = await admitted(() => fetch(url, { headers: bearer(key.text) }), KNOWN_MS_MAX);
  await answer.arrayBuffer();
  return answer.status;
}

/** Resolves with what is wrong for longer than a change may take to be known. */
async function untilKnown(url: string, keys: readonly Key[]): Promise<readonly string[]> {
  const deadlineMs = performance.now() + KNOWN_MS_MAX + BUSY_MS_MAX;
  for (let asked = keys; ; ) {
    const wrong = await wrongAnswers(url, asked);
    if (wrong.length === 0 || performance.now() > deadlineMs)
      return wrong.map(({ problem }) => problem);
    // Only these again, because the number of refused keys has a limit.
    asked = keys.filter((key) => wrong.some((one) => one.key === key));
    await setTimeout(LOOK_EVERY_MS);
  }
}

/** Sends forged webhooks, each in the name of another address. */
async function forge(url: string, random: Random) {
  const counts = { forgeries: 0, refused: 0 };
  const sender = async () => {
    while (counts.forgeries++ < 1.2 * FORGERIES_MAX) {
      const address = Array.from({ length: 4 }, () => random.between(1, 254)).join(".");
      const { status } = await post(url, body(), {
        "x-signature": "0".repeat(64),
        "x-forwarded-for": random.of([address, `${address}, 127.0.0.1`, `127.0.0.1, ${address}`]),
        "x-real-ip": address,
        forwarded: `for=${address}`,
      });
      if (status === 401) counts.refused++;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, sender));
  return counts;
}
