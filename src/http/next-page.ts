import type { QueryParams } from "../domain/query-params.ts";
import { Schema } from "./json-schema.ts";
import type { Headers } from "./reply.ts";

/**
 * Room for the longest `q` in emoji and the longest id in words. A longer link, with ids of control
 * characters, is left out. With the other headers it must fit the 8 KiB that proxies allow, and the
 * cursor is in the body anyway.
 */
const LINK_CHARACTERS_MAX = 6_144;
/** Two cursors of the longest ids, escaped. */
const CURSORS_CHARACTERS_MAX = 32_768;
/** The end of the text of a page. No text of a sender comes after its cursors. */
const NEXT_CURSOR =
  /"next_cursor":"([A-Za-z0-9_-]+)"(?:,"prev_cursor":(?:null|"[A-Za-z0-9_-]+"))?\}$/;

/** The next page: the path of the list, and its parameters. */
export interface NextPage {
  readonly path: string;
  /** As the client sent them: the filters and the order. Empty ones are left out. */
  readonly parameters: QueryParams;
  readonly names: readonly string[];
  /** The effective limit. */
  readonly limit: number;
  /** The parameter that continues the list, and its value. */
  readonly from: readonly [name: string, value: string];
}

/** The link to the next page: RFC 8288, as a reference relative to the host. */
export function linkToNext({ path, parameters, names, limit, from }: NextPage): Headers {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const name of names) if (parameters[name]) query.set(name, parameters[name]);
  query.set(...from);
  const link = `<${path}?${query}>; rel="next"`;
  return link.length <= LINK_CHARACTERS_MAX ? { link } : {};
}

/** The `next_cursor` in the text of a page, which may be cached; undefined on the last page. */
export function nextCursorIn(text: string): string | undefined {
  return NEXT_CURSOR.exec(text.slice(-CURSORS_CHARACTERS_MAX))?.[1];
}

/** The header in /openapi.json. */
export const LinkHeader = {
  link: Schema.string({
    description:
      'The next page, `</messages?limit=100&cursor=…>; rel="next"` (RFC 8288). Absent on the last page.',
  }),
};
