import { useEffect, useRef, useState } from "preact/hooks";
import { readSenders, type Sender, type SenderPage } from "../../api/senders.ts";
import { Answer } from "../../parts/answer.tsx";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Field } from "../../parts/field.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Empty } from "../../parts/notes.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { addressOf, inboxRoute } from "../../route.ts";
import { go } from "../../state/navigation.ts";
import { useResource } from "../../state/resource.ts";
import { frame } from "../../text/en/frame.ts";
import { senders as t } from "../../text/en/senders.ts";
import { fill, number } from "../../text/format.ts";
import { instantOfText } from "../../text/moments.ts";
import {
  firstPlace,
  PAGE_ROWS,
  type Place,
  placeAfter,
  placeBefore,
  prefixOf,
  rangeOf,
} from "./places.ts";

const EVERY_MS = 30_000;
const SKELETON_ROWS = 12;
/** After the last key. */
const ASK_AFTER_MS = 200;

/** The place that was shown last: a reader who returns from a conversation finds it again. */
let kept: Place = firstPlace("");

/** All senders, or those with a prefix, by number. */
export function AllSenders({ prefix }: { readonly prefix: string }) {
  const [chosen, setChosen] = useState(kept);
  const place = chosen.prefix === prefix ? chosen : firstPlace(prefix);
  kept = place;
  const cursor = place.cursors.at(-1);
  const page = useResource(
    `senders ${prefix} ${cursor ?? ""}`,
    (signal, etag) => readSenders({ prefix, limit: PAGE_ROWS, cursor }, signal, etag),
    EVERY_MS,
  );
  // Another prefix begins at its first page, also when it comes back.
  useEffect(() => setChosen(place), [prefix]);
  // An invalid cursor, as of another version: the list begins again.
  const { failure } = page;
  const isInvalid = failure?.kind === "refused" && cursor !== undefined;
  useEffect(() => {
    if (isInvalid) setChosen(firstPlace(prefix));
  }, [isInvalid]);
  // While another page is on its way, the rows before it stay.
  const last = useRef<SenderPage | undefined>(undefined);
  if (page.value !== undefined) last.current = page.value;
  const shown = failure === undefined || isInvalid ? { ...page, value: last.current } : page;
  return (
    <>
      <Prefix prefix={prefix} />
      <Answer of={isInvalid ? { ...shown, failure: undefined } : shown} rows={SKELETON_ROWS}>
        {(value) =>
          value.data.length === 0 ? (
            <None prefix={prefix} />
          ) : (
            <>
              <Table
                caption={t.caption}
                rows={value.data}
                keyOf={({ from }) => from}
                columns={COLUMNS}
              />
              <Pages page={value} place={place} onChange={setChosen} />
            </>
          )
        }
      </Answer>
    </>
  );
}

function Prefix({ prefix }: { readonly prefix: string }) {
  const [text, setText] = useState(prefix);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  // The address changed otherwise than by typing.
  useEffect(() => {
    if (prefixOf(text) !== prefix) setText(prefix);
  }, [prefix]);
  const change = (typed: string) => {
    setText(typed);
    clearTimeout(timer.current);
    const next = prefixOf(typed);
    if (next === undefined || next === prefix) return;
    timer.current = setTimeout(
      () => go({ page: "senders", tab: "all", prefix: next }, { replace: true }),
      ASK_AFTER_MS,
    );
  };
  return (
    <Field
      label={t.prefix}
      type="search"
      value={text}
      placeholder={t.prefixHint}
      error={prefixOf(text) === undefined ? t.prefixWrong : undefined}
      onInput={change}
    />
  );
}

interface PagesProps {
  readonly page: SenderPage;
  readonly place: Place;
  readonly onChange: (place: Place) => void;
}

function Pages({ page: { data, total, next_cursor: next }, place, onChange }: PagesProps) {
  const isFirst = place.cursors.length === 0;
  return (
    <nav class="pages" aria-label={t.title}>
      <p class="soft" role="status">
        {fill(t.range, { ...rangeOf(place, data.length), total })}
      </p>
      {isFirst && next === null ? null : (
        <>
          <Button disabled={isFirst} onClick={() => onChange(placeBefore(place))}>
            {t.previous}
          </Button>
          <Button
            disabled={next === null}
            onClick={() => next !== null && onChange(placeAfter(place, next))}
          >
            {t.next}
          </Button>
        </>
      )}
    </nav>
  );
}

function None({ prefix }: { readonly prefix: string }) {
  if (prefix === "") return <NoSenders />;
  return (
    <Empty
      title={t.none}
      actions={
        <LinkButton href={addressOf({ page: "senders", tab: "all", prefix: "" })}>
          {t.showAll}
        </LinkButton>
      }
    />
  );
}

export function NoSenders() {
  return (
    <Empty
      title={t.nothing}
      actions={<LinkButton href={addressOf(inboxRoute())}>{frame.inbox}</LinkButton>}
    >
      <p>{t.nothingWhy}</p>
    </Empty>
  );
}

const COLUMNS: readonly Column<Sender>[] = [
  {
    title: t.number,
    cell: ({ from }) => (
      <a class="sender-number" href={addressOf({ page: "conversation", number: from })}>
        <bdi>{from}</bdi>
      </a>
    ),
  },
  { title: t.messages, cell: ({ count }) => number(count), isNumber: true },
  { title: t.first, cell: ({ first_seen: text }) => <Seen text={text} />, isWideOnly: true },
  { title: t.last, cell: ({ last_seen: text }) => <Seen text={text} /> },
  {
    title: t.actions,
    isActions: true,
    isWideOnly: true,
    cell: ({ from }) => (
      <LinkButton
        kind="quiet"
        label={fill(t.inInboxLabel, { number: from })}
        href={addressOf(inboxRoute({ from }))}
      >
        {t.inInbox}
      </LinkButton>
    ),
  },
];

/** An old row may have an impossible timestamp. It is shown as it is. */
function Seen({ text }: { readonly text: string }) {
  const at = instantOfText(text);
  return at === undefined ? <span>{text}</span> : <Moment at={at} />;
}
