import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LyftrClient } from "../../client/client.ts";
import { temporaryFolder } from "../support/cli.ts";
import { listedIds } from "../support/ledger.ts";
import { serve } from "../support/process.ts";

/** `node bench/client.ts` does the same with a million messages and twenty kills. */
const KILLS = Number(process.env.CLIENT_KILLS ?? 5);
const SENT_BETWEEN_KILLS = 400;

test(`${KILLS} times kill -9 while the client sends: every message arrives exactly once`, async (t) => {
  using folder = temporaryFolder();
  await using running = new AsyncDisposableStack();
  let lyftr = running.use(await serve({ cwd: folder.path }));
  const env = { PORT: new URL(lyftr.url).port };
  const client = new LyftrClient({ url: lyftr.url, secret: "testsecret", concurrency: 32 });
  let kills = 0;
  let taken = 0;
  // The source lasts longer than all kills.
  function* messages() {
    for (let after = 0; after < SENT_BETWEEN_KILLS; after += kills < KILLS ? 0 : 1) {
      const message_id = `m${taken++}`;
      yield {
        message_id,
        from: "+1",
        to: "+2",
        ts: "2025-01-15T10:00:00Z",
        text: `text of ${message_id}`,
      };
    }
  }
  let sent = 0;
  const sending = client.sendMany(messages(), { onProgress: (now) => (sent = now.sent) });
  const killing = (async () => {
    while (kills < KILLS) {
      for (const goal = sent + SENT_BETWEEN_KILLS; sent < goal; ) await delay(5);
      lyftr.child.kill("SIGKILL");
      equal(await lyftr.ended, "SIGKILL");
      lyftr = running.use(await serve({ cwd: folder.path, env }));
      kills++;
    }
  })();
  const [result] = await Promise.all([sending, killing]);
  t.diagnostic(`${taken} messages, ${result.attempts - taken} attempts more than that`);
  deepEqual([result.sent, result.failed, result.stopped], [taken, 0, undefined]);
  ok(result.attempts > taken, "no kill met anything under way");
  const { ids, agree } = await listedIds(lyftr.url);
  equal(ids.length, taken);
  equal(new Set(ids).size, taken);
  equal(agree, true);
});
