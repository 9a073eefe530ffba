import { useEffect, useState } from "preact/hooks";
import type { Failure, Outcome } from "../api/request.ts";
import { Doorbell, type Ring } from "../live/doorbell.ts";
import { intervalOf } from "../live/quiet.ts";
import { mayRead } from "./session.ts";
import { browser, tellOf } from "./surroundings.ts";

/** What a page knows of something that it asks for, once or again and again. */
export interface Resource<T> {
  /** The newest answer. It stays while later questions fail. */
  readonly value: T | undefined;
  /** Why the last question failed. Undefined when it did not. */
  readonly failure: Failure | undefined;
  /** When the questions began to fail, in Unix time. */
  readonly failedSince: number | undefined;
  /** When the next question is asked, on the clock of `performance.now()`. */
  readonly nextAt: () => number;
  /** Asks at once. */
  readonly reload: () => void;
}

type State<T> = Pick<Resource<T>, "value" | "failure" | "failedSince">;
type Read<T> = (signal: AbortSignal, etag: string | undefined) => Promise<Outcome<T>>;

/** With this interval something is asked once. */
export const ONCE = Number.POSITIVE_INFINITY;

/**
 * Asks for something while a component is shown, in an interval, with its ETag. The interval is
 * longer while nothing happens ({@link intervalOf}). `key` says what is asked: another key forgets
 * the value and asks at once. Nothing is asked while `key` is undefined. After an answer that took
 * long, nothing is asked for `restPerAnswer` times as long.
 */
export function useResource<T>(
  key: string | undefined,
  read: Read<T>,
  everyMs: number = ONCE,
  restPerAnswer?: number,
): Resource<T> {
  const [state, setState] = useState<State<T> & { readonly key?: string }>(EMPTY);
  const [bell, setBell] = useState<Doorbell | undefined>(undefined);
  const isAllowed = mayRead.value;
  // `read` is a new function in each drawing; `key` stands for it.
  useEffect(() => {
    if (key === undefined || !isAllowed) return;
    const update = (next: (before: State<T>) => State<T>) =>
      setState((before) => ({ ...next(before.key === key ? before : EMPTY), key }));
    const made = poll<T>({ read, everyMs, restPerAnswer, update });
    setBell(made.bell);
    return made.stop;
  }, [key, everyMs, isAllowed]);
  const shown: State<T> = state.key === key ? state : EMPTY;
  return { ...shown, nextAt: () => bell?.nextAt ?? 0, reload: () => bell?.ring() };
}

const EMPTY = { value: undefined, failure: undefined, failedSince: undefined } as const;

interface Poll<T> {
  readonly read: Read<T>;
  readonly everyMs: number;
  readonly restPerAnswer: number | undefined;
  readonly update: (next: (before: State<T>) => State<T>) => void;
}

function poll<T>({ read, everyMs, restPerAnswer, update }: Poll<T>) {
  let etag: string | undefined;
  const bell = new Doorbell(
    browser,
    async (signal) => {
      const outcome = await read(signal, etag);
      if (signal.aborted) return { kind: "stop" };
      if (outcome.kind === "ok") etag = outcome.etag;
      update((before) => stateAfter(before, outcome));
      return ringOf(outcome, everyMs);
    },
    intervalOf(Number.isFinite(everyMs) ? everyMs : 0),
    restPerAnswer,
  );
  const forget = tellOf(bell);
  bell.start();
  const stop = () => {
    forget();
    bell.stop();
  };
  return { bell, stop };
}

/** What an outcome means for the next question. */
export function ringOf(outcome: Outcome<unknown>, everyMs = 0): Ring {
  switch (outcome.kind) {
    case "ok":
    case "unchanged":
      return Number.isFinite(everyMs) ? { kind: "answered" } : { kind: "stop" };
    case "busy":
      return { kind: "failed", retrySeconds: outcome.retrySeconds };
    case "failed":
    case "foreign":
    case "offline":
      return { kind: "failed" };
    default:
      return { kind: "stop" };
  }
}

function stateAfter<T>(before: State<T>, outcome: Outcome<T>): State<T> {
  if (outcome.kind === "ok" || outcome.kind === "unchanged") {
    const value = outcome.kind === "ok" ? outcome.value : before.value;
    return { value, failure: undefined, failedSince: undefined };
  }
  if (outcome.kind === "aborted") return before;
  return {
    value: before.value,
    failure: outcome,
    failedSince: before.failedSince ?? Date.now(),
  };
}
