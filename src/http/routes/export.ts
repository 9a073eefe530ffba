import { ReadCancelled } from "../../domain/errors.ts";
import type { Issue } from "../../domain/issue.ts";
import type { CursorPosition, MessageList } from "../../domain/message-filter.ts";
import { parseMessageList } from "../../domain/message-query.ts";
import { oneOf, type QueryParams } from "../../domain/query-params.ts";
import type { Runtime } from "../../runtime.ts";
import type { MessagePage, Store } from "../../store/store.ts";
import { EXPORT_FORMATS, type ExportFormat } from "../export-formats.ts";
import { ExportSlots } from "../export-slots.ts";
import { Schema } from "../json-schema.ts";
import { ReaderPace } from "../reader-pace.ts";
import { CLIENT_CLOSED_REQUEST, invalidQuery, StreamCut } from "../reply.ts";
import type { Request, Route, RouteSchema } from "../route.ts";
import { ListParameters, problemResponses } from "../schemas.ts";

/** The messages of one read. Together with the previous page, that is at most 2 MiB in memory. */
const MESSAGES_PER_PAGE = 128;
/** The size of one write. The speed of a client is measured in such steps. */
const CHUNK_CHARACTERS = 32_768;
/** 64 kbit/s. A slower client would keep its slot for ever. */
const BYTES_PER_SECOND_MIN = 8_192;
const BEHIND_MS_MAX = 60_000;
/** A key that is revoked in any process is known here within 5 s. */
const KEY_CHECKED_EVERY_MS = 1_000;

export interface ExportRouteOptions extends Pick<Runtime, "clock"> {
  readonly store: Pick<Store, "findMessages">;
  /** Whether the client may read now: its key may have ended since the request. */
  readonly mayRead: (request: Request) => boolean;
  readonly behindMsMax?: number;
  readonly keyCheckedEveryMs?: number;
}

/** `GET /messages/export`: every message of a list as a file, however many there are. */
export function exportRoute(options: ExportRouteOptions): Route {
  const slots = new ExportSlots();
  return {
    method: "GET",
    path: "/messages/export",
    access: "read",
    schema: SCHEMA,
    streams: true,
    handle: async (request) => {
      const parsed = parseExport(request.query);
      if (!parsed.ok) return invalidQuery(parsed);
      requireClient(request);
      // One listener for the whole export: with more than ten on a response Node warns of a leak.
      const untilClosed = new DisposableStack();
      untilClosed.defer(slots.take(request));
      request.whenClosed(() => untilClosed.dispose());
      const { list, format } = parsed;
      const read = pageReader(options.store, list, request.clientGone());
      // Before the headers, so that an immediate refusal or failure gets its own status.
      const first = await read();
      requireClient(request);
      const cutting = new AbortController();
      const cut = (status: number, reason: string) => cutting.abort(new StreamCut(status, reason));
      untilClosed.defer(watchKey(request, options, cut));
      const pace = paceOf(options, cut);
      untilClosed.defer(() => pace.stop());
      const disposition = `attachment; filename="${format.fileName}"`;
      return {
        status: 200,
        headers: { "content-type": format.contentType, "content-disposition": disposition },
        stream: { text: paced(textOf(first, read, format), pace), cut: cutting.signal },
      };
    },
  };
}

/** Throws if the connection has already closed. Slots taken afterwards would never be released. */
function requireClient({ response }: Request): void {
  if (response.closed) throw new ReadCancelled("the client disconnected");
}

type Cut = (status: number, reason: string) => void;

/**
 * Aborts the response when its client may no longer read. Returns a function that ends the check.
 */
function watchKey(
  request: Request,
  { mayRead, keyCheckedEveryMs = KEY_CHECKED_EVERY_MS }: ExportRouteOptions,
  cut: Cut,
): () => void {
  const timer = setInterval(() => {
    if (!mayRead(request)) cut(401, "the API key was revoked, or has expired, during the export");
  }, keyCheckedEveryMs);
  return () => clearInterval(timer);
}

