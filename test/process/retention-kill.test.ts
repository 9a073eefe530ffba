import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { indexMessages } from "../../src/store/sqlite/index/index-messages.ts";
import { verifyReadIndex } from "../../src/store/sqlite/index/verify.ts";
import { message } from "../store/exercise.ts";
import { valueIn } from "../support/cli.ts";
import { CLEAN, faultsIn, Ledger, listedIds } from "../support/ledger.ts";
import { runLyftr, serve } from "../support/process.ts";
import { getJson } from "../support/service.ts";
import { SqliteParts } from "../support/sqlite-parts.ts";

const OLD = 12_000;
const PERSON = "+918877665544";
/** Every such old message is one of the person's. */
const PERSON_EVERY = 20;
const SENDERS = 4;
const KILLS = 10;
const VERIFY = { progress: () => undefined, signal: new AbortController().signal };

function newDatabase(): { cwd: string; path: string } {
  const cwd = mkdtempSync(join(tmpdir(), "lyftr-retention-"));
  mkdirSync(join(cwd, "data"));
  const path = join(cwd, "data", "app.db");
  using parts = new SqliteParts(path);
  parts.insert(
    Array.from({ length: OLD }, (_, n) =>
      message(`old${(n * 7919) % 104_729}-${n}`, {
        from: n % PERSON_EVERY === 0 ? PERSON : `+${n % 300}`,
        text: `n${n % 1_000}`,
      }),
    ),
  );
  while (indexMessages(parts.index, 20_000).backlog > 0);
  return { cwd, path };
}

test("deletion is killed again and again beside a service that takes messages: everything else is complete, and every answer agrees", async (t) => {
  const { cwd, path } = newDatabase();
  const ledger = new Ledger();
  const old = () =>
    Number(valueIn(path, "SELECT count(*) FROM messages WHERE message_id LIKE 'old%'"));
  const tombstones = () => Number(valueIn(path, "SELECT count(*) FROM tombstones"));
  const left = new Set<number>();
  {
    await using lyftr = await serve({ cwd, env: { CACHE_TTL_MS: "0" } });
    const done = new AbortController();
    let sent = 0;
    const senders = Array.from({ length: SENDERS }, async () => {
      while (!done.signal.aborted) await ledger.send(lyftr.url, `new${++sent}`);
    });
    try {
      for (let kill = 0; kill < KILLS && old() > 0; kill++) {
        const before = old();
        // A person first, then all old messages.
        const args = kill < 3 ? ["erase", PERSON, "--yes"] : ["retention", "--days", "1", "--yes"];
        await using command = runLyftr(args, { cwd });
        for (
          const deadline = performance.now() + 20_000;
          old() === before && command.child.exitCode === null;
        ) {
          ok(performance.now() < deadline, "nothing is ever deleted");
          await sleep(2);
        }
        await Promise.race([command.ended, sleep(Math.random() * 150)]);
        command.child.kill("SIGKILL");
        await command.ended;
        left.add(old());
        // None is deleted without its tombstone.
        equal(old() + tombstones(), OLD);
        const [stats, page] = [
          await getJson(`${lyftr.url}/stats`),
          await getJson(`${lyftr.url}/messages?limit=1`),
        ];
        ok(page.total >= stats.total_messages, "what was counted is not listed");
      }
      for (const args of [
        ["erase", PERSON, "--yes"],
        ["retention", "--days", "1", "--yes"],
      ])
        equal(await runLyftr(args, { cwd }).ended, 0);
    } finally {
      done.abort();
      await Promise.all(senders);
    }
    t.diagnostic(
      `killed with ${[...left].join(", ")} old messages left; ${sent} arrived during that`,
    );
    ok(left.size >= 3, "it was never killed half way");
    equal(old(), 0);
    const { ids, agree } = await listedIds(lyftr.url);
    deepEqual([agree, ids.length], [true, ledger.ids("ok").length]);
    equal((await getJson(`${lyftr.url}/messages?from=${encodeURIComponent(PERSON)}`)).total, 0);
  }
  deepEqual(faultsIn(ledger.check(path)), CLEAN);
  deepEqual((await verifyReadIndex(path, VERIFY)).differences, []);
});
