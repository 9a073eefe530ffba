import type { Stats } from "../../api/stats.ts";
import { Skeleton } from "../../parts/notes.tsx";
import { SenderBars } from "../../parts/sender-bars.tsx";
import { addressOf } from "../../route.ts";
import { overviewText as t } from "../../text/en/overview.ts";
import { counted } from "../../text/format.ts";

const SENDERS_MAX = 10;
const SKELETON_ROWS = 6;

/** The ten that wrote most. A row leads to the conversation. */
export function TopSenders({ stats }: { readonly stats: Stats | undefined }) {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{t.topSenders}</h2>
        {stats === undefined ? null : (
          <a href={addressOf({ page: "senders", tab: "all", prefix: "" })}>
            {counted(t.allSenders, stats.senders_count)}
          </a>
        )}
      </header>
      {stats === undefined ? (
        <Skeleton rows={SKELETON_ROWS} />
      ) : (
        <SenderBars senders={stats.messages_per_sender.slice(0, SENDERS_MAX)} />
      )}
    </section>
  );
}
