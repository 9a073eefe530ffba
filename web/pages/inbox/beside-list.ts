// One file for the build: what the Inbox shows beside its list, or in the place of it.

export { NothingFound, NothingYet, TooBroad } from "./empty.tsx";
export { Pane } from "./pane.tsx";
