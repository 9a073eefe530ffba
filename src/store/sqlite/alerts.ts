import {
  type AlertNotice,
  type AlertReport,
  type AlertState,
  type AlertVote,
  VOTE_SECONDS,
} from "../alerts.ts";
import { transaction } from "./connection.ts";
import type { Statements } from "./statements.ts";

export function exchangeAlerts(statements: Statements, report: AlertReport): AlertState {
  const { votes, notices, mayLead } = report;
  // Usually no alert fires, and then the exchange every few seconds writes nothing.
  const anyVote = votes.length > 0 || statements.number("SELECT count(*) FROM alert_votes") > 0;
  if (anyVote || notices.length > 0) {
    transaction(statements.db, "BEGIN IMMEDIATE", () => {
      vote(statements, report);
      for (const notice of notices) note(statements, notice);
    });
  }
  return {
    // One process serves a file, so it always leads.
    leads: mayLead,
    votes: statements
      .all<AlertVote>("SELECT rule, summary, since FROM alert_votes ORDER BY since, holder")
      .map((row) => ({ ...row })),
    notices: statements
      .all<AlertNotice>("SELECT rule, target, firing, at FROM alert_notices ORDER BY rule, target")
      .map((row) => ({ ...row, firing: Boolean(row.firing) })),
  };
}

export function readVotes(statements: Statements, nowMs: number): readonly AlertVote[] {
  const sql =
    "SELECT rule, summary, since FROM alert_votes WHERE expires_at >= ? ORDER BY since, holder";
  const rows = statements.all<AlertVote>(sql, [new Date(nowMs).toISOString()]);
  return rows.map((row) => ({ ...row }));
}

function vote(statements: Statements, { holder, nowMs, votes }: AlertReport): void {
  const now = new Date(nowMs).toISOString();
  const until = new Date(nowMs + VOTE_SECONDS * 1_000).toISOString();
  statements.run("DELETE FROM alert_votes WHERE holder = ? OR expires_at < ?", [holder, now]);
  for (const { rule, summary, since } of votes) {
    statements.run(
      "INSERT INTO alert_votes (rule, holder, summary, since, expires_at) VALUES (?, ?, ?, ?, ?)",
      [rule, holder, summary, since, until],
    );
  }
}

function note(statements: Statements, { rule, target, firing, at }: AlertNotice): void {
  statements.run(
    `INSERT INTO alert_notices (rule, target, firing, at) VALUES (?, ?, ?, ?)
     ON CONFLICT (rule, target) DO UPDATE SET firing = excluded.firing, at = excluded.at WHERE excluded.at > at`,
    [rule, target, Number(firing), at],
  );
}
