import { inboxRoute } from "../route.ts";
import { go } from "./navigation.ts";

// The key `/`: the focus goes to the search field, on another page to that of the Inbox.

export const SEARCH_FIELD = "inbox-search";

let isWanted = false;

export function search(): void {
  isWanted = true;
  if (!focusWantedSearch()) go(inboxRoute());
}

/** Returns whether the search field has got the focus that the reader asked for. */
export function focusWantedSearch(): boolean {
  const field = isWanted ? document.getElementById(SEARCH_FIELD) : null;
  field?.focus();
  isWanted = isWanted && field === null;
  return field !== null;
}
