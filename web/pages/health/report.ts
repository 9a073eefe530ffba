import type { Overview } from "../../api/overview.ts";
import { toUtcText } from "../../text/zones.ts";

/**
 * The figures as text, for a bug report: lines like those of `lyftr version`. There is no phone
 * number, no text of a message and no setting in it. Moments are in UTC.
 */
export function reportOf(service: Overview, now: number): string {
  const { queue, workers, retention, database, alerts } = service;
  const facts: readonly (readonly [string, string | number | boolean | null])[] = [
    ["lyftr", service.version],
    ["at", toUtcText(now)],
    ["started_at", service.started_at],
    ["ready", service.ready],
    ["problem", service.problem],
    ["read", service.read],
    ["last_received_at", service.last_received_at],
    ...Object.entries(service.results).map(([name, count]) => [`results.${name}`, count] as const),
    ["conflicts", service.conflicts],
    ["shed", service.shed],
    ["queue.rows", queue.rows],
    ["queue.age_seconds", queue.age_seconds],
    ["index_backlog_rows", service.index_backlog_rows],
    ["workers", `${workers.alive} of ${workers.configured}`],
    ["retention.days", retention.days],
    ["retention.last_run_at", retention.last_run_at],
    ["database.engine", database.engine],
    ["database.size_bytes", database.size_bytes],
    ["database.disk_free_bytes", database.disk_free_bytes],
    ["database.disk_size_bytes", database.disk_size_bytes],
    ...alerts.map((alert) => [`alert.${alert.rule}`, `since ${alert.since}`] as const),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value ?? "none"}\n`).join("");
}
