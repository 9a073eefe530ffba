import { postJson } from "./post.ts";
import type { AlertMessage, Target } from "./target.ts";

const SUMMARY_CHARACTERS_MAX = 1_024;

export interface PagerDutyOptions {
  readonly url: string;
  readonly routingKey: string;
  /** The machine that tells. */
  readonly host: string;
  readonly version: string;
}

/** PagerDuty by its Events API v2. */
export function pagerDuty(options: PagerDutyOptions): Target {
  const secrets = [options.routingKey];
  return {
    name: "pagerduty",
    mergesRepeats: true,
    whenRefused:
      "look whether PAGERDUTY_ROUTING_KEY is the integration key of a service with Events API v2, and PAGERDUTY_URL of its region",
    tell: (message, signal) => postJson(options.url, pagerDutyEvent(message, options), { signal, secrets }),
  };
}

/** A resolve needs only the key of what it ends. */
export function pagerDutyEvent(message: AlertMessage, { routingKey, host, version }: PagerDutyOptions): object {
  const { event, key, rule, summary, sinceMs } = message;
  const common = { routing_key: routingKey, event_action: event, dedup_key: key };
  if (event === "resolve") return common;
  return {
    ...common,
    client: "Lyftr",
    payload: {
      summary: `Lyftr: ${summary}`.slice(0, SUMMARY_CHARACTERS_MAX),
      source: host,
      severity: rule.severity,
      timestamp: new Date(sinceMs).toISOString(),
      component: "lyftr",
      class: rule.name,
      custom_details: { rule: rule.name, what_to_do: rule.whatToDo, version },
    },
  };
}
