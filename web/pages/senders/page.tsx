import "./senders.css";
import { readStats } from "../../api/stats.ts";
import { Answer } from "../../parts/answer.tsx";
import { PageHead } from "../../parts/page.tsx";
import { SenderBars } from "../../parts/sender-bars.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import type { RouteOf } from "../../route.ts";
import { go } from "../../state/navigation.ts";
import { useResource } from "../../state/resource.ts";
import { senders as t } from "../../text/en/senders.ts";
import { AllSenders, NoSenders } from "./all-senders.tsx";

const EVERY_MS = 30_000;
const BUSIEST = 10;

export function Page({ route: { tab, prefix } }: { readonly route: RouteOf<"senders"> }) {
  return (
    <>
      <PageHead title={t.title} />
      <Tabs
        label={t.title}
        value={tab}
        tabs={[
          { value: "busiest", text: t.busiest },
          { value: "all", text: t.all },
        ]}
        onChange={(next) => go({ page: "senders", tab: next, prefix })}
      />
      <div class="senders" role="tabpanel" aria-label={tab === "all" ? t.all : t.busiest}>
        {tab === "all" ? <AllSenders prefix={prefix} /> : <Busiest />}
      </div>
    </>
  );
}

function Busiest() {
  const stats = useResource("stats", readStats, EVERY_MS);
  return (
    <Answer of={stats} rows={BUSIEST}>
      {({ messages_per_sender: senders }) =>
        senders.length === 0 ? <NoSenders /> : <SenderBars senders={senders} />
      }
    </Answer>
  );
}
