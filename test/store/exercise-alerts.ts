import { deepEqual, equal } from "node:assert/strict";
import type { AlertNotice, AlertReport, AlertVote } from "../../src/store/alerts.ts";
import type { Store } from "../../src/store/store.ts";

type Check = (
  title: string,
  body: (store: Store, reopen: () => Promise<Store>) => Promise<void>,
) => void;

const SINCE = "2025-01-15T10:00:00.000Z";

function vote(rule: string, fields: Partial<AlertVote> = {}): AlertVote {
  return { rule, summary: `${rule} somewhere`, since: SINCE, ...fields };
}

function notice(rule: string, fields: Partial<AlertNotice> = {}): AlertNotice {
  return { rule, target: "pagerduty", firing: true, at: SINCE, ...fields };
}

/** The alert state of every backend. */
export function exerciseAlerts(check: Check): void {
  const report = (store: Store, fields: Partial<AlertReport> = {}) =>
    store.alerts.exchange({
      holder: "a",
      nowMs: Date.now(),
      mayLead: true,
      votes: [],
      notices: [],
      ...fields,
    });

  check("a process without votes and notices leads, and gets an empty state", async (store) => {
    deepEqual(await report(store), { leads: true, votes: [], notices: [] });
    deepEqual(await report(store, { mayLead: false }), { leads: false, votes: [], notices: [] });
  });

  check(
    "the others know what a process votes until it votes otherwise, the oldest first",
    async (store) => {
      const [disk, queue] = [vote("disk", { since: "2025-01-15T11:00:00.000Z" }), vote("queue")];
      deepEqual((await report(store, { votes: [disk, queue] })).votes, [queue, disk]);
      deepEqual(
        (await report(store, { holder: "b", votes: [vote("queue", { summary: "there too" })] }))
          .votes,
        [queue, vote("queue", { summary: "there too" }), disk],
      );
      const other = vote("disk", { summary: "worse", since: disk.since });
      deepEqual((await report(store, { votes: [other] })).votes, [
        vote("queue", { summary: "there too" }),
        other,
      ]);
      deepEqual((await report(store)).votes, [vote("queue", { summary: "there too" })]);
      deepEqual((await report(store, { holder: "b" })).votes, []);
    },
  );

  check("votes and notices outlive their process", async (store, reopen) => {
    await report(store, { votes: [vote("disk")], notices: [notice("disk")] });
    const again = await reopen();
    const { votes, notices } = await report(again, { holder: "b" });
    deepEqual([votes, notices], [[vote("disk")], [notice("disk")]]);
  });

  check(
    "of two notices about the same alert the newer one is kept, in whichever order they arrive",
    async (store) => {
      const [older, newer] = [
        notice("disk"),
        notice("disk", { firing: false, at: "2025-01-15T10:00:00.001Z" }),
      ];
      const webhook = notice("disk", { target: "webhook" });
      deepEqual((await report(store, { notices: [newer, webhook] })).notices, [newer, webhook]);
      deepEqual((await report(store, { holder: "b", notices: [older] })).notices, [newer, webhook]);
      const newest = notice("disk", { at: "2025-01-15T10:00:00.002Z" });
      deepEqual((await report(store, { notices: [newest] })).notices, [newest, webhook]);
    },
  );

  check("votes can be read without a report", async (store) => {
    const read = (laterMs = 0) => store.alerts.votes(Date.now() + laterMs);
    deepEqual(await read(), []);
    await report(store, { votes: [vote("queue")] });
    await report(store, { holder: "b", votes: [vote("disk", { since: "2025-01-15T09:00:00Z" })] });
    deepEqual(await read(), [vote("disk", { since: "2025-01-15T09:00:00Z" }), vote("queue")]);
    await report(store);
    deepEqual(await read(), [vote("disk", { since: "2025-01-15T09:00:00Z" })]);
  });

  check("giving the lease back withdraws no vote", async (store) => {
    await report(store, { votes: [vote("disk")] });
    await report(store, { votes: [vote("disk")], mayLead: false });
    deepEqual((await report(store, { holder: "b" })).votes, [vote("disk")]);
    equal((await report(store, { holder: "b" })).leads, true);
  });
}
