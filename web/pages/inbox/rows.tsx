import { Component, type ComponentChildren, createRef } from "preact";
import type { Message } from "../../api/messages.ts";
import { type Day, daysOf } from "../../live/days.ts";
import type { List, Row } from "../../live/list.ts";
import type { Filter } from "../../route.ts";
import { inbox as t } from "../../text/en/inbox.ts";
import { fill } from "../../text/format.ts";
import type { MomentFormat } from "../../text/moments.ts";
import { MessageRow } from "./row.tsx";

/** The heights of base.css and inbox.css, for the box in the place of rows that were cut. */
const ROW_PX = 40;
const ROW_PHONE_PX = 60;
const PHONE = "(max-width: 719px)";
/** At most this far from the top counts as the top. */
const TOP_PX = 4;
/** The list grows when the reader is this near to an end. */
const NEAR_END_PX = 1_200;

export interface RowsProps {
  readonly list: List<Message>;
  /** The filter of the address, which links keep. */
  readonly filter: Filter;
  readonly q: string;
  readonly format: MomentFormat;
  readonly openKey: string | undefined;
  readonly tabStop: string | undefined;
  readonly fresh: ReadonlySet<string>;
  /** The first row of the last visit, below the line that says so. */
  readonly knownKey: string | undefined;
  readonly lastVisit: string;
  readonly onTop: (isAtTop: boolean) => void;
  readonly onNearTop: () => void;
  readonly onNearBottom: () => void;
  readonly onRestart: () => void;
  readonly onFocus: (key: string) => void;
  /** Above the rows, scrolling with them. */
  readonly children: ComponentChildren;
  /** Below the rows. */
  readonly after: ComponentChildren;
}

interface Anchor {
  readonly key: string;
  readonly top: number;
}

/**
 * The rows and what scrolls with them. When rows come or go above the first visible one, the
 * position is corrected, so that nothing moves under the reader's eyes.
 */
export class Rows extends Component<RowsProps> {
  readonly #scroller = createRef<HTMLDivElement>();
  #daysOf:
    | { readonly rows: unknown; readonly format: MomentFormat; readonly days: readonly Day[] }
    | undefined;
  /** The same object while the filter is the same, so that rows can be compared. */
  #filter: Filter = {};

  override componentDidMount(): void {
    this.#report();
  }

  // biome-ignore lint/suspicious/noExplicitAny: the type that Preact declares
  override getSnapshotBeforeUpdate(before: RowsProps): any {
    return before.list === this.props.list ? undefined : this.#anchor();
  }

  override componentDidUpdate(before: RowsProps, _state: unknown, anchor?: Anchor): void {
    const scroller = this.#scroller.current;
    if (before.list === this.props.list || scroller === null) return;
    const row = anchor && this.#find(anchor.key);
    if (row && anchor) scroller.scrollTop += row.getBoundingClientRect().top - anchor.top;
    this.#report();
  }

  /** The first row that can be seen. None at the top, where new rows push the others down. */
  #anchor(): Anchor | undefined {
    const scroller = this.#scroller.current;
    if (scroller === null || scroller.scrollTop <= TOP_PX) return undefined;
    const top = scroller.getBoundingClientRect().top;
    for (const row of scroller.querySelectorAll<HTMLElement>(".row")) {
      const box = row.getBoundingClientRect();
      if (box.bottom > top) return { key: row.dataset.key ?? "", top: box.top };
    }
    return undefined;
  }

  #find(key: string): HTMLElement | null {
    return this.#scroller.current?.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? null;
  }

  readonly #report = (): void => {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    const { scrollTop, clientHeight, scrollHeight } = scroller;
    const cut = this.#cutHeight();
    this.props.onTop(scrollTop <= TOP_PX);
    if (cut > 0 && scrollTop <= TOP_PX) this.props.onRestart();
    else if (this.props.list.top.kind !== "end" && scrollTop < cut + NEAR_END_PX)
      this.props.onNearTop();
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this.props.onNearBottom();
  };

  #cutHeight(): number {
    const height = matchMedia(PHONE).matches ? ROW_PHONE_PX : ROW_PX;
    return this.props.list.cutAbove * height;
  }

  render({ list, children, after, onFocus }: RowsProps) {
    const cut = this.#cutHeight();
    return (
      <div
        ref={this.#scroller}
        class="list-scroll"
        onScroll={this.#report}
        onFocusIn={(event) => {
          const key = (event.target as HTMLElement).dataset.key;
          if (key !== undefined) onFocus(key);
        }}
      >
        {children}
        {cut > 0 ? <div class="cut" style={{ height: `${cut}px` }} /> : null}
        {this.#days(list)}
        {after}
      </div>
    );
  }

  #days(list: List<Message>) {
    const { format, filter } = this.props;
    if (JSON.stringify(filter) !== JSON.stringify(this.#filter)) this.#filter = filter;
    if (this.#daysOf?.rows !== list.rows || this.#daysOf.format !== format)
      this.#daysOf = { rows: list.rows, format, days: daysOf(list.rows, format) };
    const now = Date.now();
    return this.#daysOf.days.map((day) => (
      <section key={day.key} class="day">
        <h2 class="day-name">{Number.isNaN(day.at) ? t.undated : format.day(day.at, now)}</h2>
        <ol>{day.rows.map((row) => this.#row(row))}</ol>
      </section>
    ));
  }

  #row(row: Row<Message>): ComponentChildren {
    const { q, format, openKey, tabStop, fresh, knownKey, lastVisit } = this.props;
    const item = (
      <MessageRow
        key={row.key}
        row={row}
        filter={this.#filter}
        q={q}
        format={format}
        isOpen={row.key === openKey}
        isTabStop={row.key === tabStop}
        isFresh={fresh.has(row.key)}
      />
    );
    if (row.key !== knownKey) return item;
    const time = format.brief(Date.parse(lastVisit), Date.now());
    return [
      <li key="last-visit" class="last-visit">
        {fill(t.lastVisit, { time })}
      </li>,
      item,
    ];
  }
}
