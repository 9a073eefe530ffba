import type { ComponentChildren } from "preact";
import type { Overview } from "../../api/overview.ts";
import { QUEUE_AGE_ALERT_MS, QUEUE_ROWS_MAX } from "../../live/limits.ts";
import { refusedOf } from "../../live/results.ts";
import { addressOf } from "../../route.ts";
import { useSeconds } from "../../state/clock.ts";
import { health as t } from "../../text/en/health.ts";
import { bytes, counted, duration, fill, moments, number } from "../../text/format.ts";

interface Row {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly meaning: ComponentChildren;
  /** How full something is, 0 to 1. */
  readonly share?: number;
}

/** Every figure of `/overview`, with its limit and one sentence. */
export function FigureGroups({ service }: { readonly service: Overview }) {
  const now = useSeconds();
  return (
    <div class="health-groups">
      <Group title={t.receiving} rows={receiving(service, now)} />
      <Group title={t.storing} rows={storing(service)} />
      <Group title={t.resources} rows={resources(service)} />
    </div>
  );
}

function Group({ title, rows }: { readonly title: string; readonly rows: readonly Row[] }) {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{title}</h2>
      </header>
      <dl>
        {rows.map(({ name, value, meaning, share }) => (
          <div key={name} class="health-figure">
            <dt>{name}</dt>
            <dd class="health-value">
              {value}
              {share === undefined ? null : <Meter share={share} />}
            </dd>
            <dd class="health-meaning">{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Meter({ share }: { readonly share: number }) {
  const percent = Math.min(100, Math.max(0, 100 * share));
  return (
    <span class="meter" aria-hidden="true">
      <span class="meter-fill" style={{ width: `${percent}%` }} />
    </span>
  );
}

function agoText(ms: number): string {
  return ms === 0 ? t.justNow : fill(t.ago, { duration: duration(ms) });
}

function receiving({ last_received_at: last, ...service }: Overview, now: number): readonly Row[] {
  const at = Date.parse(last ?? "");
  const ago = Math.max(0, Math.floor((now - at) / 1_000) * 1_000);
  return [
    {
      name: t.received,
      value: Number.isNaN(at) ? t.never : agoText(ago),
      meaning: t.receivedMeans,
    },
    { name: t.stored, value: number(service.results.created ?? 0), meaning: t.storedMeans },
    {
      name: t.refused,
      value: number(refusedOf(service.results)),
      meaning: (
        <>
          {t.refusedMeans} <a href={addressOf({ page: "rejected" })}>{t.seeRejected}</a>
        </>
      ),
    },
    { name: t.conflicts, value: number(service.conflicts), meaning: t.conflictsMeans },
    { name: t.shed, value: number(service.shed), meaning: t.shedMeans },
  ];
}

function storing({ queue, index_backlog_rows: behind, workers, retention }: Overview) {
  const max = QUEUE_ROWS_MAX * Math.max(1, workers.configured);
  const lastRun = Date.parse(retention.last_run_at ?? "");
  const run = Number.isNaN(lastRun)
    ? t.retentionNoRun
    : fill(t.retentionRun, { moment: moments().brief(lastRun, Date.now()) });
  const rows: Row[] = [
    {
      name: t.queue,
      value: fill(t.queueRows, { n: queue.rows, max }),
      meaning: t.queueMeans,
      share: queue.rows / max,
    },
    {
      name: t.queueAge,
      value: duration(queue.age_seconds * 1_000),
      meaning: fill(t.queueAgeMeans, { limit: duration(QUEUE_AGE_ALERT_MS) }),
    },
    {
      name: t.index,
      value: behind === null ? t.unknown : counted(t.indexRows, behind),
      meaning: t.indexMeans,
    },
    {
      name: t.retention,
      value: retention.days === null ? t.retentionNever : counted(t.retentionDays, retention.days),
      meaning: retention.days === null ? t.retentionMeans : `${t.retentionMeans} ${run}`,
    },
  ];
  return rows;
}

const READING = {
  keys: t.readingKeys,
  open: t.readingOpen,
  until_first_key: t.readingUntilKey,
} as const;

function resources({ workers, database, read, version }: Overview): readonly Row[] {
  const { size_bytes: size, disk_free_bytes: free, disk_size_bytes: all, engine } = database;
  const rows: Row[] = [
    { name: t.workers, value: fill(t.workersAlive, workers), meaning: t.workersMeans },
    {
      name: t.database,
      value:
        size === null
          ? `${t[engine]}, ${t.unknown}`
          : fill(t.databaseSize, { size: bytes(size), engine: t[engine] }),
      meaning: t.databaseMeans,
    },
  ];
  if (free !== null && all !== null)
    rows.push({
      name: t.disk,
      value: fill(t.diskFree, { free: bytes(free), all: bytes(all) }),
      meaning: t.diskMeans,
      share: 1 - free / Math.max(1, all),
    });
  rows.push(
    { name: t.reading, value: READING[read], meaning: t.readingMeans },
    { name: t.version, value: version, meaning: t.versionMeans },
  );
  return rows;
}
