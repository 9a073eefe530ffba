import { NO_LOG } from "../observe/log.ts";
import type { AlertRule } from "../runtime.ts";
import type { AlertStore, AlertVote } from "../store/alerts.ts";
import type { AlertsOptions } from "./alerts.ts";
import { RULES, type Rule } from "./rules.ts";

/**
 * Begins the rule of a vote that is only shown. Processes that notify do not know such a rule, so
 * the vote of a process without targets never makes another process send a message.
 */
const SHOWN_ONLY = "shown:";

/** An alert that fires in any process of the database, for display. */
export interface ShownAlert {
  readonly rule: AlertRule;
  readonly severity: Rule["severity"];
  /** When it began, as `2025-01-15T10:00:00.000Z`. */
  readonly since: string;
  readonly summary: string;
  readonly advice: string;
}

/**
 * The options of a process without targets: it finds alerts, and neither logs nor counts them. Its
 * votes are only shown.
 */
export function shownOnly(options: AlertsOptions): AlertsOptions {
  const metrics = { ...options.metrics, alertsFiring: { set: () => undefined } };
  return { ...options, log: NO_LOG, metrics, targets: [], store: withShownVotes(options.store) };
}

/** The store never lets the process lead. While nothing fires, the database is left alone. */
function withShownVotes(store: AlertStore): AlertStore {
  let hasVoted = false;
  return {
    exchange: async (report) => {
      const votes = report.votes.map((vote) => ({ ...vote, rule: SHOWN_ONLY + vote.rule }));
      if (votes.length > 0 || hasVoted) {
        hasVoted = true;
        await store.exchange({ ...report, mayLead: false, votes, notices: [] });
        hasVoted = votes.length > 0;
      }
      return { leads: false, votes: [], notices: [] };
    },
    votes: (nowMs) => store.votes(nowMs),
  };
}

/** What the votes say, the most urgent rule first. Of several votes the oldest counts. */
export function shownAlerts(votes: readonly AlertVote[]): readonly ShownAlert[] {
  return RULES.flatMap(({ name, severity, advice }) => {
    const [oldest] = votes
      .filter(({ rule }) => rule === name || rule === SHOWN_ONLY + name)
      .sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
    if (oldest === undefined) return [];
    const { since, summary } = oldest;
    return [{ rule: name, severity, since, summary, advice }];
  });
}