/** Aborts the response when its client reads too slowly. */
function paceOf({ clock, behindMsMax = BEHIND_MS_MAX }: ExportRouteOptions, cut: Cut): ReaderPace {
  const tooSlow = () => cut(CLIENT_CLOSED_REQUEST, "the client read the export too slowly");
  return new ReaderPace({ clock, behindMsMax, bytesPerSecondMin: BYTES_PER_SECOND_MIN, tooSlow });
}

/** Measures the speed of the client up to the last byte. */
async function* paced(text: AsyncGenerator<string>, pace: ReaderPace): AsyncGenerator<string> {
  for await (const chunk of text) {
    pace.offered();
    yield chunk;
    pace.taken(Buffer.byteLength(chunk));
  }
  // The client must also read what is left in the buffers of this process.
  pace.offered();
}

type PageReader = (place?: CursorPosition) => Promise<MessagePage>;

function pageReader(
  store: ExportRouteOptions["store"],
  list: MessageList,
  signal: AbortSignal,
): PageReader {
  return async (place) => {
    for (let at = place; ; ) {
      const query = { ...list, limit: MESSAGES_PER_PAGE, offset: 0, count: "none" as const };
      const page = await store.findMessages(at === undefined ? query : { ...query, cursor: at }, {
        signal,
      });
      // A page may be empty although the list continues.
      if (page.messages.length > 0 || page.next === null) return page;
      at = page.next;
    }
  };
}

/** Reads a page only after the previous page has been sent. */
async function* textOf(
  page: MessagePage,
  read: PageReader,
  { head, line }: ExportFormat,
): AsyncGenerator<string> {
  if (head !== "") yield head;
  for (let current = page; ; current = await read(current.next)) {
    yield* chunksOf(current.messages.map(line));
    if (current.next === null) return;
  }
}

function* chunksOf(lines: readonly string[]): Generator<string> {
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

type ParsedExport =
  | { readonly ok: true; readonly list: MessageList; readonly format: ExportFormat }
  | { readonly ok: false; readonly reason: "issues"; readonly issues: readonly Issue[] };

function parseExport(parameters: QueryParams): ParsedExport {
  const issues: Issue[] = [];
  const parsed = parseMessageList(parameters);
  const format = oneOf(parameters, "format", ["ndjson", "csv"], issues);
  if (!parsed.ok) return { ok: false, reason: "issues", issues: [...parsed.issues, ...issues] };
  if (issues.length > 0) return { ok: false, reason: "issues", issues };
  return { ok: true, list: parsed.list, format: EXPORT_FORMATS[format] };
}

const SCHEMA: RouteSchema = {
  operationId: "exportMessages",
  summary: "Export messages",
  description:
    "Streams every message of the list, in its order, as a file. Messages that arrive during the export may be in it. " +
    "If the connection is reset or closes without the last chunk, the export is incomplete. The service closes it when " +
    "the API key is revoked or expires, and when the client is more than a minute behind a speed of 8 KiB a second. " +
    "At most 16 exports run at the same time. Of these, one API key, or one address without a key, has at most 4 when " +
    "other clients need them. Further exports get 503.",
  tags: ["messages"],
  querystring: Schema.object({
    ...ListParameters,
    format: Schema.optional(
      Schema.string({
        enum: ["ndjson", "csv"],
        default: "ndjson",
        description:
          "`ndjson`: one message a line, as in the list. `csv`: the columns message_id, from, to, ts, text and created_at. " +
          "A cell that begins with =, +, -, @, ', a tab, a carriage return or a line feed gets an apostrophe in front, " +
          "so that a spreadsheet does not run it as a formula. This includes phone numbers. " +
          "To get the original text, remove one apostrophe from every cell that begins with one.",
      }),
    ),
  }),
  response: {
    200: {
      description: "The messages.",
      headers: {
        "content-disposition": Schema.string({
          description: "The name of the file: messages.ndjson or messages.csv.",
        }),
      },
      content: {
        "application/x-ndjson": {
          schema: Schema.string({
            description: "One JSON object a line. U+007F to U+009F, U+2028 and U+2029 are escaped.",
          }),
        },
        "text/csv": {
          schema: Schema.string({ description: "RFC 4180, UTF-8. A null text is an empty cell." }),
        },
      },
    },
    ...problemResponses(422, 429, 500, 503),
  },
};
