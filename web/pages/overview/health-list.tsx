import type { ComponentChildren } from "preact";
import type { Alert, Overview } from "../../api/overview.ts";
import { type Mood, Sign, Skeleton } from "../../parts/notes.tsx";
import { FailureNote } from "../../parts/trouble.tsx";
import { addressOf } from "../../route.ts";
import { serviceNow } from "../../state/clock.ts";
import type { Resource } from "../../state/resource.ts";
import { alertNames, overviewText as t } from "../../text/en/overview.ts";
import { bytes, counted, duration, fill, moments } from "../../text/format.ts";

const SKELETON_ROWS = 4;
const HEALTH = addressOf({ page: "health", search: "" });

/** Whether the service does its work, in a few lines. */
export function HealthList({ service }: { readonly service: Resource<Overview> | undefined }) {
  const { value, failure } = service ?? {};
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{t.health}</h2>
        <a href={HEALTH}>{t.moreHealth}</a>
      </header>
      {failure === undefined ? null : <FailureNote failure={failure} />}
      {value === undefined ? (
        failure === undefined && <Skeleton rows={SKELETON_ROWS} />
      ) : (
        <Lines service={value} />
      )}
    </section>
  );
}

function Lines({ service }: ServiceProps) {
  return (
    <ul class="health-list">
      <Ready service={service} />
      <Queue service={service} />
      {service.workers.configured > 1 ? <Workers service={service} /> : null}
      <Disk service={service} />
      {service.alerts.map((alert) => (
        <AlertLine key={alert.rule} alert={alert} />
      ))}
    </ul>
  );
}

interface LineProps {
  readonly mood: Mood;
  readonly title: string;
  readonly children: ComponentChildren;
}

function Line({ mood, title, children }: LineProps) {
  return (
    <li class="health-line">
      <Sign mood={mood} />
      <span class="health-title">{title}</span>
      <span class="health-text">{children}</span>
    </li>
  );
}

interface ServiceProps {
  readonly service: Overview;
}

function Ready({ service: { ready, problem, started_at } }: ServiceProps) {
  if (!ready)
    return (
      <Line mood="bad" title={t.takesNone}>
        {problem}
      </Line>
    );
  const running = duration(serviceNow() - Date.parse(started_at));
  return (
    <Line mood="good" title={t.takesMessages}>
      {fill(t.readyFor, { duration: running })}
    </Line>
  );
}

function Queue({ service: { queue, alerts } }: ServiceProps) {
  const isSlow = alerts.some(({ rule }) => rule === "queue_age");
  const rows = counted(t.queueRows, queue.rows);
  const age = duration(queue.age_seconds * 1_000);
  return (
    <Line mood={isSlow ? "warn" : "good"} title={t.queue}>
      {queue.rows === 0 ? t.queueEmpty : fill(t.queueAge, { rows, duration: age })}
    </Line>
  );
}

function Workers({ service: { workers } }: ServiceProps) {
  return (
    <Line mood={workers.alive < workers.configured ? "warn" : "good"} title={t.workers}>
      {fill(t.workersAlive, workers)}
    </Line>
  );
}

function Disk({ service: { database, alerts } }: ServiceProps) {
  const { disk_free_bytes: free, disk_size_bytes: all, size_bytes: size } = database;
  const isFull = alerts.some(({ rule }) => rule === "disk_nearly_full");
  const mood = isFull ? "warn" : "good";
  if (size === null)
    return (
      <Line mood="plain" title={t.database}>
        {t.databaseUnknown}
      </Line>
    );
  if (free === null || all === null)
    return (
      <Line mood={mood} title={t.database}>
        {fill(t.databaseSize, { size: bytes(size) })}
      </Line>
    );
  return (
    <Line mood={mood} title={t.disk}>
      {fill(t.diskFree, { free: bytes(free), all: bytes(all), size: bytes(size) })}
    </Line>
  );
}

function AlertLine({ alert: { rule, severity, summary, since } }: { readonly alert: Alert }) {
  const moment = moments().brief(Date.parse(since), Date.now());
  return (
    <Line mood={severity === "warning" ? "warn" : "bad"} title={alertNames[rule] ?? rule}>
      {fill(t.alertSince, { summary, moment })} <a href={HEALTH}>{t.whatToDo}</a>
    </Line>
  );
}
