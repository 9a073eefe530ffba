import { isPostgres } from "../../src/store/open.ts";
import { Random } from "../support/random.ts";
import { CallGenerator } from "./calls.ts";
import { PlainStore } from "./plain-store.ts";
import { RealStore } from "./real-store.ts";

// `node campaign/differential/run.ts DATABASE_URL SEED CALLS`: sends the same calls to a store on
// an empty database and to a plain list of messages. Every answer must be the same, as JSON. On
// PostgreSQL there are two stores, like two replicas, and each call goes to one of them.

const ANSWER_CHARACTERS_MAX = 600;
const TOMBSTONES_UNTIL = "2025-01-18T00:00:00.000Z";

const [url = "", seed = "0", calls = "100"] = process.argv.slice(2);
const random = new Random(Number(seed));
const generator = new CallGenerator(random);
const plain = new PlainStore(() => TOMBSTONES_UNTIL);
const stores: RealStore[] = [];
for (let replica = 0; replica < (isPostgres(url) ? 2 : 1); replica++)
  stores.push(await RealStore.open(url, () => TOMBSTONES_UNTIL));
const counts: Record<string, number> = { calls: 0 };
const broken: string[] = [];
try {
  for (let at = 1; at <= Number(calls) && broken.length === 0; at++) {
    const call = generator.next();
    const expected = JSON.stringify(plain.answer(call));
    const got = JSON.stringify(await random.of(stores).answer(call));
    counts.calls = at;
    counts[call.kind] = (counts[call.kind] ?? 0) + 1;
    if (got === expected) continue;
    const shown = call.kind === "insert" ? { kind: call.kind, rows: call.rows.length } : call;
    broken.push(
      `call ${at} of seed ${seed}, ${JSON.stringify(shown)}, answers ${difference(got, expected)}`,
    );
  }
} finally {
  for (const store of stores) await store.close();
}
process.stdout.write(`${JSON.stringify({ counts, broken })}\n`);

/** Both answers, from shortly before the first difference. */
function difference(got: string, expected: string): string {
  let at = 0;
  while (got[at] === expected[at]) at++;
  const from = Math.max(0, at - 100);
  const part = (text: string) => text.slice(from, from + ANSWER_CHARACTERS_MAX);
  return `from character ${from}: ${part(got)} instead of ${part(expected)}`;
}
