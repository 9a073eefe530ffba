import "./inbox.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { countMessages, type Message, refOf } from "../../api/messages.ts";
import { knownSince } from "../../live/days.ts";
import { keyOf, type List, type Row } from "../../live/list.ts";
import { checkFilter } from "../../live/search.ts";
import { LinkButton } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { lazy } from "../../parts/lazy.tsx";
import { Pill, Skeleton } from "../../parts/notes.tsx";
import { PageHead } from "../../parts/page.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { FailureNote, TroubleLine } from "../../parts/trouble.tsx";
import { addressOf, type Filter, inboxRoute, type RouteOf } from "../../route.ts";
import { type MessageList, useMessageList } from "../../state/message-list.ts";
import { go } from "../../state/navigation.ts";
import { useResource } from "../../state/resource.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { counted, fill, moments, number } from "../../text/format.ts";
import { focusRow, toNewest, useInboxShortcuts, useLastVisit } from "./acting.ts";
import { Rows } from "./rows.tsx";
import { Strip, useStrip } from "./strip.tsx";

// Loaded when they are needed; the pane when the first rows are there.
const Pane = lazy(async () => (await import("./beside-list.ts")).Pane);
const NothingYet = lazy(async () => (await import("./beside-list.ts")).NothingYet);
const NothingFound = lazy(async () => (await import("./beside-list.ts")).NothingFound);
const TooBroad = lazy(async () => (await import("./beside-list.ts")).TooBroad);
const SKELETON_ROWS = 12;
const SAY_EVERY_MS = 10_000;
const COUNT_EVERY_MS = 30_000;

export function Page({ route }: { readonly route: RouteOf<"inbox"> }) {
  const { usable } = checkFilter(route.filter);
  const inbox = useMessageList(usable);
  const visit = useLastVisit();
  const [active, setActive] = useState<string | undefined>(undefined);
  const rows = inbox.list.value?.rows ?? [];
  const openKey = route.open && keyOf(route.open.source, route.open.id);
  const openAt = rows.findIndex((row) => row.key === openKey);
  const show = (row: Row<Message> | undefined, replace: boolean) => {
    if (row !== undefined)
      go({ page: "inbox", filter: route.filter, open: refOf(row.message) }, { replace });
  };
  const close = () => {
    go({ page: "inbox", filter: route.filter });
    focusRow(openKey);
  };
  useInboxShortcuts({ inbox, rows, active, openKey, show, close });
  const tabStop = rows.some((row) => row.key === active) ? active : rows[0]?.key;
  return (
    <div class={classOf(route)}>
      <PageHead title={t.title} isHidden />
      <div class="inbox-list">
        <Toolbar inbox={inbox} filter={route.filter} />
        <ListArea
          inbox={inbox}
          filter={route.filter}
          usable={usable}
          openKey={openKey}
          tabStop={tabStop}
          visit={visit}
          onFocus={setActive}
        />
      </div>
      {route.open === undefined ? null : (
        <Pane
          open={route.open}
          listed={rows[openAt]?.message}
          filter={route.filter}
          onNewer={openAt > 0 ? () => show(rows[openAt - 1], true) : undefined}
          onOlder={rows[openAt + 1] && openAt >= 0 ? () => show(rows[openAt + 1], true) : undefined}
          onClose={close}
        />
      )}
      <Arrivals inbox={inbox} />
    </div>
  );
}

function classOf({ open }: RouteOf<"inbox">): string {
  const clock = moments().is12 ? " clock-12" : "";
  return `inbox${clock}${open === undefined ? "" : " with-pane"}`;
}

function Toolbar({ inbox, filter }: { readonly inbox: MessageList; readonly filter: Filter }) {
  const isLive = inbox.isLive.value;
  return (
    <div class="toolbar">
      <SearchField filter={filter} routeOf={inboxRoute} />
      <button
        type="button"
        class={isLive ? "button quiet live" : "button quiet live paused"}
        aria-pressed={isLive}
        title={isLive ? t.liveTitle : t.pausedTitle}
        onClick={() => inbox.setLive(!isLive)}
      >
        <span class="live-dot" aria-hidden="true" />
        {isLive ? t.live : t.paused}
      </button>
      <LinkButton kind="quiet" icon="exports" href={addressOf({ page: "exports", filter })}>
        {t.export}
      </LinkButton>
    </div>
  );
}

interface ListAreaProps {
  readonly inbox: MessageList;
  readonly filter: Filter;
  readonly usable: Filter;
  readonly openKey: string | undefined;
  readonly tabStop: string | undefined;
  readonly visit: string;
  readonly onFocus: (key: string) => void;
}

