import type { ComponentType } from "preact";
import type { PageName, RouteOf } from "./route.ts";

// Which pages there are. Each is loaded when it is first shown, with its styles. To add a page, add
// a line here: the rail shows what is in this table.

export interface PageEntry<Name extends PageName> {
  readonly load: () => Promise<{
    readonly Page: ComponentType<{ readonly route: RouteOf<Name> }>;
  }>;
  /** `admin`: the page is in the rail only for a key of that scope. */
  readonly access: "read" | "admin" | "open";
}

const later = () => import("./later-pages.ts");

type Table = { readonly [Name in PageName]?: PageEntry<Name> };

export const PAGES: Table = {
  overview: { load: () => import("./pages/overview/page.tsx"), access: "read" },
  inbox: { load: () => import("./pages/inbox/page.tsx"), access: "read" },
  conversation: { load: async () => (await later()).conversation, access: "read" },
  senders: { load: async () => (await later()).senders, access: "read" },
  sources: { load: async () => (await later()).sources, access: "admin" },
  exports: { load: async () => (await later()).exports, access: "read" },
  audit: { load: async () => (await later()).audit, access: "admin" },
  keys: { load: async () => (await later()).keys, access: "admin" },
  rejected: { load: async () => (await later()).rejected, access: "read" },
  health: { load: async () => (await later()).health, access: "read" },
  // Only `npm run web` has the page that shows every part.
  ...(import.meta.env.DEV && {
    parts: { load: () => import("./pages/parts/page.tsx"), access: "open" },
  }),
};

export function accessOf(name: PageName): "read" | "admin" | "open" {
  return PAGES[name]?.access ?? "open";
}

type AnyPage = ComponentType<{ readonly route: never }>;

const loaded = new Map<PageName, AnyPage>();

/** The page if it has been loaded. */
export function loadedPage(name: PageName): AnyPage | undefined {
  return loaded.get(name);
}

/** Loads a page. False if there is none of this name. */
export async function loadPage(name: PageName): Promise<boolean> {
  const entry = PAGES[name];
  if (entry === undefined) return false;
  const { Page } = await entry.load();
  loaded.set(name, Page as AnyPage);
  return true;
}
