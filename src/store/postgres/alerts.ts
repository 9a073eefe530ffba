import {
  type AlertNotice,
  type AlertReport,
  type AlertState,
  type AlertStore,
  type AlertVote,
  LEADER_SECONDS,
  VOTE_SECONDS,
} from "../alerts.ts";
import type { Transaction } from "./connection.ts";
import type { Database } from "./database.ts";

const VOTES =
  "SELECT rule, summary, since FROM alert_votes WHERE expires_at >= now() ORDER BY since, holder";

export function alertsIn(database: Database): AlertStore {
  return {
    exchange: (report) => database.transaction((tx) => exchange(tx, report)),
    // The server's clock wrote when they expire.
    votes: () => database.all<AlertVote>(VOTES),
  };
}

async function exchange(tx: Transaction, report: AlertReport): Promise<AlertState> {
  const { holder, votes, notices } = report;
  const leads = await holdLease(tx, report);
  // Only the leader deletes the votes of other processes as soon as they expire. Otherwise two
  // processes could deadlock. After an hour the process has ended, and needs its votes no more.
  const expired = `OR expires_at < now()${leads ? "" : " - interval '1 hour'"}`;
  await tx.run(`DELETE FROM alert_votes WHERE holder = $1 ${expired}`, [holder]);
  for (const { rule, summary, since } of votes) {
    await tx.run(
      `INSERT INTO alert_votes (rule, holder, summary, since, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
      [rule, holder, summary, since, VOTE_SECONDS],
    );
  }
  // Every process stores its notices in the same order, so two never wait for each other.
  for (const notice of notices) await note(tx, notice);
  return {
    leads,
    votes: await tx.all<AlertVote>(VOTES),
    notices: await tx.all<AlertNotice>(
      "SELECT rule, target, firing, at FROM alert_notices ORDER BY rule, target",
    ),
  };
}

/** Takes, renews or releases the lease. */
async function holdLease(tx: Transaction, { holder, mayLead }: AlertReport): Promise<boolean> {
  if (!mayLead) {
    await tx.run("UPDATE leases SET expires_at = 'epoch' WHERE name = 'alerts' AND holder = $1", [
      holder,
    ]);
    return false;
  }
  const taken = await tx.run(
    `UPDATE leases SET holder = $1, expires_at = now() + make_interval(secs => $2)
     WHERE name = 'alerts' AND (holder = $1 OR expires_at < now())`,
    [holder, LEADER_SECONDS],
  );
  return taken === 1;
}

async function note(tx: Transaction, { rule, target, firing, at }: AlertNotice): Promise<void> {
  await tx.run(
    `INSERT INTO alert_notices (rule, target, firing, at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (rule, target) DO UPDATE SET firing = excluded.firing, at = excluded.at
       WHERE excluded.at > alert_notices.at`,
    [rule, target, firing, at],
  );
}
