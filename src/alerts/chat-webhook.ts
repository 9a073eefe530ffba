import { postJson } from "./post.ts";
import type { AlertMessage, Target } from "./target.ts";

const MINUTE_MS = 60_000;

/** A webhook that takes `{"text": …}`, as those of Slack, Mattermost and others do. Its URL is a credential. */
export function chatWebhook(url: string): Target {
  const { pathname, search } = new URL(url);
  // A host is no secret, and a path of one slash is in every answer.
  const secrets = [url, `${pathname}${search}`, pathname].filter((part) => part.length > 1);
  return {
    name: "webhook",
    mergesRepeats: false,
    whenRefused: "look whether ALERT_WEBHOOK_URL is still valid there",
    tell: (message, signal) => postJson(url, { text: chatText(message) }, { signal, secrets }),
  };
}

export function chatText({ event, rule, summary, sinceMs, nowMs }: AlertMessage): string {
  const text = escaped(summary);
  if (event === "trigger") return `*Lyftr, ${rule.severity}:* ${text}\n${escaped(rule.whatToDo)}`;
  const minutes = Math.max(1, Math.round((nowMs - sinceMs) / MINUTE_MS));
  return `*Lyftr, over:* ${text} (after ${minutes} min)`;
}

/** What Slack reads as markup of its own: a mention, a link. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
