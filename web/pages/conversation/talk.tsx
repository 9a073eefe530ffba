import { Component, createRef } from "preact";
import { type Message, refOf } from "../../api/messages.ts";
import { daysOf } from "../../live/days.ts";
import type { List, Row } from "../../live/list.ts";
import { MessageText } from "../../parts/message-text.tsx";
import { addressOf } from "../../route.ts";
import { serviceNow } from "../../state/clock.ts";
import type { MessageList } from "../../state/message-list.ts";
import { conversation as t } from "../../text/en/conversation.ts";
import { inbox } from "../../text/en/inbox.ts";
import { fill } from "../../text/format.ts";
import type { MomentFormat } from "../../text/moments.ts";

/** At most this far from the end counts as the end. */
const END_PX = 8;
/** The list grows when the reader is this near to an end of it. */
const NEAR_PX = 800;

interface TalkProps {
  readonly list: List<Message>;
  readonly owner: MessageList;
  readonly format: MomentFormat;
}

interface Place {
  readonly key: string;
  readonly top: number;
}

/**
 * The messages, the oldest above. It opens at the end and stays there; elsewhere nothing moves when
 * messages come or go.
 */
export class Talk extends Component<TalkProps> {
  readonly #scroller = createRef<HTMLElement>();
  #isAtEnd = true;
  /** What is above may grow, and the window may change its size. */
  readonly #sizes = new ResizeObserver(() => this.#keepEnd());

  override componentDidMount(): void {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    this.#sizes.observe(scroller);
    this.#keepEnd();
    this.#report();
  }

  override componentWillUnmount(): void {
    this.#sizes.disconnect();
  }

  #keepEnd(): void {
    const scroller = this.#scroller.current;
    if (scroller !== null && this.#isAtEnd) scroller.scrollTop = scroller.scrollHeight;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the type that Preact declares
  override getSnapshotBeforeUpdate(): any {
    return this.#place();
  }

  override componentDidUpdate(before: TalkProps, _state: unknown, place?: Place): void {
    const scroller = this.#scroller.current;
    if (before.list === this.props.list || scroller === null || place === undefined) return;
    const row = scroller.querySelector(`[data-key="${CSS.escape(place.key)}"]`);
    if (this.#isAtEnd) this.#keepEnd();
    else if (row !== null) scroller.scrollTop += row.getBoundingClientRect().top - place.top;
    this.#report();
  }

  /** The first row that can be seen. */
  #place(): Place | undefined {
    const scroller = this.#scroller.current;
    if (scroller === null) return undefined;
    const top = scroller.getBoundingClientRect().top;
    const rows = [...scroller.querySelectorAll<HTMLElement>("[data-key]")];
    const first = rows.find((row) => row.getBoundingClientRect().bottom > top);
    return {
      key: first?.dataset.key ?? "",
      top: first?.getBoundingClientRect().top ?? 0,
    };
  }

  readonly #report = (): void => {
    const scroller = this.#scroller.current;
    const { list, owner } = this.props;
    if (scroller === null) return;
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    this.#isAtEnd = below <= END_PX && list.top.kind === "end";
    owner.setAtTop(this.#isAtEnd);
    if (scroller.scrollTop < NEAR_PX && list.bottom.kind !== "end") void owner.growDown();
    if (below < NEAR_PX && list.top.kind !== "end") void owner.growUp();
  };

  render({ list, format }: TalkProps) {
    const oldestFirst = list.rows.toReversed();
    const days = daysOf(oldestFirst, format);
    let to: string | undefined;
    return (
      <section
        ref={this.#scroller}
        class="talk"
        aria-label={t.messages}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
        tabIndex={0}
        onScroll={this.#report}
      >
        <p class="talk-edge soft">{list.bottom.kind === "end" ? t.beginning : t.earlier}</p>
        {days.map((day) => (
          <section key={day.key}>
            <h2 class="talk-day">
              {Number.isNaN(day.at) ? inbox.undated : format.day(day.at, serviceNow())}
            </h2>
            <ol class="talk-rows">
              {day.rows.map((row) => {
                const isChanged = row.message.to !== to;
                to = row.message.to;
                return <Bubble key={row.key} row={row} format={format} isChanged={isChanged} />;
              })}
            </ol>
          </section>
        ))}
      </section>
    );
  }
}

interface BubbleProps {
  readonly row: Row<Message>;
  readonly format: MomentFormat;
  /** It was sent to another number than the one before. */
  readonly isChanged: boolean;
}

function Bubble({ row: { key, message, at }, format, isChanged }: BubbleProps) {
  const href = addressOf({ page: "inbox", filter: { from: message.from }, open: refOf(message) });
  return (
    <li class="talk-row" data-key={key}>
      <MessageText text={message.text} q="" />
      <a class="talk-time soft" href={href} title={t.open}>
        {Number.isNaN(at) ? message.ts : format.time(at)}
      </a>
      {isChanged ? <bdi class="talk-to soft">{fill(t.to, { number: message.to })}</bdi> : null}
    </li>
  );
}
