import { batch, signal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { countMessages, type Message, type MessagePage, readMessages } from "../api/messages.ts";
import type { Failure, Outcome } from "../api/request.ts";
import { Doorbell, type Ring } from "../live/doorbell.ts";
import {
  addAbove,
  addBelow,
  continuation,
  countNews,
  type List,
  listOf,
  mergeHead,
} from "../live/list.ts";
import { intervalOf, LIST_INTERVAL } from "../live/quiet.ts";
import type { Filter } from "../route.ts";
import { mayRead } from "./session.ts";
import { browser, quiet, tellOf } from "./surroundings.ts";

/** A search may end its pages early, and empty. This many of them are followed. */
const EMPTY_PAGES_MAX = 20;
const COUNTED = intervalOf(10_000);
/** After a failure the list does not grow for this time, however often the reader scrolls. */
const GROW_REST_MS = 2_000;
/** More new rows at once come without a tint. */
const TINTED_ROWS_MAX = 10;

export interface News {
  readonly count: number;
  /** There are more than a page has. */
  readonly isMore: boolean;
}

const NO_NEWS: News = { count: 0, isMore: false };

/** The list of one filter: loads it, asks for news, and grows at both ends. */
export class MessageList {
  readonly list = signal<List<Message> | undefined>(undefined);
  readonly failure = signal<Failure | undefined>(undefined);
  readonly failedSince = signal<number | undefined>(undefined);
  /** The exact number of messages, asked for by itself. */
  readonly total = signal<number | undefined>(undefined);
  readonly news = signal<News>(NO_NEWS);
  readonly isLive = signal(true);
  readonly isGrowing = signal(false);
  /** The keys of rows that have just come. */
  readonly fresh = signal<ReadonlySet<string>>(new Set());
  /** All rows that came by themselves, for the polite region. */
  readonly arrived = signal(0);

  readonly filter: Filter;
  readonly #bell: Doorbell;
  readonly #countBell: Doorbell;
  #ending = new AbortController();
  #etag: string | undefined;
  #waiting: MessagePage | undefined;
  #isAtTop = true;
  #mayGrowAt = 0;
  #forget: (() => void) | undefined;

  constructor(filter: Filter) {
    this.filter = filter;
    this.#bell = new Doorbell(browser, (signal) => this.#ask(signal), LIST_INTERVAL);
    this.#countBell = new Doorbell(browser, (signal) => this.#count(signal), COUNTED);
  }

  get nextAt(): number {
    return this.#bell.nextAt;
  }

  start(): void {
    this.#ending = new AbortController();
    this.#forget = tellOf(this.#bell, this.#countBell);
    for (const bell of [this.#bell, this.#countBell]) {
      bell.start();
      if (!this.isLive.value) bell.hold();
    }
  }

  stop(): void {
    this.#forget?.();
    this.#bell.stop();
    this.#countBell.stop();
    this.#ending.abort();
  }

  /** Asks at once. */
  reload(): void {
    this.#bell.ring();
  }

  setLive(isLive: boolean): void {
    this.isLive.value = isLive;
    for (const bell of [this.#bell, this.#countBell])
      if (isLive) bell.start();
      else bell.hold();
  }

  /** While the reader is below the top, nothing moves. */
  setAtTop(isAtTop: boolean): void {
    this.#isAtTop = isAtTop;
    if (isAtTop && this.#waiting !== undefined && this.list.value?.top.kind === "end")
      this.#merge(this.#waiting);
  }

  /** Shows the newest rows, whatever is loaded. */
  toTop(): void {
    this.#isAtTop = true;
    const waiting = this.#waiting;
    if (this.list.value?.top.kind !== "end") this.#restart();
    else if (waiting !== undefined) this.#merge(waiting);
  }

  async growDown(): Promise<void> {
    await this.#grow("bottom");
  }

  async growUp(): Promise<void> {
    await this.#grow("top");
  }

  async #ask(signal: AbortSignal): Promise<Ring> {
    if (!mayRead.value) return { kind: "stop" };
    const outcome = await this.#firstPage(signal);
    if (signal.aborted) return { kind: "stop" };
    if (outcome.kind !== "ok" && outcome.kind !== "unchanged") return this.#fail(outcome);
    batch(() => {
      this.failure.value = undefined;
      this.failedSince.value = undefined;
      if (outcome.kind === "ok") {
        if (outcome.etag === undefined || outcome.etag !== this.#etag) quiet.end();
        this.#etag = outcome.etag;
        this.#take(outcome.value);
      }
    });
    return { kind: "answered" };
  }

  /** The first page with a row, or the last of those that a search ended early. */
  async #firstPage(signal: AbortSignal): Promise<Outcome<MessagePage>> {
    const query = { filter: this.filter, count: "none" } as const;
    let outcome = await readMessages(query, { signal, etag: this.#etag });
    const etag = outcome.kind === "ok" ? outcome.etag : undefined;
    for (let pages = 1; pages < EMPTY_PAGES_MAX; pages++) {
      if (outcome.kind !== "ok" || outcome.value.data.length > 0) break;
      const cursor = outcome.value.next_cursor;
      if (cursor === null) break;
      outcome = await readMessages({ ...query, cursor }, { signal });
    }
    return outcome.kind === "ok" ? { ...outcome, etag } : outcome;
  }

  #take(page: MessagePage): void {
    const list = this.list.value;
    if (list === undefined) {
      this.list.value = listOf(page);
      return;
    }
    if (this.#isAtTop && list.top.kind === "end") {
      this.#merge(page);
      return;
    }
    this.#waiting = page;
    const count = countNews(list, page);
    this.news.value = { count, isMore: count === page.data.length && page.next_cursor !== null };
  }

  #merge(page: MessagePage): void {
    const list = this.list.value;
    if (list === undefined) return;
    const merged = mergeHead(list, page);
    batch(() => {
      this.list.value = merged.list;
      this.news.value = NO_NEWS;
      const isTinted = merged.fresh.length <= TINTED_ROWS_MAX;
      this.fresh.value = new Set(isTinted ? merged.fresh.map((row) => row.key) : []);
      this.arrived.value += merged.fresh.length;
    });
    this.#waiting = undefined;
  }

  #fail(failure: Failure): Ring {
    if (failure.kind === "aborted") return { kind: "stop" };
    // The sign-in is over the page then.
    if (failure.kind === "unauthorized") return { kind: "stop" };
    batch(() => {
      this.failure.value = failure;
      this.failedSince.value ??= Date.now();
    });
    if (failure.kind === "busy") return { kind: "failed", retrySeconds: failure.retrySeconds };
    const isPassing =
      failure.kind === "failed" || failure.kind === "foreign" || failure.kind === "offline";
    return isPassing ? { kind: "failed" } : { kind: "stop" };
  }

  async #count(signal: AbortSignal): Promise<Ring> {
    if (!mayRead.value) return { kind: "stop" };
    const outcome = await countMessages(this.filter, signal);
    switch (outcome.kind) {
      case "ok":
        if (outcome.value !== this.total.value) quiet.end();
        this.total.value = outcome.value;
        return { kind: "answered" };
      // It is too broad to be counted, and stays so.
      case "refused":
      case "aborted":
        return { kind: "stop" };
      case "busy":
        return { kind: "failed", retrySeconds: outcome.retrySeconds };
      default:
        return { kind: "failed" };
    }
  }

  async #grow(side: "top" | "bottom"): Promise<void> {
    const list = this.list.value;
    const next = list && continuation(list, side);
    if (list === undefined || next === undefined || this.isGrowing.value) return;
    if (performance.now() < this.#mayGrowAt) return;
    this.isGrowing.value = true;
    const { order, span, cursor } = next;
    const outcome = await readMessages(
      { filter: { ...this.filter, ...span }, order, cursor, count: "none" },
      { signal: this.#ending.signal },
    );
    const add = side === "top" ? addAbove : addBelow;
    batch(() => {
      this.isGrowing.value = false;
      const now = this.list.value;
      // News may have been merged at the top since; the rows below are the same.
      if (outcome.kind === "ok" && now !== undefined && now[side] === list[side])
        this.list.value = add(now, outcome.value, span);
    });
    if (outcome.kind !== "ok") this.#mayGrowAt = performance.now() + GROW_REST_MS;
    // An invalid cursor: the list begins again.
    if (outcome.kind === "refused" && outcome.status === 400) this.#restart();
  }

  #restart(): void {
    this.#etag = undefined;
    this.#waiting = undefined;
    this.news.value = NO_NEWS;
    this.list.value = undefined;
    this.reload();
  }
}

/** The list of a filter, while a component is shown. */
export function useMessageList(filter: Filter): MessageList {
  const key = JSON.stringify(filter);
  const list = useMemo(() => new MessageList(filter), [key]);
  // After a sign-in the list that is shown is asked for again.
  const isAllowed = mayRead.value;
  // Before the paint: the request does not wait for it.
  useLayoutEffect(() => {
    if (!isAllowed) return;
    list.start();
    return () => list.stop();
  }, [list, isAllowed]);
  return list;
}
