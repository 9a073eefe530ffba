// The address of the dashboard and what it stands for. This is the only file that knows how
// addresses are spelt. An address is a fragment (`/ui/#/inbox?q=order`), which browsers send to no
// server, so no phone number and no text reaches a proxy, a log or a referrer.

export const FILTER_NAMES = ["from", "to", "source", "since", "until", "q"] as const;
export type FilterName = (typeof FILTER_NAMES)[number];
/** What narrows a list of messages, as the address spells it. Moments are in UTC. */
export type Filter = { readonly [Name in FilterName]?: string };

export interface MessageRef {
  readonly source: string;
  readonly id: string;
}

/** The time that the chart of the Overview shows. The first one is not in the address. */
export const CHART_SPANS = ["hour", "two-days", "ninety-days"] as const;
export type ChartSpan = (typeof CHART_SPANS)[number];

export type Route =
  | { readonly page: "overview"; readonly chart?: ChartSpan }
  | { readonly page: "inbox"; readonly filter: Filter; readonly open?: MessageRef }
  | { readonly page: "conversation"; readonly number: string }
  | { readonly page: "senders"; readonly tab: "busiest" | "all"; readonly prefix: string }
  | { readonly page: "rejected" }
  | { readonly page: "sources" }
  | { readonly page: "keys" }
  | { readonly page: "exports"; readonly filter: Filter }
  | { readonly page: "audit"; readonly before?: string }
  | { readonly page: "health"; readonly search: string }
  | { readonly page: "parts" }
  | { readonly page: "sign-in"; readonly key?: string; readonly next?: "docs" }
  | { readonly page: "unknown"; readonly address: string };

export type PageName = Route["page"];
export type RouteOf<Name extends PageName> = Extract<Route, { readonly page: Name }>;

/** The source of messages whose row names none. */
export const DEFAULT_SOURCE = "native";

/** Where the sign-in leads. A property of this name would make the route look like a promise. */
const NEXT = "then";

/** The route of a fragment, with or without its `#`. */
export function parseAddress(fragment: string): Route {
  const address = fragment.replace(/^#/, "");
  const at = address.indexOf("?");
  const path = at === -1 ? address : address.slice(0, at);
  const query = new URLSearchParams(at === -1 ? "" : address.slice(at + 1));
  const parts = decodedParts(path);
  return (parts && routeOf(parts, query)) ?? { page: "unknown", address };
}

function routeOf(parts: readonly string[], query: URLSearchParams): Route | undefined {
  const [page, ...rest] = parts;
  if (page === "inbox") return inboxOf(rest, query);
  if (page === "from")
    return rest.length === 1 && rest[0] ? { page: "conversation", number: rest[0] } : undefined;
  if (rest.length > 0) return undefined;
  switch (page) {
    case undefined: {
      const chart = CHART_SPANS.find((span, at) => at > 0 && span === query.get("chart"));
      return chart ? { page: "overview", chart } : { page: "overview" };
    }
    case "senders":
      return {
        page: "senders",
        tab: query.get("tab") === "all" ? "all" : "busiest",
        prefix: query.get("prefix") ?? "",
      };
    case "exports":
      return { page: "exports", filter: filterOf(query) };
    case "audit": {
      const before = query.get("before");
      return before ? { page: "audit", before } : { page: "audit" };
    }
    case "health":
      return { page: "health", search: query.get("q") ?? "" };
    case "sign-in":
      return signInOf(query);
    case "rejected":
    case "sources":
    case "keys":
    case "parts":
      return { page };
    default:
      return undefined;
  }
}

function inboxOf(rest: readonly string[], query: URLSearchParams): Route | undefined {
  const filter = filterOf(query);
  const [source, id] = rest;
  if (source === undefined) return { page: "inbox", filter };
  if (rest.length !== 2 || !source || !id) return undefined;
  return { page: "inbox", filter, open: { source, id } };
}

function signInOf(query: URLSearchParams): Route {
  const key = query.get("key");
  const isForDocs = query.get(NEXT) === "docs";
  if (key) return isForDocs ? { page: "sign-in", key, next: "docs" } : { page: "sign-in", key };
  return isForDocs ? { page: "sign-in", next: "docs" } : { page: "sign-in" };
}

/** The fragment of a route, with its `#`. */
export function addressOf(route: Route): string {
  switch (route.page) {
    case "overview":
      return `#/${queryOf({ chart: route.chart === CHART_SPANS[0] ? "" : route.chart })}`;
    case "inbox": {
      const open = route.open ? `/${encoded(route.open.source)}/${encoded(route.open.id)}` : "";
      return `#/inbox${open}${filterQuery(route.filter)}`;
    }
    case "conversation":
      return `#/from/${encoded(route.number)}`;
    case "senders":
      return `#/senders${queryOf({ tab: route.tab === "all" ? "all" : "", prefix: route.prefix })}`;
    case "exports":
      return `#/exports${filterQuery(route.filter)}`;
    case "audit":
      return `#/audit${queryOf({ before: route.before })}`;
    case "health":
      return `#/health${queryOf({ q: route.search })}`;
    case "sign-in":
      return `#/sign-in${queryOf({ key: route.key, [NEXT]: route.next })}`;
    case "unknown":
      return `#${route.address}`;
    default:
      return `#/${route.page}`;
  }
}

/** The Inbox with a filter, and no message open. */
export function inboxRoute(filter: Filter = {}): RouteOf<"inbox"> {
  return { page: "inbox", filter };
}

/** A filter without one of its parts. */
export function without(filter: Filter, name: FilterName): Filter {
  const { [name]: _, ...rest } = filter;
  return rest;
}

/** A filter as the parameters of a request or an address, without empty ones: `?q=order`. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== "") query.set(name, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/** A list has one address, whatever the order in which its filter was made. */
function filterQuery(filter: Filter): string {
  return queryOf(Object.fromEntries(FILTER_NAMES.map((name) => [name, filter[name]])));
}

function filterOf(query: URLSearchParams): Filter {
  const filter: { [Name in FilterName]?: string } = {};
  for (const name of FILTER_NAMES) {
    const value = query.get(name);
    if (value) filter[name] = value;
  }
  return filter;
}

/** The segments of a path. Undefined if one has a broken escape. */
function decodedParts(path: string): readonly string[] | undefined {
  const trimmed = path.replace(/^\/+/, "").replace(/\/+$/, "");
  if (trimmed === "") return [];
  try {
    return trimmed.split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** encodeURIComponent throws on half of a surrogate pair, which a text can contain. */
function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
