import { useEffect } from "preact/hooks";
import { LinkButton } from "../../parts/button.tsx";
import { Empty } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { TroubleLine } from "../../parts/trouble.tsx";
import { addressOf, inboxRoute, type RouteOf } from "../../route.ts";
import { overview } from "../../state/overview.ts";
import { overviewText as t } from "../../text/en/overview.ts";
import { zone } from "../../text/format.ts";
import { ChartPanel } from "./chart-panel.tsx";
import { Figures } from "./figures.tsx";
import { HealthList } from "./health-list.tsx";
import "./overview.css";
import { useStats, useTimeline, useToday } from "./sources.ts";
import { TopSenders } from "./top-senders.tsx";

/** What came in, at one glance, and whether the service does its work. */
export function Page({ route }: { readonly route: RouteOf<"overview"> }) {
  const service = overview.value;
  const stats = useStats();
  const hour = useTimeline("hour", zone());
  const today = useToday(stats.value?.first_message_ts ?? undefined, zone());
  const troubled = [service, stats, hour, today].find((each) => each?.failure !== undefined);
  const isEmpty = stats.value?.total_messages === 0;
  const hasReceived = (service?.value?.last_received_at ?? null) !== null;
  // The first message should be seen at once, and not when the totals are asked for next.
  useEffect(() => {
    if (isEmpty && hasReceived) stats.reload();
  }, [isEmpty, hasReceived]);
  return (
    <div class="overview">
      <PageHead title={t.title} isHidden />
      {troubled === undefined ? null : <TroubleLine {...troubled} />}
      <Figures hour={hour.value} today={today.value} service={service?.value} isEmpty={isEmpty} />
      {isEmpty ? <NothingYet /> : <ChartPanel span={route.chart ?? "hour"} hour={hour} />}
      <div class="overview-columns">
        <HealthList service={service} />
        {isEmpty ? null : <TopSenders stats={stats.value} />}
      </div>
    </div>
  );
}

function NothingYet() {
  return (
    <Empty
      title={t.nothingYet}
      actions={
        <LinkButton kind="main" href={addressOf(inboxRoute())}>
          {t.toInbox}
        </LinkButton>
      }
    >
      <p class="soft">{t.nothingYetWhy}</p>
    </Empty>
  );
}
