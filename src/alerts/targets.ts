import type { AlertTarget } from "../runtime.ts";
import { type PostResult, postJson } from "./post.ts";
import type { Rule } from "./rules.ts";

const SUMMARY_CHARACTERS_MAX = 1_024;
const MINUTE_MS = 60_000;

/** The start or the end of an alert. */
export interface AlertMessage {
  readonly event: "trigger" | "resolve";
  /** The deduplication key. It is the same for one rule of one database in every process. */
  readonly key: string;
  readonly rule: { readonly name: string } & Pick<Rule, "severity" | "advice">;
  readonly summary: string;
  /** When the alert began. */
  readonly sinceMs: number;
  readonly nowMs: number;
}

/** An external service that is notified of alerts. */
export interface Target {
  readonly name: AlertTarget;
  /** Whether messages with the same key become one incident. */
  readonly mergesRepeats: boolean;
  /** What the operator should check when the target refuses a message. */
  readonly whenRefused: string;
  send(message: AlertMessage, signal: AbortSignal): Promise<PostResult>;
}

export interface PagerDutyOptions {
  readonly url: string;
  readonly routingKey: string;
  /** The host name of the machine. */
  readonly host: string;
  readonly version: string;
}

/** PagerDuty, through its Events API v2. */
export function pagerDuty(options: PagerDutyOptions): Target {
  const secrets = [options.routingKey];
  return {
    name: "pagerduty",
    mergesRepeats: true,
    whenRefused:
      "check that PAGERDUTY_ROUTING_KEY is the integration key of a service with Events API v2, " +
      "and that PAGERDUTY_URL is the one of its region",
    send: (message, signal) =>
      postJson(options.url, pagerDutyEvent(message, options), { signal, secrets }),
  };
}

/** A resolve needs only the key of the incident that it ends. */
export function pagerDutyEvent(
  { event, key, rule, summary, sinceMs }: AlertMessage,
  { routingKey, host, version }: PagerDutyOptions,
): object {
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
      custom_details: { rule: rule.name, what_to_do: rule.advice, version },
    },
  };
}

/**
 * A webhook that takes `{"text": …}`, like those of Slack and Mattermost. Its URL is a credential.
 */
export function chatWebhook(url: string): Target {
  const { pathname, search } = new URL(url);
  // The host is not secret. A path that is only a slash would match every answer.
  const secrets = [url, `${pathname}${search}`, pathname].filter((part) => part.length > 1);
  return {
    name: "webhook",
    mergesRepeats: false,
    whenRefused: "check that ALERT_WEBHOOK_URL is still valid there",
    send: (message, signal) => postJson(url, { text: chatText(message) }, { signal, secrets }),
  };
}

export function chatText({ event, rule, summary, sinceMs, nowMs }: AlertMessage): string {
  const text = escaped(summary);
  if (event === "trigger") return `*Lyftr, ${rule.severity}:* ${text}\n${escaped(rule.advice)}`;
  const minutes = Math.max(1, Math.round((nowMs - sinceMs) / MINUTE_MS));
  return `*Lyftr, over:* ${text} (after ${minutes} min)`;
}

/** Escapes what Slack reads as markup: mentions and links. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
