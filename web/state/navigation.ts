import { signal } from "@preact/signals";
import { addressOf, parseAddress, type Route } from "../route.ts";

// Where the reader is. The address is the state: every change of what is shown is a change of it.

export const route = signal<Route>(parseAddress(location.hash));

function follow(): void {
  route.value = parseAddress(location.hash);
}

addEventListener("hashchange", follow);
addEventListener("popstate", follow);

/**
 * Goes to a route. `replace` changes the address without a new entry in the history: for what a
 * reader is still typing.
 */
export function go(to: Route, { replace = false } = {}): void {
  const address = addressOf(to);
  if (replace) history.replaceState(null, "", address);
  else if (address !== location.hash) history.pushState(null, "", address);
  route.value = to;
}

/** Begins a title: `(3) Inbox · Lyftr`. */
export const titleMark = signal("");
