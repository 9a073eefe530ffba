import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Alerts, type AlertsOptions } from "../alerts/alerts.ts";
import { Observation, type Requests } from "../alerts/figures.ts";
import { shownOnly } from "../alerts/shown-alerts.ts";
import { SilenceWatch } from "../alerts/silence.ts";
import { chatWebhook, pagerDuty, type Target } from "../alerts/targets.ts";
import type { Config } from "../config.ts";
import { within } from "../domain/clock.ts";
import type { Readiness } from "../http/readiness.ts";
import { WEBHOOK_PATH } from "../http/routes/webhook.ts";
import type { GroupCommit } from "../ingest/group-commit.ts";
import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Store } from "../store/store.ts";
import { type AppRuntime, VERSION } from "./start-up.ts";

const MINUTE_MS = 60_000;
const DISK_MS_MAX = 500;

export interface AlertingParts extends Pick<AppRuntime, "clock" | "log" | "metrics"> {
  readonly store: Store;
  readonly readiness: Readiness;
  readonly committer: GroupCommit;
  readonly received: ReadonlyMap<string, number>;
  /** Its number, if this process is one of several. */
  readonly part: { readonly worker: number } | undefined;
}

export type AlertTargets = Pick<Config, "pagerdutyRoutingKey" | "pagerdutyUrl" | "alertWebhookUrl">;

/** The configured targets. */
export function alertTargets({
  pagerdutyRoutingKey,
  pagerdutyUrl,
  alertWebhookUrl,
}: AlertTargets): readonly Target[] {
  const common = { url: pagerdutyUrl, host: hostname(), version: VERSION };
  return [
    ...(pagerdutyRoutingKey === undefined
      ? []
      : [pagerDuty({ ...common, routingKey: pagerdutyRoutingKey })]),
    ...(alertWebhookUrl === undefined ? [] : [chatWebhook(alertWebhookUrl)]),
  ];
}

/**
 * Starts the built-in alerts. Of several workers each evaluates, and the first one notifies.
 * Without a target the rules are evaluated too, for the dashboard alone: nothing is sent, logged or
 * counted.
 */
export async function startAlerts(config: Config, parts: AlertingParts): Promise<Alerts> {
  const targets = alertTargets(config);
  const { store, clock, log, metrics, part } = parts;
  const observation = observe(config, parts);
  const isTold = targets.length > 0;
  const options: AlertsOptions = {
    store: store.alerts,
    clock,
    log,
    metrics,
    host: hostname(),
    holder: randomUUID(),
    random: Math.random,
    targets: part === undefined || part.worker === 1 ? targets : [],
    databaseId: isTold ? await store.credentials.secrets.databaseId() : "",
    measure: (atMs) => observation.measure(atMs),
  };
  return new Alerts(isTold ? options : shownOnly(options));
}

function observe({ alertSilenceMinutes }: Config, parts: AlertingParts): Observation {
  const { store, clock, metrics, readiness, committer, received } = parts;
  return new Observation({
    notReady: () => readiness.problem(),
    requests: () => webhooksOf(metrics),
    queueAgeMs: () => committer.oldestAgeMs(),
    disk: () => within(clock, DISK_MS_MAX, store.disk()),
    silence: new SilenceWatch({
      store,
      clock,
      received: () => [...received.values()].reduce((sum, messages) => sum + messages, 0),
      msMax: alertSilenceMinutes && alertSilenceMinutes * MINUTE_MS,
    }),
  });
}

/** The results of webhooks, from a counter that exists anyway. */
async function webhooksOf({ httpRequests }: ServiceMetrics): Promise<Requests> {
  const { values } = await httpRequests.get();
  const requests = { answered: 0, failed: 0 };
  for (const { labels, value } of values) {
    const { method, path, status }: Readonly<Record<string, unknown>> = labels;
    if (method !== "POST" || path !== WEBHOOK_PATH) continue;
    requests.answered += value;
    if (String(status).startsWith("5")) requests.failed += value;
  }
  return requests;
}
