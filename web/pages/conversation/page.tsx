import "./conversation.css";
import { useMemo, useState } from "preact/hooks";
import { readSenders } from "../../api/senders.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Empty, Pill, Skeleton } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { FailureNote, isPassing, TroubleLine } from "../../parts/trouble.tsx";
import { addressOf, inboxRoute, type RouteOf } from "../../route.ts";
import { serviceNow } from "../../state/clock.ts";
import { type MessageList, useMessageList } from "../../state/message-list.ts";
import { useResource } from "../../state/resource.ts";
import { mayAdminister } from "../../state/session.ts";
import { conversation as t } from "../../text/en/conversation.ts";
import { counted, fill, moments } from "../../text/format.ts";
import { instantOfText } from "../../text/moments.ts";
import { EraseDialog } from "./erase.tsx";
import { Talk } from "./talk.tsx";

const EVERY_MS = 30_000;
const SKELETON_ROWS = 8;
/** A blank that keeps the height of the line. */
const NO_SPAN = "\u00a0";

export function Page({ route: { number } }: { readonly route: RouteOf<"conversation"> }) {
  const filter = useMemo(() => ({ from: number }), [number]);
  const list = useMessageList(filter);
  const [isErasing, setErasing] = useState(false);
  const head = (
    <span class="talk-number">
      <bdi>{number}</bdi>
      <Copy text={number} label={t.copyNumber} />
    </span>
  );
  return (
    <div class="conversation">
      <PageHead title={t.title} heading={head}>
        <LinkButton kind="quiet" icon="inbox" href={addressOf(inboxRoute(filter))}>
          {t.inInbox}
        </LinkButton>
        <LinkButton kind="quiet" icon="exports" href={addressOf({ page: "exports", filter })}>
          {t.export}
        </LinkButton>
        {mayAdminister.value ? (
          <Button kind="danger" onClick={() => setErasing(true)}>
            {t.erase}
          </Button>
        ) : null}
      </PageHead>
      {/* After an erasure, what was counted before is wrong. */}
      {list.list.value?.rows.length === 0 ? null : (
        <Span number={number} total={list.total.value} />
      )}
      <TroubleLine
        failure={list.failure.value}
        failedSince={list.failedSince.value}
        nextAt={() => list.nextAt}
        reload={() => list.reload()}
      />
      <Content key={number} list={list} />
      {isErasing ? (
        <EraseDialog
          number={number}
          onErased={() => list.reload()}
          onClose={() => setErasing(false)}
        />
      ) : null}
    </div>
  );
}

/** How many messages, and of which time. */
function Span({ number, total }: { readonly number: string; readonly total: number | undefined }) {
  const page = useResource(
    `sender ${number}`,
    (signal, etag) => readSenders({ prefix: number, limit: 1 }, signal, etag),
    EVERY_MS,
  );
  const sender = page.value?.data.find(({ from }) => from === number);
  const brief = (text: string) => {
    const at = instantOfText(text);
    return at === undefined ? text : moments().brief(at, serviceNow());
  };
  if (sender === undefined) return <p class="soft">{NO_SPAN}</p>;
  const count = counted(t.count, total ?? sender.count);
  const [first, last] = [brief(sender.first_seen), brief(sender.last_seen)];
  return <p class="soft">{fill(t.span, { count, first, last })}</p>;
}

function Content({ list }: { readonly list: MessageList }) {
  const known = list.list.value;
  const failure = list.failure.value;
  const news = list.news.value;
  if (known === undefined)
    return failure === undefined || isPassing(failure) ? (
      <Skeleton rows={SKELETON_ROWS} />
    ) : (
      <FailureNote failure={failure} />
    );
  if (known.rows.length === 0 && known.bottom.kind === "end")
    return (
      <Empty
        title={t.none}
        actions={
          <LinkButton href={addressOf({ page: "senders", tab: "all", prefix: "" })}>
            {t.senders}
          </LinkButton>
        }
      >
        <p>{t.noneWhy}</p>
      </Empty>
    );
  return (
    <div class="talk-area">
      <Talk list={known} owner={list} format={moments()} />
      {news.count === 0 ? null : (
        <div class="talk-news">
          <Pill onClick={() => toEnd(list)}>
            <Icon name="down" />
            {news.isMore ? fill(t.newerMany, { n: news.count }) : counted(t.newer, news.count)}
          </Pill>
        </div>
      )}
    </div>
  );
}

function toEnd(list: MessageList): void {
  const scroller = document.querySelector(".talk");
  scroller?.scrollTo({ top: scroller.scrollHeight });
  // When the list knows that the reader is at the end.
  requestAnimationFrame(() => list.toTop());
}
