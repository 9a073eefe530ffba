import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { message } from "../../test/store/exercise.ts";
import { everyAnswer, keptFiles } from "../../test/support/byte-flips.ts";
import { SqliteParts } from "../../test/support/sqlite-parts.ts";
import type { Fault, RoundContext, RoundResult } from "../fault.ts";
import { Inbox } from "../support/inbox.ts";
import type { Random } from "../support/random.ts";

const MESSAGES = 400;
const IDS = Array.from({ length: MESSAGES }, (_, n) => `m${n}`);
/** Longer than a page, so that there are overflow pages. */
const LONG = "a long text ".repeat(400);
const PAGE_BYTES = 4_096;
const PAGES_MAX = 3;
const TRIALS = { short: 4, long: 30 };
const SERVICES = { short: 1, long: 4 };
/** A damaged index is found by reading both files, and rebuilt. */
const REPAIR_MS_MAX = 10_000;
const LOOK_EVERY_MS = 50;
const QUESTIONS = [
  "/messages?limit=100",
  "/messages?limit=100&offset=250&order=desc",
  "/messages?from=%2B13",
  "/messages?q=Text%2012",
  "/messages?to=%2B201&q=of",
  "/messages/m170",
  "/stats",
  "/stats/timeline?bucket=hour",
  "/senders",
];

/** Random bytes over random pages of a file of the database, while nothing runs. */
export const damagedPages: Fault = {
  name: "damaged-pages",
  what: "random bytes over up to 3 random pages of app.db or app.db-index",
  expected:
    "lyftr verify finds it whenever an answer differs; a damaged index is rebuilt, and until then a read gets 503",
  databases: ["sqlite"],
  rounds: { short: 1, long: 40 },
  controls: ["index-not-rebuilt"],
  run: damaged,
};

async function damaged(context: RoundContext): Promise<RoundResult> {
  const { random, isShort } = context;
  await using inbox = await Inbox.create(context);
  fill(inbox.path);
  const restore = keptFiles(inbox.path, ["", "-index"]);
  const expected = everyAnswer(inbox.path, IDS);
  const broken: string[] = [];
  let changed = 0;
  let found = 0;
  const trials = isShort ? TRIALS.short : TRIALS.long;
  for (let trial = 0; trial < trials; trial++) {
    restore();
    const where = overwrite(inbox.path + (trial % 2 === 0 ? "" : "-index"), random);
    const answers = everyAnswer(inbox.path, IDS);
    const differs = answers.join() !== expected.join();
    const verified = await inbox.verify();
    if (differs) changed++;
    if (verified.length > 0) found++;
    if (differs && verified.length === 0)
      broken.push(`${where}: an answer differs, and lyftr verify finds nothing`);
  }
  const services = isShort ? SERVICES.short : SERVICES.long;
  for (let service = 0; service < services; service++)
    broken.push(...(await serveDamagedIndex(context, service)));
  return { counts: { trials, changed, found, services }, broken };
}

function fill(path: string): void {
  using parts = new SqliteParts(path);
  parts.insert(
    IDS.map((id, n) =>
      message(id, {
        from: `+1${n % 7}`,
        to: `+20${n % 3}`,
        ts: `2025-01-15T10:${String(n % 60).padStart(2, "0")}:0${n % 10}Z`,
        text: n % 9 === 0 ? null : n % 20 === 1 ? `${LONG}${n}` : `Text ${n} of ${id}`,
      }),
    ),
  );
  while (indexMessages(parts.index, 150, 64).backlog > 0);
}

/** Overwrites pages, or a part of each. Returns where. */
function overwrite(path: string, random: Random, firstPage = 1): string {
  const bytes = readFileSync(path);
  const pages = Array.from({ length: random.between(1, PAGES_MAX) }, () =>
    random.between(firstPage, bytes.length / PAGE_BYTES),
  );
  for (const page of pages) {
    const from = random.chance(0.5) ? 0 : random.between(0, PAGE_BYTES - 1);
    const to = random.chance(0.5) ? PAGE_BYTES : random.between(from, PAGE_BYTES - 1);
    for (let at = from; at < to; at++) bytes[(page - 1) * PAGE_BYTES + at] = random.between(0, 255);
  }
  writeFileSync(path, bytes);
  return `pages ${pages.join(", ")} of ${path}`;
}

/** Starts the service on a damaged read index. It must repair that and never answer wrongly. */
async function serveDamagedIndex(
  context: RoundContext,
  service: number,
): Promise<readonly string[]> {
  const folder = join(context.folder, `service-${service}`);
  mkdirSync(folder);
  await using inbox = await Inbox.create({ ...context, folder });
  fill(inbox.path);
  const env = { CACHE_TTL_MS: "0" };
  await inbox.start(env);
  const expected = (await answersOf(inbox.url)).map(({ text }) => text);
  await inbox.end("SIGTERM");
  const where = overwrite(`${inbox.path}-index`, context.random, 2);
  await inbox.start(env);
  const broken = new Set<string>();
  const deadline = performance.now() + REPAIR_MS_MAX;
  for (;;) {
    const answers = await answersOf(inbox.url);
    for (const [at, { status, text }] of answers.entries()) {
      if (status !== 503 && (status !== 200 || text !== expected[at]))
        broken.add(`${QUESTIONS[at]} gets ${status} with another answer than before`);
    }
    if (answers.every(({ status }) => status === 200)) break;
    if (performance.now() > deadline) {
      broken.add(`the read index is not repaired within ${REPAIR_MS_MAX} ms`);
      break;
    }
    await setTimeout(LOOK_EVERY_MS);
  }
  return [...broken].map((promise) => `${where}: ${promise}`);
}

function answersOf(url: string): Promise<readonly { status: number; text: string }[]> {
  return Promise.all(
    QUESTIONS.map(async (question) => {
      const answer = await fetch(url + question);
      return { status: answer.status, text: await answer.text() };
    }),
  );
}
