import type { ComponentChildren } from "preact";
import type { Overview } from "../../api/overview.ts";
import { mostRefused, refusedOf } from "../../live/results.ts";
import { addressOf, inboxRoute } from "../../route.ts";
import { useSeconds } from "../../state/clock.ts";
import { overviewText as t } from "../../text/en/overview.ts";
import { change, counted, duration, fill, moments, number, weekday } from "../../text/format.ts";
import { filterOf, type Timeline, type Today, useLag } from "./sources.ts";

interface FiguresProps {
  readonly hour: Timeline | undefined;
  readonly today: Today | undefined;
  readonly service: Overview | undefined;
  readonly isEmpty: boolean;
}

/** The four figures at the top. */
export function Figures({ hour, today, service, isEmpty }: FiguresProps) {
  return (
    <div class="figures">
      <LastMinute hour={hour} />
      <TodayFigure today={today} />
      <LastMessage service={service} isEmpty={isEmpty} />
      <Refused service={service} />
    </div>
  );
}

interface FigureProps {
  readonly title: string;
  readonly value: string;
  readonly href?: string | undefined;
  readonly children?: ComponentChildren;
}

function Figure({ title, value, href, children }: FigureProps) {
  return (
    <section class="figure">
      <h2>{title}</h2>
      <p class="figure-value">{href === undefined ? value : <a href={href}>{value}</a>}</p>
      <p class="figure-note">{children}</p>
    </section>
  );
}

const SECONDS_PER_MINUTE = 60;

function LastMinute({ hour }: Pick<FiguresProps, "hour">) {
  const last = hour?.bars.at(-1);
  if (last === undefined) return <Figure title={t.lastMinute} value={t.unknown} />;
  const href = last.count > 0 ? addressOf(inboxRoute(filterOf(last))) : undefined;
  return (
    <Figure title={t.lastMinute} value={number(last.count)} href={href}>
      {last.count === 0
        ? t.lastMinuteNone
        : fill(t.aSecond, { n: rate(last.count / SECONDS_PER_MINUTE) })}
    </Figure>
  );
}

function rate(perSecond: number): string {
  return perSecond < 1 ? perSecond.toPrecision(1) : perSecond.toFixed(perSecond < 10 ? 1 : 0);
}

function TodayFigure({ today }: Pick<FiguresProps, "today">) {
  const format = moments();
  if (today === undefined) return <Figure title={t.todayPlain} value={t.unknown} />;
  const title = fill(t.today, { time: format.time(today.until) });
  const href = addressOf(inboxRoute({ since: filterOf(today).since }));
  return (
    <Figure title={title} value={number(today.count)} href={href}>
      {comparison(today)}
    </Figure>
  );
}

function comparison({ count, before }: Today): string {
  if (before === undefined) return t.lessThanWeek;
  const when = { weekday: weekday(before.until) };
  if (before.count === 0) return fill(t.noneLastWeek, when);
  if (before.count === count) return fill(t.asLastWeek, when);
  const share = change(count / before.count - 1);
  return fill(t.overLastWeek, { ...when, change: share, n: before.count });
}

function LastMessage({ service, isEmpty }: Pick<FiguresProps, "service" | "isEmpty">) {
  const now = useSeconds();
  const lag = useLag().value;
  if (service === undefined) return <Figure title={t.lastMessage} value={t.unknown} />;
  return (
    <Figure title={t.lastMessage} value={lastReceived(service, isEmpty, now)}>
      {lag === undefined ? "" : fill(t.lag, { half: duration(lag.half), most: duration(lag.most) })}
    </Figure>
  );
}

/** The service may not know: only an empty inbox had no message yet. */
function lastReceived(service: Overview, isEmpty: boolean, now: number): string {
  const { last_received_at: last } = service;
  if (last === null) return isEmpty ? t.never : t.unknown;
  return ago(now - Date.parse(last));
}

function ago(ms: number): string {
  const whole = Math.floor(ms / 1_000) * 1_000;
  return whole < 1_000 ? t.justNow : fill(t.ago, { duration: duration(whole) });
}

function Refused({ service }: Pick<FiguresProps, "service">) {
  if (service === undefined) return <Figure title={t.refusedPlain} value={t.unknown} />;
  const moment = moments().brief(Date.parse(service.started_at), Date.now());
  const refused = refusedOf(service.results);
  const most = mostRefused(service.results);
  return (
    <Figure title={fill(t.refused, { moment })} value={number(refused)}>
      {most === undefined ? (
        t.refusedNone
      ) : (
        <a href={addressOf({ page: "rejected" })}>{counted(reasonOf(most.result), most.count)}</a>
      )}
    </Figure>
  );
}

type Reason = keyof typeof t.reasons;

function reasonOf(result: string) {
  return result in t.reasons ? t.reasons[result as Reason] : t.reasons.other;
}
