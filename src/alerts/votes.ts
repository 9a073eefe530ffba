import type { AlertState, AlertVote } from "../store/alerts.ts";
import type { Firing, Hysteresis } from "./hysteresis.ts";
import type { Rule } from "./rules.ts";

/** A rule and its state in this process. */
interface VotedRule {
  readonly rule: Rule;
  readonly own: Hysteresis;
}

/** The vote of this process for an alert that fires in it. */
export function voteOf({ rule, own: { firing } }: VotedRule): readonly AlertVote[] {
  if (firing === undefined) return [];
  const since = new Date(firing.sinceMs).toISOString();
  return [{ rule: rule.name, summary: firing.summary, since }];
}

/** The alert of a rule in any process. The oldest vote counts. */
export function firingOf(state: AlertState | undefined, rule: Rule): Firing | undefined {
  const vote = state?.votes.find((one) => one.rule === rule.name);
  return vote && { summary: vote.summary, sinceMs: Date.parse(vote.since) };
}