function ListArea(props: ListAreaProps) {
  const { inbox, filter, usable, openKey, tabStop, visit, onFocus } = props;
  const { list, isStale } = useShownList(inbox);
  const isThere = list !== undefined;
  useEffect(() => {
    if (isThere) void Pane.preload();
  }, [isThere]);
  const failure = inbox.failure.value;
  const news = inbox.news.value;
  const format = moments();
  const trouble = {
    failure,
    failedSince: inbox.failedSince.value,
    nextAt: () => inbox.nextAt,
    reload: () => inbox.reload(),
  };
  const isEmpty = list !== undefined && list.rows.length === 0 && list.bottom.kind === "end";
  return (
    <div class={isStale ? "list-area stale" : "list-area"} aria-busy={isStale ? "true" : undefined}>
      <TroubleLine {...trouble} />
      {list === undefined ? (
        <Instead inbox={inbox} filter={filter} />
      ) : isEmpty ? (
        <Nothing inbox={inbox} filter={usable} />
      ) : (
        <Rows
          list={list}
          filter={filter}
          q={usable.q ?? ""}
          format={format}
          openKey={openKey}
          tabStop={tabStop}
          fresh={inbox.fresh.value}
          knownKey={knownSince(list.rows, visit)}
          lastVisit={visit}
          onTop={(isAtTop) => inbox.setAtTop(isAtTop)}
          onNearTop={() => void inbox.growUp()}
          onNearBottom={() => void inbox.growDown()}
          onRestart={() => inbox.toTop()}
          onFocus={onFocus}
          after={
            <p class="list-end soft">{list.bottom.kind === "end" ? t.endOfList : t.loadingMore}</p>
          }
        >
          <Summary inbox={inbox} filter={usable} />
        </Rows>
      )}
      {news.count === 0 ? null : (
        <div class="news">
          <Pill onClick={() => toNewest(inbox)}>
            <Icon name="up" />
            {news.isMore ? fill(t.newMany, { n: news.count }) : counted(t.newAbove, news.count)}
          </Pill>
        </div>
      )}
    </div>
  );
}

/** The list; while another one is loaded, the one before it. It begins at its top. */
function useShownList(inbox: MessageList) {
  const last = useRef<List<Message> | undefined>(undefined);
  const list = inbox.list.value;
  const isLoading = list === undefined && inbox.failure.value === undefined;
  useEffect(() => document.querySelector(".list-scroll")?.scrollTo({ top: 0 }), [inbox]);
  useEffect(() => {
    last.current = list?.rows.length === 0 ? undefined : (list ?? last.current);
  });
  const isStale = isLoading && last.current !== undefined;
  return { list: isStale ? last.current : list, isStale };
}

/** In the place of a list that is not there yet, or cannot be. */
function Instead({ inbox, filter }: { readonly inbox: MessageList; readonly filter: Filter }) {
  const failure = inbox.failure.value;
  if (failure === undefined) return <Skeleton rows={SKELETON_ROWS} />;
  if (failure.kind === "refused" && failure.type === "too_broad")
    return <TooBroad filter={filter} why={failure.sentence} />;
  return <FailureNote failure={failure} />;
}

function Nothing({ inbox, filter }: { readonly inbox: MessageList; readonly filter: Filter }) {
  return Object.keys(filter).length === 0 ? (
    <NothingYet onSent={() => inbox.reload()} />
  ) : (
    <NothingFound filter={filter} />
  );
}

/** How many messages, of which time, and the bars of that time. */
function Summary({ inbox, filter }: { readonly inbox: MessageList; readonly filter: Filter }) {
  const strip = useStrip(filter).value;
  const total = inbox.total.value;
  const format = moments();
  const all = useAllMessages(Object.keys(filter).length > 0);
  const isNarrowed = [filter.q, filter.to, filter.source].some((value) => value !== undefined);
  const now = Date.now();
  const until =
    filter.until === undefined ? t.spanNow : format.brief(Date.parse(filter.until), now);
  return (
    <div class="summary">
      <p class="summary-line">
        <span>{total === undefined ? t.counting : countText(total, all)}</span>
        {strip === undefined ? null : (
          <span class="soft">
            {fill(t.span, { from: format.brief(strip.span.since, now), to: until })}
          </span>
        )}
      </p>
      {strip === undefined ? null : <Strip data={strip} filter={filter} isOfAll={isNarrowed} />}
    </div>
  );
}

/** The number of all messages, beside that of a narrowed list. */
function useAllMessages(isNarrowed: boolean): number | undefined {
  const resource = useResource(
    isNarrowed ? "all messages" : undefined,
    (signal) => countMessages({}, signal),
    COUNT_EVERY_MS,
  );
  return isNarrowed ? resource.value : undefined;
}

function countText(total: number, all: number | undefined): string {
  return all === undefined
    ? counted(t.count, total)
    : fill(counted(t.countOf, all), { some: number(total) });
}

/** Says at most every ten seconds how many messages came. */
function Arrivals({ inbox }: { readonly inbox: MessageList }) {
  const [text, setText] = useState("");
  const said = useRef(0);
  useEffect(() => {
    said.current = inbox.arrived.peek();
    const timer = setInterval(() => {
      const count = inbox.arrived.peek() - said.current;
      said.current += count;
      setText(count === 0 ? "" : counted(t.arrived, count));
    }, SAY_EVERY_MS);
    return () => clearInterval(timer);
  }, [inbox]);
  return (
    <p class="visually-hidden" role="status">
      {text}
    </p>
  );
}
