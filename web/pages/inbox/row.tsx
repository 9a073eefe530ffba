import { Component } from "preact";
import { type Message, refOf } from "../../api/messages.ts";
import type { Row } from "../../live/list.ts";
import { foundParts } from "../../live/search.ts";
import { Marked } from "../../parts/message-text.tsx";
import { Tag } from "../../parts/notes.tsx";
import { addressOf, type Filter } from "../../route.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { duration, fill } from "../../text/format.ts";
import { instantOfText, type MomentFormat } from "../../text/moments.ts";

const LATE_MS_MIN = 60_000;
/** What came later than this was imported. */
const LATE_MS_MAX = 7 * 24 * 60 * 60_000;
/** A row shows the beginning of a text: more does not fit into it. */
const SHOWN_CHARACTERS_MAX = 400;

interface RowProps {
  readonly row: Row<Message>;
  /** The filter of the address, which the link keeps. */
  readonly filter: Filter;
  readonly q: string;
  readonly format: MomentFormat;
  readonly isOpen: boolean;
  /** The row that the Tab key reaches. */
  readonly isTabStop: boolean;
  readonly isFresh: boolean;
}

const PROPS: readonly (keyof RowProps)[] = [
  "row",
  "filter",
  "q",
  "format",
  "isOpen",
  "isTabStop",
  "isFresh",
];

/**
 * One line of the list. It is drawn again only when something of it has changed. Elements of rows
 * are not kept between drawings: each holds those of its time beside it, with their nodes.
 */
export class MessageRow extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    return PROPS.some((name) => next[name] !== this.props[name]);
  }

  render({ row, filter, q, format, isOpen, isTabStop, isFresh }: RowProps) {
    const { message, at } = row;
    return (
      <li class={isFresh ? "row-item fresh" : "row-item"}>
        <a
          class="row"
          href={addressOf({ page: "inbox", filter, open: refOf(message) })}
          data-key={row.key}
          tabIndex={isTabStop ? 0 : -1}
          aria-current={isOpen ? "true" : undefined}
        >
          <time class="row-time" title={Number.isNaN(at) ? message.ts : format.whole(at)}>
            {Number.isNaN(at) ? message.ts : format.time(at)}
          </time>
          <bdi class="row-from">{message.from}</bdi>
          <RowText text={message.text} q={q} />
          <Late row={row} />
        </a>
      </li>
    );
  }
}

function RowText({ text, q }: { readonly text: string | null; readonly q: string }) {
  if (text === null) return <span class="row-text soft">{t.noText}</span>;
  if (text.trim() === "") return <span class="row-text soft">{t.emptyText}</span>;
  const line = beginning(text, q);
  return (
    <bdi dir="auto" class="row-text">
      <Marked text={line} q={q} />
    </bdi>
  );
}

/** The part of a text that a row can show: from its beginning, or around what was found. */
function beginning(text: string, q: string): string {
  const first = foundParts(text, q)[0]?.[0] ?? 0;
  const lead = 40;
  const start = first > lead * 2 ? first - lead : 0;
  const part = text.slice(start, start + SHOWN_CHARACTERS_MAX).replace(/\s+/g, " ");
  return `${start > 0 ? "…" : ""}${part.toWellFormed()}`;
}

function Late({ row }: { readonly row: Row<Message> }) {
  const received = instantOfText(row.message.created_at);
  if (received === undefined || Number.isNaN(row.at)) return null;
  const late = received - row.at;
  if (late < LATE_MS_MIN || late > LATE_MS_MAX) return null;
  return (
    <span class="row-late" title={fill(t.lateTitle, { duration: duration(late) })}>
      <Tag mood="warn">{fill(t.late, { duration: duration(late) })}</Tag>
    </span>
  );
}
