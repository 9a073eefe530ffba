import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { toast } from "../state/toast.ts";
import { t } from "../text/en.ts";
import { Button } from "./button.tsx";

// Parts that say something: states, notes and what is not there.

export type Mood = "good" | "warn" | "bad" | "plain";

/** The sign of a mood. A state is never told by its colour alone. */
export const SIGNS: Readonly<Record<Mood, string>> = { good: "✓", warn: "▲", bad: "✕", plain: "●" };

export function Sign({ mood }: { readonly mood: Mood }) {
  return (
    <span class={`sign ${mood}`} aria-hidden="true">
      {SIGNS[mood]}
    </span>
  );
}

interface BannerProps {
  readonly mood: "warn" | "bad";
  readonly children: ComponentChildren;
  readonly action?: ComponentChildren;
}

/** A line above the page, for what concerns all of it. */
export function Banner({ mood, children, action }: BannerProps) {
  return (
    <div class={`banner ${mood}`} role={mood === "bad" ? "alert" : "note"}>
      <Sign mood={mood} />
      <p>{children}</p>
      {action}
    </div>
  );
}

export function Tag({ mood = "plain", children }: { mood?: Mood; children: ComponentChildren }) {
  return <span class={`tag ${mood}`}>{children}</span>;
}

/** Counts what came while nothing moved. */
export function Pill({ children, onClick }: { children: ComponentChildren; onClick: () => void }) {
  return (
    <button type="button" class="pill" onClick={onClick}>
      {children}
    </button>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly actions?: ComponentChildren;
}

/** What stands where there is nothing: why, and what to do. */
export function Empty({ title, children, actions }: EmptyProps) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
      {actions === undefined ? null : <div class="button-row">{actions}</div>}
    </section>
  );
}

/** Grey rows in the place of rows that are on their way. They appear after 150 ms. */
export function Skeleton({ rows }: { readonly rows: number }) {
  return (
    <div class="skeleton" role="status" aria-label={t.loading}>
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} class="skeleton-row" />
      ))}
    </div>
  );
}

const TOAST_MS = 5_000;

/** The one toast of the page. It stays while the pointer or the focus is on it. */
export function Toasts() {
  const shown = toast.value;
  useEffect(() => {
    if (shown === undefined) return;
    const timer = setInterval(() => {
      if (document.querySelector(".toast:is(:hover, :focus-within)") === null)
        toast.value = undefined;
    }, TOAST_MS);
    return () => clearInterval(timer);
  }, [shown]);
  return (
    <div class="toasts" role="status">
      {shown === undefined ? null : (
        <div class="toast">
          <p>{shown.text}</p>
          {shown.undo === undefined ? null : (
            <Button
              kind="quiet"
              onClick={() => {
                toast.value = undefined;
                shown.undo?.();
              }}
            >
              {t.undo}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
