import { useEffect, useState } from "preact/hooks";
import type { Failure } from "../api/request.ts";
import type { Resource } from "../state/resource.ts";
import { t } from "../text/en.ts";
import { counted, fill, moments } from "../text/format.ts";
import { Button } from "./button.tsx";
import { Empty, Sign } from "./notes.tsx";

type Troubled = Pick<Resource<unknown>, "failure" | "failedSince" | "nextAt" | "reload">;

/**
 * One quiet line above what is shown, while questions fail: since when, what is the cause, and when
 * the page asks again.
 */
export function TroubleLine({ failure, failedSince, nextAt, reload }: Troubled) {
  const seconds = useCountdown(failure === undefined ? undefined : nextAt);
  if (failure === undefined || !isPassing(failure)) return null;
  const since = moments().time(failedSince ?? Date.now());
  return (
    <div class="trouble" role="status">
      <Sign mood="warn" />
      <p>
        {fill(causeOf(failure), { time: since })}{" "}
        {seconds > 0 ? <span aria-hidden="true">{counted(t.tryingAgain, seconds)}</span> : t.trying}
      </p>
      <Button kind="quiet" onClick={reload}>
        {t.now}
      </Button>
    </div>
  );
}

/** In the place of what could not be loaded, for failures that do not pass by themselves. */
export function FailureNote({ failure }: { readonly failure: Failure }) {
  if (failure.kind === "forbidden") return <Empty title={t.forbidden} />;
  if (failure.kind === "not_found") return <Empty title={t.notFound} />;
  if (failure.kind === "refused") return <Empty title={t.refused}>{failure.sentence}</Empty>;
  return null;
}

/** Whether the same question may have an answer later. */
export function isPassing({ kind }: Failure): boolean {
  return kind === "busy" || kind === "failed" || kind === "foreign" || kind === "offline";
}

/** A sentence for a failure of an action that was tried once. */
export function failureSentence(failure: Failure): string {
  switch (failure.kind) {
    case "forbidden":
      return t.forbidden;
    case "not_found":
      return t.notFound;
    case "refused":
      return asSentence(failure.sentence) || t.refused;
    case "unauthorized":
      return t.unauthorized;
    case "busy":
      return counted(t.busyAction, failure.retrySeconds);
    case "foreign":
      return fill(t.foreignAction, { status: String(failure.status) });
    case "offline":
      return t.offlineAction;
    default:
      return t.failedAction;
  }
}

/** Some sentences of the service begin with a small letter and have no full stop. */
function asSentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[^.!?]$/.test(upper) ? `${upper}.` : upper;
}

function causeOf(failure: Failure): string {
  switch (failure.kind) {
    case "busy":
      return failure.status === 429 ? t.limited : t.busy;
    case "failed":
      return fill(t.failed, { status: String(failure.status) });
    case "foreign":
      return fill(t.foreign, { status: String(failure.status) });
    default:
      return t.offline;
  }
}

/** The seconds until a moment, drawn again each second. */
function useCountdown(until: (() => number) | undefined): number {
  const [, redraw] = useState(0);
  const isCounting = until !== undefined;
  useEffect(() => {
    if (!isCounting) return;
    const timer = setInterval(() => redraw((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, [isCounting]);
  return until === undefined ? 0 : Math.max(0, Math.ceil((until() - performance.now()) / 1_000));
}
