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

export function alertsIn(database: Database): AlertStore {
  return {
    exchange: (report) => database.transaction((tx) => exchange(tx, report)),
    stepDown: async (holder) => {
      await database.all("UPDATE leases SET expires_at = 'epoch' WHERE name = 'alerts' AND holder = $1", [holder]);
    },
  };
}

async function exchange(tx: Transaction, report: AlertReport): Promise<AlertState> {
  const { holder, mayLead } = report;
  const leads = mayLead && (await holdLease(tx, holder));
  // Only one process forgets those of others: two would wait for each other.
  await tx.run(
    `DELETE FROM alert_votes WHERE (holder = $1 AND NOT rule = ANY($2)) ${leads ? "OR expires_at < now()" : ""}`,
    [holder, report.votes.map(({ rule }) => rule)],
  );
  for (const { rule, summary, since } of report.votes) {
    await tx.run(
      `INSERT INTO alert_votes (rule, holder, summary, since, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
       ON CONFLICT (rule, holder) DO UPDATE SET summary = excluded.summary, since = excluded.since, expires_at = excluded.expires_at`,
      [rule, holder, summary, since, VOTE_SECONDS],
    );
  }
  for (const notice of sorted(report.notices)) await note(tx, notice);
  return {
    leads,
    votes: await tx.all<AlertVote>(
      "SELECT rule, summary, since FROM alert_votes WHERE expires_at >= now() ORDER BY since, holder",
    ),
    notices: await tx.all<AlertNotice>("SELECT rule, target, firing, at FROM alert_notices ORDER BY rule, target"),
  };
}

async function holdLease(tx: Transaction, holder: string): Promise<boolean> {
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

/** In the same order everywhere, so that two replicas never wait for each other. */
function sorted(notices: readonly AlertNotice[]): readonly AlertNotice[] {
  const key = ({ rule, target }: AlertNotice) => `${rule} ${target}`;
  return [...notices].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
