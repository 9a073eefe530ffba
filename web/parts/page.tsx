import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { titleMark } from "../state/navigation.ts";
import { t } from "../text/en.ts";
import { fill } from "../text/format.ts";

interface PageHeadProps {
  /** Without phone numbers: titles are in the browser's history. */
  readonly title: string;
  /** What the heading shows, if it is not the title. */
  readonly heading?: ComponentChildren;
  readonly children?: ComponentChildren;
  readonly isHidden?: boolean;
}

/** The one `h1` of a page, with the buttons of the page. It gives the browser's tab its title. */
export function PageHead({ title, heading, children, isHidden = false }: PageHeadProps) {
  const mark = titleMark.value;
  useEffect(() => {
    document.title = `${mark}${fill(t.title, { page: title })}`;
  }, [title, mark]);
  return (
    <header class={isHidden ? "visually-hidden" : "page-head"}>
      <h1 tabIndex={-1}>{heading ?? title}</h1>
      {children === undefined ? null : <div class="button-row">{children}</div>}
    </header>
  );
}

/** Moves the focus to the `h1`: after another page, or after what had the focus is gone. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>("main h1")?.focus();
}
