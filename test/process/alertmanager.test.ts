import { deepEqual, equal, match } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  type Alertmanager,
  PAGE_KEY,
  startAlertmanager,
  TICKETS_KEY,
  unlessAlertmanager,
} from "../support/alertmanager.ts";
import {
  type FakePagerDuty,
  fakePagerDuty,
  type PagerDutyAnswer,
} from "../support/fake-pagerduty.ts";

/** `group_wait` and some flushes of the group after refusals. */
const PAGE_MS_MAX = 90_000;
const RESOLVE_MS_MAX = 40_000;
/** Tickets are grouped for a minute. */
const TICKET_MS_MAX = 100_000;
const AN_HOUR_MS = 3_600_000;
const skip = unlessAlertmanager();

/** Sends alerts of one service as Prometheus does; the ended ones ended just now. */
async function tell(
  { address }: Alertmanager,
  alerts: readonly {
    readonly alertname: string;
    readonly severity: string;
    readonly ended?: boolean;
  }[],
): Promise<void> {
  const startsAt = new Date(Date.now() - 1_000).toISOString();
  const posted = alerts.map(({ alertname, severity, ended = false }) => ({
    labels: { alertname, severity, job: "lyftr", namespace: "blue" },
    annotations: {
      summary: `${alertname} is the matter.`,
      description: "It is.",
      runbook_url: "docs/operations/runbooks/pages.md#it",
    },
    startsAt,
    endsAt: new Date(Date.now() + (ended ? 0 : AN_HOUR_MS)).toISOString(),
  }));
  const answer = await fetch(`http://${address}/api/v2/alerts`, {
    method: "POST",
    body: JSON.stringify(posted),
    headers: { "content-type": "application/json" },
  });
  equal(answer.status, 200, await answer.text());
}

const refused = ({ received }: FakePagerDuty, how: PagerDutyAnswer) =>
  received.some(({ answered }) => answered === how);

test("several alerts of a service are one incident, even if two Alertmanagers send them and PagerDuty refuses events at first", {
  skip,
}, async () => {
  await using pagerDuty = await fakePagerDuty();
  await using one = await startAlertmanager(pagerDuty.url);
  await using other = await startAlertmanager(pagerDuty.url);
  const pages = ["LyftrUnavailable", "LyftrWebhooksFailing"].map((alertname) => ({
    alertname,
    severity: "page",
  }));
  pagerDuty.answer(429);
  for (const alertmanager of [one, other]) await tell(alertmanager, pages);
  await pagerDuty.until(() => refused(pagerDuty, 429), PAGE_MS_MAX);
  pagerDuty.answer(400);
  await pagerDuty.until(() => refused(pagerDuty, 400), PAGE_MS_MAX);
  pagerDuty.answer(202);
  await pagerDuty.until(() => pagerDuty.open().length > 0, PAGE_MS_MAX);
  for (const alertmanager of [one, other])
    await tell(alertmanager, [{ ...pages[0], ended: true } as (typeof pages)[0]]);
  equal(pagerDuty.open().length, 1, "one of two alerts is no end");
  for (const alertmanager of [one, other])
    await tell(
      alertmanager,
      pages.map((page) => ({ ...page, ended: true })),
    );
  await pagerDuty.until(() => pagerDuty.open().length === 0, RESOLVE_MS_MAX);
  const [incident, ...others] = pagerDuty.incidents();
  deepEqual(others, []);
  const group = `{}/{severity="page"}:{job="lyftr", namespace="blue"}`;
  equal(incident?.dedupKey, createHash("sha256").update(group).digest("hex"));
  match(incident?.summary ?? "", /^lyftr: Lyftr\w+ is the matter\. Lyftr\w+ is the matter\.$/);
  for (const { event } of pagerDuty.received) equal(event.routing_key, PAGE_KEY);
});

test("tickets go to their own service as warnings, one per alert, and the watchdog does not go to PagerDuty", {
  skip,
}, async () => {
  await using pagerDuty = await fakePagerDuty();
  await using alertmanager = await startAlertmanager(pagerDuty.url);
  await tell(alertmanager, [
    { alertname: "LyftrWatchdog", severity: "none" },
    { alertname: "LyftrRedisAway", severity: "ticket" },
    { alertname: "LyftrRestarts", severity: "ticket" },
  ]);
  await pagerDuty.until(() => pagerDuty.open().length === 2, TICKET_MS_MAX);
  const summaries = pagerDuty.open().map(({ summary }) => summary);
  deepEqual(summaries.toSorted(), [
    "lyftr: LyftrRedisAway is the matter.",
    "lyftr: LyftrRestarts is the matter.",
  ]);
  for (const { event } of pagerDuty.received)
    deepEqual([event.routing_key, event.payload?.severity], [TICKETS_KEY, "warning"]);
});
