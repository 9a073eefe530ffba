import { useEffect } from "preact/hooks";
import { shortcutsOn } from "../prefs.ts";

// Keys without a modifier. None acts while the reader types or a dialog is open, and all can be
// switched off (WCAG 2.1.4).

export type Shortcuts = Readonly<Record<string, () => void>>;

/** `g` and then another key, within this time. */
const SECOND_KEY_MS = 1_500;

const maps: Shortcuts[] = [];
let first: { readonly key: string; readonly at: number } | undefined;

/** Acts on keys while a component is shown: `{ j: next, "g i": inbox }`. The newest one wins. */
export function useShortcuts(shortcuts: Shortcuts): void {
  useEffect(() => {
    maps.push(shortcuts);
    return () => {
      const at = maps.lastIndexOf(shortcuts);
      if (at !== -1) maps.splice(at, 1);
    };
  }, [shortcuts]);
}

export function listenForShortcuts(): void {
  document.addEventListener("keydown", (event) => {
    const isOff = shortcutsOn.value.value === "off";
    if (isOff || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]") !== null) return;
    const run = find(event.key);
    if (run === undefined) return;
    event.preventDefault();
    run();
  });
}

function find(key: string): (() => void) | undefined {
  const now = performance.now();
  const pair = first && now - first.at < SECOND_KEY_MS ? `${first.key} ${key}` : undefined;
  first = { key, at: now };
  for (const name of [pair, key]) {
    const map = name === undefined ? undefined : maps.findLast((each) => name in each);
    if (name !== undefined && map !== undefined) {
      if (name === pair) first = undefined;
      return map[name];
    }
  }
  return undefined;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}
