import { Readable } from "node:stream";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { Overloaded } from "../../domain/errors.ts";
import type { Issue } from "../../domain/issue.ts";
import type { MessageList, Place } from "../../domain/message-filter.ts";
import { parseMessageList } from "../../domain/message-query.ts";
import { oneOf, type Parameters } from "../../domain/parameters.ts";
import type { MessagePage, Store } from "../../store/store.ts";
import { clientGone } from "../client-gone.ts";
import { problemOf } from "../error-boundary.ts";
import { EXPORT_FORMATS, type ExportFormat } from "../export-formats.ts";
import { ListParameters } from "../list-parameters.ts";
import { sendInvalidQuery } from "../problem.ts";
import { problemResponses } from "../schemas.ts";

/** Read at a time, and with the page before it all of an export that is in memory. */
const MESSAGES_PER_PAGE = 250;
const EXPORTS_UNDER_WAY_MAX = 16;
/** A client that takes nothing for so long would hold its place forever. */
const STALLED_MS_MAX = 60_000;

export interface ExportRouteOptions {
  readonly store: Pick<Store, "findMessages">;
  /** Told when an answer that has begun cannot be finished. */
  readonly brokenOff: (reply: FastifyReply, status: number) => void;
  readonly stalledMsMax?: number;
}

/** `GET /messages/export`: every message of a list as a file, however many there are. */
export function exportRoute(server: FastifyInstance, options: ExportRouteOptions): void {
  const { store, stalledMsMax = STALLED_MS_MAX } = options;
  let underWay = 0;
  server.get("/messages/export", { schema: SCHEMA, config: { streams: true } }, async (request, reply) => {
    const parsed = parseExport(request.query as Parameters);
    if (!parsed.ok) return sendInvalidQuery(request, reply, parsed);
    if (underWay >= EXPORTS_UNDER_WAY_MAX) throw new Overloaded("too many exports are under way");
    underWay++;
    reply.raw.once("close", () => underWay--);
    const { list, format } = parsed;
    const read = pageReader(store, list, clientGone(reply));
    // Before the headers: what is refused or fails at once gets a status of its own.
    const first = await read();
    reply.headers({
      "content-type": format.contentType,
      "content-disposition": `attachment; filename="${format.fileName}"`,
    });
    if (request.method === "HEAD") return reply.send(Readable.from([]));
    // Asked for the next page, the client has taken most of the one before; a byte now and then does not count.
    const stalled = setTimeout(() => reply.raw.destroy(), stalledMsMax);
    reply.raw.once("close", () => clearTimeout(stalled));
    const text = textOf(first, (place) => read(place).finally(() => stalled.refresh()), format);
    return reply.send(Readable.from(breaking(text, request, reply, options), { objectMode: false }));
  });
}

type PageReader = (place?: Place) => Promise<MessagePage>;

function pageReader(store: ExportRouteOptions["store"], list: MessageList, signal: AbortSignal): PageReader {
  return async (place) => {
    for (let at = place; ; ) {
      const query = { ...list, limit: MESSAGES_PER_PAGE, offset: 0, count: "none" as const };
      const page = await store.findMessages(at === undefined ? query : { ...query, place: at }, { signal });
      // A page may be empty and go on all the same.
      if (page.messages.length > 0 || page.next === null) return page;
      at = page.next;
    }
  };
}

/** Asks for a page only when the one before it has been taken. */
async function* textOf(page: MessagePage, read: PageReader, { head, line }: ExportFormat): AsyncGenerator<string> {
  if (head !== "") yield head;
  for (let current = page; ; current = await read(current.next)) {
    if (current.messages.length > 0) yield current.messages.map(line).join("");
    if (current.next === null) return;
  }
}

/** Makes sure that an answer which cannot be finished does not look finished. */
async function* breaking(
  text: AsyncGenerator<string>,
  request: FastifyRequest,
  reply: FastifyReply,
  { brokenOff }: ExportRouteOptions,
): AsyncGenerator<string> {
  try {
    yield* text;
  } catch (error) {
    if (!reply.raw.destroyed) {
      brokenOff(reply, problemOf(error as FastifyError, request).status);
      // To a client of HTTP/1.0 the end of the connection is the end of the answer, unless it is a reset.
      reply.raw.socket?.resetAndDestroy();
    }
    throw error;
  }
}

type ParsedExport =
  | { readonly ok: true; readonly list: MessageList; readonly format: ExportFormat }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] };

function parseExport(parameters: Parameters): ParsedExport {
  const issues: Issue[] = [];
  const parsed = parseMessageList(parameters);
  const format = oneOf(parameters, "format", ["ndjson", "csv"], issues);
  if (!parsed.ok) return { ok: false, reason: "issues", issues: [...parsed.issues, ...issues] };
  if (issues.length > 0) return { ok: false, reason: "issues", issues };
  return { ok: true, list: parsed.list, format: EXPORT_FORMATS[format] };
}

const SCHEMA = {
  summary: "Export messages",
  description:
    "Every message of the list, in its order, as a file that is sent while it is read. What arrives meanwhile may be in it. " +
    "An answer that breaks off, its connection closed without the last chunk, is not the whole.",
  tags: ["messages"],
  querystring: Type.Object({
    ...ListParameters,
    format: Type.Optional(
      Type.String({
        enum: ["ndjson", "csv"],
        default: "ndjson",
        description:
          "`ndjson` is a message a line, as in the list. `csv` has the columns message_id, from, to, ts, text and created_at; " +
          "a cell that begins with =, +, -, @, ', a tab, a carriage return or a line feed has an apostrophe before it, lest a spreadsheet take it for a formula, phone numbers among them. " +
          "Take one apostrophe away from every cell that begins with one to get what was sent.",
      }),
    ),
  }),
  response: {
    200: {
      description: "The messages.",
      headers: {
        "content-disposition": Type.String({ description: "Names the file: messages.ndjson or messages.csv." }),
      },
      content: {
        "application/x-ndjson": {
          schema: Type.String({
            description: "A JSON object a line. U+007F to U+009F, U+2028 and U+2029 are escaped.",
          }),
        },
        "text/csv": { schema: Type.String({ description: "RFC 4180, UTF-8. A text that is null is an empty cell." }) },
      },
    },
    ...problemResponses(422, 429, 500, 503),
  },
};
