import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { verifyReadIndex } from "../../src/store/sqlite/index/verify.ts";
import { message } from "../store/exercise.ts";
import { scrape, series } from "../support/client.ts";
import { serve } from "../support/process.ts";
import { getJson } from "../support/service.ts";
import { SqliteParts } from "../support/sqlite-parts.ts";

const MESSAGES = 90_000;
const SENDERS = 300;
const KILLS_MAX = 30;

function newDatabase(): { cwd: string; path: string } {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-index-"));
  mkdirSync(join(cwd, "data"));
  const path = join(cwd, "data", "app.db");
  using parts = new SqliteParts(path);
  parts.insert(
    Array.from({ length: MESSAGES }, (_, n) =>
      message(`m${(n * 7919) % 104_729}-${n}`, { from: `+${n % SENDERS}`, text: `n${n % 1_000}` }),
    ),
  );
  return { cwd, path };
}

const backlogOf = async (service: { readonly url: string }) =>
  series(await scrape(service)).get("read_index_backlog_rows") ?? Number.NaN;

const verify = (path: string) =>
  verifyReadIndex(path, { progress: () => undefined, signal: new AbortController().signal });

test("killed again and again between and within indexing steps, the index is never wrong, and every answer is exact", async (t) => {
  const { cwd, path } = newDatabase();
  const backlogs = new Set<number>();
  let left = MESSAGES;
  for (let kill = 0; kill < KILLS_MAX; kill++) {
    await using lyftr = await serve({ cwd });
    // The first one is killed as soon as it listens, probably before the end of a step.
    if (kill > 0) {
      // Whatever is indexed by now: the answers are complete.
      const stats = await getJson(`${lyftr.url}/stats`);
      deepEqual([stats.total_messages, stats.senders_count], [MESSAGES, SENDERS]);
      equal((await getJson(`${lyftr.url}/messages?from=%2B7&limit=1`)).total, MESSAGES / SENDERS);
    }
    // Every other kill waits until a step is done. Otherwise all might hit the same step.
    while (kill % 2 === 1 && (await backlogOf(lyftr)) >= left) await setTimeout(50);
    lyftr.child.kill("SIGKILL");
    equal(await lyftr.ended, "SIGKILL");
    const { backlog, messages, differences } = await verify(path);
    deepEqual(differences, []);
    equal(messages + backlog, MESSAGES);
    backlogs.add(backlog);
    left = backlog;
    if (backlog === 0) break;
  }
  t.diagnostic(`killed at backlogs of ${[...backlogs].join(", ")}`);
  ok(backlogs.size >= 2, "it was never killed half way");
  ok(backlogs.has(0), "it never got to the end");
});
